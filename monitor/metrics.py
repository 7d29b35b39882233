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
        MetricInfo("balanced_accuracy", "Balanced accuracy", "%", "low", "Mean over classes of the share found."),
        MetricInfo("pr_auc", "PR-AUC", bad="low", help="Average precision over all thresholds."),
        MetricInfo("log_loss", "Log loss", help="Mean of -ln of the probability given to what happened."),
        MetricInfo("brier", "Brier score", help="Mean squared error of the probabilities."),
        MetricInfo("calibration_error", "Calibration error", help="Mean gap of confidence and outcome, ten bins."),
        MetricInfo("confusion", "Confusion", help="Rows by label and prediction."),
        MetricInfo("mape", "MAPE", "%", "high", "Mean of error as a share of the label."),
        MetricInfo("r2", "R²", bad="low", help="Share of the labels' variance that is explained."),
        MetricInfo("pinball_10", "Pinball loss at 0.1", help="Quantile loss, prediction as the 10 % quantile."),
        MetricInfo("pinball_50", "Pinball loss at 0.5", help="Quantile loss, prediction as the median."),
        MetricInfo("pinball_90", "Pinball loss at 0.9", help="Quantile loss, prediction as the 90 % quantile."),
        MetricInfo("ndcg", "NDCG at 10", bad="low", help="Relevance of the first ten items, of what could be."),
        MetricInfo("map", "MAP", bad="low", help="Mean average precision of the requests' lists."),
        MetricInfo("mrr", "MRR", bad="low", help="Mean of 1 / place of the first relevant item."),
        MetricInfo("hit_rate", "Hit rate at 10", "%", "low", "Share of lists with a relevant item in the first ten."),
        MetricInfo("cost", "Cost", help="What the labelled predictions cost, by the cost matrix."),
        MetricInfo("cost_per_prediction", "Cost per prediction", help="The same per labelled prediction."),
        MetricInfo("label_delay_p50", "Label delay p50", "s", "high", "Half of the labels came sooner."),
        MetricInfo("label_delay_p95", "Label delay p95", "s", "high", "95 % of the labels came sooner."),
        MetricInfo("selection_rate", "Selection rate", "%", "both", "Share of a group given the positive class."),
        MetricInfo("tpr", "True positive rate", "%", "low", "Share of a group's positives that were found."),
        MetricInfo("fpr", "False positive rate", "%", "high", "Share of a group's negatives called positive."),
        MetricInfo("selection_rate_difference", "Selection difference", "%", "high", "Largest gap between groups."),
        MetricInfo("tpr_difference", "TPR difference", "%", "high", "Largest gap of true positive rates of groups."),
        MetricInfo("fpr_difference", "FPR difference", "%", "high", "Largest gap of false positive rates of groups."),
        MetricInfo("selection_rate_ratio", "Selection ratio", bad="low", help="Smallest rate of a group / largest."),
        MetricInfo("tpr_ratio", "TPR ratio", bad="low", help="Smallest true positive rate of a group / largest."),
        MetricInfo("fpr_ratio", "FPR ratio", bad="low", help="Smallest false positive rate of a group / largest."),
        MetricInfo("throughput", "Throughput", "/s", "low", "Predictions per second."),
        MetricInfo("predictions", "Predictions", bad="low", help="Predictions per window."),
        MetricInfo("error_rate", "Error rate", "%", "high", "Share of calls that failed."),
        MetricInfo("latency_p50", "Latency p50", "ms", "high", "Half of the calls were faster."),
        MetricInfo("latency_p95", "Latency p95", "ms", "high", "95 % of the calls were faster."),
        MetricInfo("latency_p99", "Latency p99", "ms", "high", "99 % of the calls were faster."),
        MetricInfo("latency_p90", "Latency p90", "ms", "high", "90 % of the calls were faster."),
        MetricInfo("latency_max", "Longest latency", "ms", "high", "The slowest call."),
        MetricInfo("client_error_rate", "Client errors", "%", "high", "Share of calls with a status of 400 to 499."),
        MetricInfo("server_error_rate", "Server errors", "%", "high", "Share of calls that the endpoint failed."),
        MetricInfo("timeout_rate", "Timeouts", "%", "high", "Share of calls that took longer than somebody waited."),
        MetricInfo("request_bytes_p50", "Request size p50", "B", "both", "Half of the requests were smaller."),
        MetricInfo("request_bytes_p95", "Request size p95", "B", "both", "95 % of the requests were smaller."),
        MetricInfo("request_bytes_max", "Largest request", "B", "high", "Bytes of the largest request."),
        MetricInfo("response_bytes_p50", "Response size p50", "B", "both", "Half of the responses were smaller."),
        MetricInfo("response_bytes_p95", "Response size p95", "B", "both", "95 % of the responses were smaller."),
        MetricInfo("response_bytes_max", "Largest response", "B", "high", "Bytes of the largest response."),
        MetricInfo("cpu_percent_mean", "CPU", "% of a core", "high", "Mean CPU use while calls were served."),
        MetricInfo("cpu_percent_max", "CPU, most", "% of a core", "high", "Largest CPU use of a call."),
        MetricInfo("memory_bytes_mean", "Memory", "B", "high", "Mean memory while calls were served."),
        MetricInfo("memory_bytes_max", "Memory, most", "B", "high", "Largest memory of a call."),
        MetricInfo("gpu_percent_mean", "GPU", "% of a GPU", "high", "Mean GPU use while calls were served."),
        MetricInfo("gpu_percent_max", "GPU, most", "% of a GPU", "high", "Largest GPU use of a call."),
        MetricInfo("gpu_memory_bytes_mean", "GPU memory", "B", "high", "Mean GPU memory while calls were served."),
        MetricInfo("gpu_memory_bytes_max", "GPU memory, most", "B", "high", "Largest GPU memory of a call."),
        MetricInfo("slo_burn", "Error budget burn", "x", "high", "How many times too fast the error budget is spent."),
        MetricInfo("slo_budget", "Error budget left", "%", "low", "Share of the period's error budget that is left."),
        MetricInfo("latency_mean", "Mean latency", "ms", "high", "Mean of all calls, where only their sum is known."),
        MetricInfo("labels", "Labels", bad="low", help="Predictions whose label has come."),
        MetricInfo("label_coverage", "Label coverage", "%", "low", "Share of predictions whose label is known."),
        MetricInfo("prediction_drift", "Prediction drift", help="Distance of the predictions from the baseline's."),
        MetricInfo("drift", "Drift", help="Jensen-Shannon distance from the baseline: 0 the same, 0.833 disjoint."),
        MetricInfo("target_drift", "Target drift", help="Distance of the labels from the baseline's."),
        MetricInfo("multivariate_drift", "Drift of many columns", help="What a many-column method computes."),
        MetricInfo("embedding_drift", "Embedding drift", help="The same of an embedding's numbered features."),
        MetricInfo("text_drift", "Text drift", help="The three looks at text columns together."),
        MetricInfo("text_length", "Text length", bad="both", help="Mean number of characters of a text column."),
        MetricInfo("text_new_words", "New words", "%", "high", "Share of words that the baseline's texts lack."),
        MetricInfo("text_classifier", "Text classifier", help="AUROC of telling new texts from the baseline's."),
        MetricInfo("missing_rate", "Missing", "%", "high", "Share of rows without a value."),
        MetricInfo(
            "type_errors", "Type errors", "%", "high", help="Share of rows whose value is not of the feature's kind."
        ),
        MetricInfo("out_of_range", "Out of range", "%", "high", "Share of values beyond the baseline's range."),
        MetricInfo("unseen_category", "Unseen categories", "%", "high", "Share of values the baseline does not have."),
        MetricInfo("schema_changes", "Schema changes", "", "high", "Features that are absent, new or of another kind."),
        MetricInfo("constant", "Constants", "", "both", "Features that became constant, or ceased to be."),
        MetricInfo("duplicates", "Duplicate rows", "%", "high", "Share of rows equal to another in every feature."),
        MetricInfo("repeated_ids", "Repeated ids", "%", "high", "Share of rows with another row's prediction id."),
        MetricInfo("outlier_rate", "Outliers", "%", "high", "Share of rows unlike any of the baseline's."),
        MetricInfo("freshness_p50", "Delay p50", "s", "high", "Half of the rows arrived sooner after their event."),
        MetricInfo("freshness_p95", "Delay p95", "s", "high", "95 % of the rows arrived sooner after their event."),
        MetricInfo("freshness_age", "Age", "s", "high", "From the newest row to the end of the window."),
        MetricInfo("volume", "Volume", "", "both", "Rows, as a multiple of what is usual at this time."),
        MetricInfo("data_quality", "Data quality", "", "high", "Findings of data quality, of all kinds together."),
        MetricInfo("silence", "Silence", "s", "high", "How long no prediction has arrived."),
    )
}
_ESTIMATED = {
    "accuracy": ("accuracy", "%", "low"),
    "auc": ("AUC", "", "low"),
    "f1": ("F1", "", "low"),
    "precision": ("precision", "%", "low"),
    "recall": ("recall", "%", "low"),
    "specificity": ("specificity", "%", "low"),
    "pr_auc": ("PR-AUC", "", "low"),
    "mae": ("MAE", "", "high"),
    "rmse": ("RMSE", "", "high"),
}
for _name, (_title, _unit, _bad) in _ESTIMATED.items():
    _estimated, _error = f"estimated_{_name}", f"estimation_error_{_name}"
    _why = f"The {_title} that labels are expected to show, before they come."
    KNOWN[_estimated] = MetricInfo(_estimated, f"Estimated {_title}", _unit, _bad, _why)
    if _name == "specificity":  # labels show none to compare it with
        continue
    _why = f"Estimated {_title} minus what labels showed in the end."
    KNOWN[_error] = MetricInfo(_error, f"Error of the estimated {_title}", _unit, "both", _why)
