"""Every custom metric: a number or nan for any rows, the same in any order, the rows left as they were."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.engines import ProfileRequest, RowSource, get_engine
from monitor.errors import ConfigError
from monitor.lake import labels_table, predictions_table
from monitor.performance import performance_points
from monitor.performance.custom import get_metric, measure
from monitor.performance.rows import LabelledRows
from monitor.plugins import METRICS
from monitor.points import Status
from monitor.profiles import LabelledProfile
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Task

START = datetime(2026, 3, 4, tzinfo=UTC)


def rows(n: int, classes: int = 3, missing: bool = False) -> LabelledRows:
    random = np.random.default_rng(n)
    predicted, label = random.integers(0, classes, n), random.integers(0, classes, n)
    values = np.where(missing, math.nan, predicted.astype(np.float64))
    texts = [column.astype(str).astype(object) for column in (predicted, label)]
    return LabelledRows(*texts, values, label.astype(np.float64), random.uniform(size=n))


@pytest.fixture(params=METRICS.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_number_for_rows_of_any_kind(name: str) -> None:
    for drawn in (rows(1), rows(60), rows(60, classes=1), rows(60, missing=True)):
        assert isinstance(get_metric(name)(drawn), float)


def test_the_order_of_rows_does_not_matter(name: str) -> None:
    drawn = rows(80)
    shuffled = drawn.take(np.random.default_rng(1).permutation(80))
    assert get_metric(name)(drawn) == pytest.approx(get_metric(name)(shuffled), rel=1e-12)


def test_rows_are_left_as_they_were(name: str) -> None:
    drawn, same = rows(80), rows(80)
    get_metric(name)(drawn)
    assert (drawn.label == same.label).all()
    assert (drawn.prediction_value == same.prediction_value).all()
    assert (drawn.score == same.score).all()


def test_it_says_what_it_is(name: str) -> None:
    assert get_metric(name).__doc__


def test_a_function_that_fails_is_a_reason_and_stops_nothing() -> None:
    def broken(_: LabelledRows) -> float:
        raise ValueError("no money column")

    found = measure(broken, rows(50))
    assert (found.value, found.reason) == (None, "ValueError: no money column")
    assert measure(lambda _: math.inf, rows(50)).reason == "the function gave inf"
    assert measure(broken, rows(0)).reason == "no labelled prediction in this window"


def test_a_metric_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match="cohens_kappa, matthews_correlation"):
        get_metric("vibes")


def test_the_engine_works_out_the_metrics_that_are_asked_for() -> None:
    drawn = rows(120)
    records = [
        PredictionRecord(
            model="m", prediction_id=f"p{i}", event_time=START, received_time=START, prediction=drawn.prediction[i]
        )
        for i in range(120)
    ]
    labels = [
        LabelRecord(model="m", prediction_id=f"p{i}", label=drawn.label[i], label_time=START, received_time=START)
        for i in range(120)
    ]
    request = ProfileRequest(
        RowSource(table=predictions_table(records, {})),
        RowSource(table=labels_table(labels)),
        START,
        START + timedelta(hours=1),
        task=Task.MULTICLASS,
        metrics=("cohens_kappa",),
    )
    profile = get_engine().profile(request).labelled
    points = {point.metric: point for point in performance_points(profile, Task.MULTICLASS, None)}
    assert points["cohens_kappa"].value == pytest.approx(get_metric("cohens_kappa")(drawn), rel=1e-12)
    assert points["cohens_kappa"].low is not None
    twice = {point.metric: point for point in performance_points(profile.merge(profile), Task.MULTICLASS, None)}
    assert twice["cohens_kappa"].status is Status.UNDEFINED
    assert "single windows" in twice["cohens_kappa"].reason
    assert profile.merge(LabelledProfile()).custom == profile.custom
