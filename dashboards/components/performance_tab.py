"""Performance: how right is it, how right does it seem before labels come, and is it so for everybody?"""

from __future__ import annotations

from dashboards import data
from dashboards.components.empty import nothing_here
from dashboards.components.fairness import fairness
from dashboards.components.filters import Scope
from dashboards.components.metric_parts import chart_title, metric, metric_grid
from monitor.estimation.points import ERROR_PREFIX as ERROR
from monitor.estimation.points import PREFIX as ESTIMATED
from monitor.metrics import PERFORMANCE
from monitor.queries import SeriesPoint, describe

MORE = (
    "balanced_accuracy", "pr_auc", "log_loss", "brier", "calibration_error", "r2", "mape", "pinball_10", "pinball_50",
    "pinball_90", "ndcg", "map", "mrr", "hit_rate", "cost_per_prediction", "cost", "label_coverage", "label_delay_p95",
)  # fmt: skip


def performance_tab(scope: Scope) -> None:
    """The metrics that sum it up, each with its estimate; then the others two by two, and fairness."""
    there = scope.summary.metrics
    first = [name for name in PERFORMANCE if name in there or ESTIMATED + name in there]
    if not first and not any(name in there for name in MORE):
        nothing_here("No performance yet", "It is computed once labels arrive for logged predictions.")
    for name in first:
        _metric(scope, name)
    own = [name for name in data.own_metrics(scope.name) if name in there]
    errors = [ERROR + name for name in first[:2] if ERROR + name in there]
    metric_grid(scope, [*own, *(name for name in MORE if name in there), *errors], key="performance")
    fairness(scope)


def _metric(scope: Scope, name: str) -> None:
    """The metric and, dashed, its estimate; the estimate alone where no label has come."""
    there, estimated = scope.summary.metrics, ESTIMATED + name
    if name not in there:
        chart_title(describe(estimated).title, describe(estimated).help)
        metric(scope, estimated, key="performance")
        return
    estimate: list[SeriesPoint] = []
    if estimated in there:
        estimate = data.series(scope.name, (estimated,), *scope.domain, scope.summary.row.window)
    dashed = "dashed: as estimated before labels came" if estimate else ""
    chart_title(describe(name).title, " · ".join(filter(None, [describe(name).help.rstrip("."), dashed])))
    metric(scope, name, key="performance", estimate=estimate)
