"""What people call each metric, its unit, and how its values are written."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric's title, its unit ("" for a plain number), and which direction is the bad one."""

    name: str
    title: str
    unit: str = ""
    bad: str = "high"
    help: str = ""

    @property
    def share(self) -> bool:
        return self.unit == "%"


KNOWN = {
    info.name: info
    for info in (
        MetricInfo("auc", "AUC", bad="low", help="Chance that a positive case is scored above a negative one."),
        MetricInfo("accuracy", "Accuracy", "%", "low", "Share of labelled predictions that were right."),
        MetricInfo("precision", "Precision", "%", "low", "Share of positive predictions that were right."),
        MetricInfo("recall", "Recall", "%", "low", "Share of positive cases that were found."),
        MetricInfo("f1", "F1", bad="low", help="Harmonic mean of precision and recall."),
        MetricInfo("mae", "MAE", help="Mean absolute error."),
        MetricInfo("rmse", "RMSE", help="Root of the mean squared error."),
        MetricInfo("bias", "Bias", bad="both", help="Mean of prediction minus label."),
        MetricInfo("throughput", "Throughput", "/s", "low", "Predictions per second."),
        MetricInfo("predictions", "Predictions", bad="low", help="Predictions per window."),
        MetricInfo("error_rate", "Error rate", "%", "high", "Share of calls that failed."),
        MetricInfo("latency_p50", "Latency p50", "ms", "high", "Half of the calls were faster."),
        MetricInfo("latency_p95", "Latency p95", "ms", "high", "95 % of the calls were faster."),
        MetricInfo("latency_p99", "Latency p99", "ms", "high", "99 % of the calls were faster."),
        MetricInfo("latency_mean", "Mean latency", "ms", "high", "Mean of all calls, where only their sum is known."),
        MetricInfo("labels", "Labels", bad="low", help="Predictions whose label has come."),
        MetricInfo("label_coverage", "Label coverage", "%", "low", "Share of predictions whose label is known."),
        MetricInfo("prediction_drift", "Prediction drift", help="Distance of the predictions from the baseline's."),
        MetricInfo("drift", "Drift", help="Jensen-Shannon distance from the baseline: 0 the same, 0.833 disjoint."),
        MetricInfo("missing_rate", "Missing", "%", "high", "Share of rows without a value."),
        MetricInfo(
            "type_errors", "Type errors", "%", "high", help="Share of rows whose value is not of the feature's kind."
        ),
        MetricInfo("silence", "Silence", "s", "high", "How long no prediction has arrived."),
    )
}
PERFORMANCE = ("auc", "accuracy", "f1", "precision", "recall", "mae", "rmse", "bias")
SERVICE = ("latency_p50", "latency_p95", "latency_p99", "error_rate", "throughput")
MAIN = ("auc", "accuracy", "mae")
"""The metric a model is summed up with: the first of these it has."""


def describe(metric: str) -> MetricInfo:
    """What is known of a metric; one from a plug-in is called by its own name."""
    return KNOWN.get(metric) or MetricInfo(metric, metric.replace("_", " ").capitalize())


def format_value(metric: str, value: float | None) -> str:
    """A value as people write it.

    >>> [format_value(*pair) for pair in [("auc", 0.5149), ("error_rate", 0.0123), ("latency_p95", 41.6)]]
    ['0.51', '1.2 %', '42 ms']
    >>> format_value("predictions", 31250.0), format_value("auc", None)
    ('31,250', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    info = describe(metric)
    if info.share:
        return f"{value * 100:.{1 if abs(value) < 0.995 else 0}f} %"
    return f"{_number(metric, value)} {info.unit}".rstrip() if info.unit != "/s" else f"{_number(metric, value)}/s"


def _number(metric: str, value: float) -> str:
    if metric in ("predictions", "labels") or abs(value) >= 100:
        return f"{value:,.0f}"
    if metric in ("auc", "f1", "drift", "prediction_drift"):
        return f"{value:.2f}"
    return f"{value:.0f}" if abs(value) >= 10 and metric.startswith("latency") else f"{value:.3g}"
