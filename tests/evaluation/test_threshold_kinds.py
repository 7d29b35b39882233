"""Kinds of thresholds and references: what they bound, and what is refused in words that say what is accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from monitor.errors import InvalidValue
from monitor.evaluation import MonitorRule
from monitor.evaluation.check_rule import check_rule, default_threshold
from monitor.evaluation.references import Reference, reference_of, reference_spans
from monitor.evaluation.threshold_kinds import check_threshold
from monitor.evaluation.thresholds import Bounds, bounds_of
from monitor.metrics import KNOWN
from monitor.points import Point
from monitor.windows import Window, parse_span

HOUR = timedelta(hours=1)
NORMAL = [float(value) for value in range(101)]
POINT = Point("latency_p95", 50.0, 100)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_quantiles_of_what_is_normal_are_numpys() -> None:
    rng = np.random.default_rng(5)
    normal = rng.normal(size=37).tolist()
    bounds = bounds_of({"kind": "quantile", "low": 0.05, "high": 0.9}, POINT, normal)
    assert bounds is not None
    assert (bounds.low, bounds.high) == pytest.approx(tuple(np.quantile(normal, [0.05, 0.9])))


@pytest.mark.parametrize(
    ("threshold", "normal", "expected"),
    [
        ({"kind": "quantile"}, NORMAL, (1, 99)),
        ({"kind": "quantile", "direction": "high"}, NORMAL, (None, 99)),
        ({"kind": "quantile", "smallest": 60}, NORMAL, (-10, 110)),
        ({"kind": "quantile"}, NORMAL[:4], None),
        ({"kind": "relative", "to": "1w"}, [200.0], (160, 240)),
        ({"kind": "relative", "to": "1d", "share": 0.5, "direction": "high"}, [200.0], (None, 300)),
        ({"kind": "relative", "to": "1d", "share": 0.0, "smallest": 5}, [200.0], (195, 205)),
        ({"kind": "relative", "to": "1d"}, [], None),
    ],
)
def test_bounds(threshold: dict[str, Any], normal: list[float], expected: tuple[float | None, float | None]) -> None:
    bounds = bounds_of(threshold, POINT, normal)
    found = (bounds.low, bounds.high) if isinstance(bounds, Bounds) else None
    assert found == (pytest.approx(expected) if expected else None)


@pytest.mark.parametrize(
    ("metric", "threshold", "said"),
    [
        (
            "auc",
            {"kind": "calibrated"},
            "kind 'calibrated' is not for auc; accepted: constant, baseline, quantile, rel",
        ),
        ("drift", {"kind": "constant", "high": 1}, "'constant' is not for drift; accepted: calibrated, method, preset"),
        ("auc", {}, "kind None is not for auc"),
        ("auc", {"kind": "constant"}, "needs low, high or both"),
        ("auc", {"kind": "constant", "low": 2, "high": 1}, "low 2 is above high 1"),
        ("auc", {"kind": "constant", "low": "0.5"}, "low is '0.5'; accepted: a number"),
        ("auc", {"kind": "constant", "low": 10**400}, "; accepted: a number"),
        ("auc", {"kind": "constant", "low": True}, "low is True; accepted: a number"),
        ("auc", {"kind": "constant", "hi": 1}, "a constant threshold has no 'hi'; accepted: low, high, baseline"),
        ("auc", {"kind": "baseline", "direction": "up"}, "direction 'up' is not known; accepted: low, high, both"),
        ("auc", {"kind": "baseline", "sigmas": -1}, "sigmas is -1; accepted: 0 or more"),
        ("auc", {"kind": "quantile", "low": 2}, "low is 2; accepted: 0 to 1"),
        ("auc", {"kind": "relative"}, "a relative threshold needs 'to'"),
        ("auc", {"kind": "many_columns"}, "kind 'many_columns' is not for auc"),
        ("multivariate_drift", {"kind": "calibrated"}, "accepted: many_columns, sequence"),
        (
            "multivariate_drift",
            {"kind": "many_columns", "method": "psi"},
            "method 'psi' is not known; accepted: centro",
        ),
        ("multivariate_drift", {"kind": "many_columns", "columns": "age"}, "columns is 'age'; accepted: a list of"),
        (
            "multivariate_drift",
            {"kind": "many_columns", "baseline": {}},
            "has no 'baseline'; accepted: method, columns",
        ),
        ("embedding_drift", {"kind": "embedding", "method": "pca_reconstruction"}, "accepted: centroid, domain_cl"),
        ("text_drift", {"kind": "text", "columns": []}, "accepted: a list of names"),
        ("text_drift", {"kind": "sequence"}, "kind 'sequence' is not for text_drift; accepted: text"),
        ("auc", {"kind": "sequence", "method": "psi"}, "method 'psi' is not known; accepted: adwin, cusum"),
        ("auc", {"kind": "sequence", "expected_run_length": 19}, "expected_run_length is 19; accepted: 20 to 20000"),
        ("auc", {"kind": "sequence", "baseline": {}}, "a sequence threshold has no 'baseline'"),
        ("target_drift", {"kind": "baseline"}, "accepted: calibrated, sequence"),
        ("auc", {"kind": "relative", "to": "soon"}, "window size 'soon' is not usable"),
        ("drift", {"kind": "calibrated", "method": "magic"}, "method 'magic' is not known; accepted: "),
        ("drift", {"kind": "calibrated", "baseline": "last week"}, "accepted: an object of kind frozen, rolling"),
        ("drift", {"kind": "calibrated", "baseline": {"kind": "rolling"}}, "a rolling baseline needs a span"),
        ("drift", {"kind": "calibrated", "baseline": {"kind": "rolling", "span": "1d", "weeks": 2}}, "has no 'weeks'"),
        (
            "drift",
            {"kind": "calibrated", "baseline": {"kind": "same_hour_of_week", "weeks": 0}},
            "weeks is 0; accepted",
        ),
        ("drift", {"kind": "preset", "name": "magic"}, "name 'magic' is not known; accepted: calibrated, evidently_de"),
        ("drift", {"kind": "preset"}, "a preset threshold needs 'name'"),
        ("drift", {"kind": "method"}, "a method threshold needs 'method'"),
        ("drift", {"kind": "method", "method": "magic"}, "method 'magic' is not known; accepted: anderson, chisquare"),
        (
            "drift",
            {"kind": "method", "method": "psi", "threshold": -1},
            "threshold threshold is -1; accepted: 0 or more",
        ),
        ("silence", {"kind": "silence", "factor": 0.5}, "factor is 0.5; accepted: 1 or more"),
        ("drift", {"kind": "calibrated", "method": "anderson"}, "accepted: hellinger, jensenshannon, kl_div, ks, linf"),
    ],
)
def test_what_could_never_be_judged_is_refused(metric: str, threshold: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said.replace("(", r"\(")):
        check_threshold(metric, threshold)


@pytest.mark.parametrize("metric", ["auc", "drift", "prediction_drift", "silence", "latency_p95", "bias"])
def test_every_metric_has_a_threshold_when_none_is_named(metric: str) -> None:
    check_rule(MonitorRule("m", metric, HOUR, default_threshold(metric)), KNOWN)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": "acu"}, "metric 'acu' is not known; did you mean 'auc'"),
        ({"metric": "tpr"}, "tpr has a value for each part and none of the whole; watch tpr_difference"),
        ({"metric": "confusion"}, "watch accuracy or balanced_accuracy"),
        ({"name": " "}, "monitor name ' ' is not usable"),
        ({"breaches": 4, "looks": 3}, "breaches is 4; accepted: 1 to looks, which is 3"),
        ({"looks": 0, "breaches": 0}, "looks is 0"),
        ({"recoveries": 0}, "recoveries is 0"),
        ({"min_rows": -1}, "min_rows is -1"),
        ({"segment": "eu"}, "segment 'eu' is not usable; accepted: all"),
        (
            {"window": parse_span("500 rows"), "threshold": {"kind": "relative", "to": "1d"}},
            "needs windows of a length of time, not of 500 rows",
        ),
        (
            {"metric": "drift", "threshold": {"kind": "preset", "name": "evidently_default"}, "segment": "region=*"},
            "a preset threshold is about the whole model",
        ),
    ],
)
def test_a_monitor_that_makes_no_sense_is_refused(fields: dict[str, Any], said: str) -> None:
    rule = MonitorRule(
        **{"name": "m", "metric": "auc", "window": HOUR, "threshold": default_threshold("auc"), **fields}
    )
    with pytest.raises(InvalidValue, match=said):
        check_rule(rule, KNOWN)


def test_a_rolling_reference_ends_before_the_window_by_its_gap() -> None:
    reference = reference_of({"baseline": {"kind": "rolling", "span": "7d", "gap": "1d"}})
    assert reference == Reference(timedelta(days=7), timedelta(days=1))
    (span,) = reference_spans(reference, Window(MONDAY, HOUR))
    assert (span.start, span.end) == (MONDAY - timedelta(days=8), MONDAY - timedelta(days=1))


def test_the_same_hour_of_the_week_is_the_whole_hour_for_shorter_windows_and_the_window_for_longer_ones() -> None:
    reference = reference_of({"baseline": {"kind": "same_hour_of_week", "weeks": 2}})
    assert reference is not None
    week = timedelta(days=7)
    short = Window(MONDAY + timedelta(minutes=25), timedelta(minutes=5))
    assert [(s.start, s.size) for s in reference_spans(reference, short)] == [
        (MONDAY - 2 * week, HOUR),
        (MONDAY - week, HOUR),
    ]
    day = Window(MONDAY, timedelta(days=1))
    assert [s.start for s in reference_spans(reference, day)] == [MONDAY - 2 * week, MONDAY - week]


def test_a_frozen_reference_is_the_models_baseline() -> None:
    assert reference_of({}) is None
    assert reference_of({"baseline": {"kind": "frozen"}}) is None