PERFORMANCE = ("auc", "accuracy", "f1", "precision", "recall", "mae", "rmse", "bias")
SERVICE = ("latency_p50", "latency_p95", "latency_p99", "error_rate", "throughput")
BY_THE_CLOCK = frozenset({"silence", "slo_burn"})
"""Metrics that jobs of their own judge at every moment, not window by window."""
MAIN = ("auc", "accuracy", "mae", "ndcg")
"""The metric a model is summed up with: the first of these it has."""


def describe(metric: str) -> MetricInfo:
    """What is known of a metric; one from a plug-in is called by its own name, and may be bad in either direction."""
    return KNOWN.get(metric) or MetricInfo(metric, metric.replace("_", " ").capitalize(), bad="both")


def format_value(metric: str, value: float | None) -> str:
    """A value as people write it.

    >>> [format_value(*pair) for pair in [("auc", 0.5149), ("error_rate", 0.0123), ("latency_p95", 41.6)]]
    ['0.51', '1.2 %', '42 ms']
    >>> [format_value("error_rate", share) for share in (0.0004, 0.996, 1.0)]
    ['0.04 %', '99.6 %', '100 %']
    >>> format_value("predictions", 31250.0), format_value("auc", None)
    ('31,250', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    info = describe(metric)
    if info.share:
        return f"{_percent(value)} %"
    return f"{_number(metric, value)} {info.unit}".rstrip() if info.unit != "/s" else f"{_number(metric, value)}/s"


def _percent(share: float) -> str:
    """With one decimal; none from 99.95 on, and as many as a share near 0 needs to tell it from 0."""
    size = abs(share)
    if 0 < size < 0.0005:
        return f"{share * 100:.1g}"
    return f"{share * 100:.1f}" if size < 0.9995 else f"{share * 100:.0f}"


def _number(metric: str, value: float) -> str:
    if metric in ("predictions", "labels") or abs(value) >= 100:
        return f"{value:,.0f}"
    if metric in ("auc", "f1", "drift", "prediction_drift"):
        return f"{value:.2f}"
    return f"{value:.0f}" if abs(value) >= 10 and metric.startswith("latency") else f"{value:.3g}"
