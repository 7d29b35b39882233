"""The report page: what it compares, and that odd columns never stop it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitor.errors import InvalidValue, NotFound
from monitor.reports import choose_spans, drift_report
from monitor.schemas import Feature, FeatureKind
from monitor.windows import Window

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
FEATURES = {
    "age": Feature("age", FeatureKind.NUMERIC, "feature_age"),
    "plan": Feature("plan", FeatureKind.CATEGORICAL, "feature_plan"),
    "gone": Feature("gone", FeatureKind.NUMERIC, "feature_gone"),
}


def rows(shift: float, n: int = 400) -> pa.Table:
    random = np.random.default_rng(4)
    return pa.table(
        {
            "age": random.normal(40 + shift, 5, n),
            "plan": random.choice(["basic", "pro"], n),
            "gone": pa.array([None] * n, pa.float64()),
            "prediction": ["1"] * n,
            "score": random.uniform(size=n),
        }
    )


def test_the_page_is_complete_and_names_the_columns_that_have_values() -> None:
    page = drift_report(rows(0), rows(20), FEATURES)
    assert page.lstrip().lower().startswith("<html") or "<!doctype html" in page.lower()
    assert "age" in page
    assert "plan" in page
    assert '"gone"' not in page


def test_too_few_rows_and_no_common_column_are_said() -> None:
    with pytest.raises(InvalidValue, match="the current rows are too few for a report: 1, 2 needed"):
        drift_report(rows(0), rows(0, 1), FEATURES)
    with pytest.raises(InvalidValue, match="no column has values on both sides"):
        drift_report(rows(0).select(["gone"]), rows(0).select(["gone"]), FEATURES)


def test_the_latest_window_is_compared_with_the_baselines_rows_or_else_with_the_first_window() -> None:
    windows = {Window(START + i * DAY, DAY) for i in (0, 1, 5)}
    spans = choose_spans(windows, DAY, None, (START, START + timedelta(hours=5)))
    assert spans.current == (START + 5 * DAY, START + 6 * DAY)
    assert spans.reference == (START, START + timedelta(hours=5))
    assert choose_spans(windows, DAY, START + timedelta(hours=30), None).reference == (START, START + DAY)


def test_a_span_without_rows_is_an_error_that_says_which_has_some() -> None:
    with pytest.raises(NotFound, match="no rows yet"):
        choose_spans(set(), DAY, None, None)
    with pytest.raises(NotFound, match="the latest with rows is 2026-03-02"):
        choose_spans({Window(START, DAY)}, DAY, START + 9 * DAY, None)
    with pytest.raises(InvalidValue, match="nothing earlier"):
        choose_spans({Window(START, DAY)}, DAY, None, None)
