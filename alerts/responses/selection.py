"""Which incidents a response answers to."""

from __future__ import annotations

from typing import Final

from monitor.config import ResponseSettings

DEFAULT_METRICS: Final = {
    "rollback": (
        "accuracy", "f1", "precision", "recall", "auc", "mae", "rmse", "prediction_drift", "error_rate", "latency_p95",
    ),
    "retrain": ("drift", "feature_drift", "prediction_drift", "accuracy", "f1", "auc", "mae", "rmse"),
}  # fmt: skip
"""What a response answers to when its settings name no metrics."""


def responds_to(settings: ResponseSettings, model: str, metric: str) -> bool:
    """Whether an incident of this metric of this model starts the response."""
    metrics = settings.metrics or DEFAULT_METRICS[settings.kind]
    return metric in metrics and ("*" in settings.models or model in settings.models)
