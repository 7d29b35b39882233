"""Which incidents a response answers to."""

from __future__ import annotations

from typing import Final

from monitor.config import ResponseSettings
from monitor.estimation import ESTIMATED_METRICS
from monitor.performance import PERFORMANCE_METRICS
from monitor.service import LATENCIES

# The sum of all costs rises with the traffic; the cost per prediction tells of the model.
_PERFORMANCE: Final = PERFORMANCE_METRICS - {"cost"}
_SERVICE: Final = frozenset(
    {
        *("error_rate", "server_error_rate", "timeout_rate", "slo_burn"),
        *(*LATENCIES, "latency_mean"),
    }
)
_DRIFT: Final = frozenset({"drift", "target_drift", "multivariate_drift", "embedding_drift", "text_drift"})

DEFAULT_METRICS: Final = {
    # What a version may be to blame for. Estimates are left out: they read a new version's scores as the old one's.
    "rollback": _PERFORMANCE | _SERVICE | {"prediction_drift"},
    # What training on newer rows may mend. Broken data is left out: a model must not learn it.
    "retrain": _PERFORMANCE | ESTIMATED_METRICS | _DRIFT | {"prediction_drift"},
}
"""What a response answers to when its settings name no metrics."""


def responds_to(settings: ResponseSettings, model: str, metric: str) -> bool:
    """Whether an incident of this metric of this model starts the response."""
    metrics = settings.metrics or DEFAULT_METRICS[settings.kind]
    return metric in metrics and ("*" in settings.models or model in settings.models)
