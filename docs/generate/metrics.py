"""docs/reference/metrics.md: every metric that an evaluation gives, found by evaluating a small window."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from collectors.flush_totals import FlushMetrics
from collectors.gate import GateMetrics
from collectors.inbox_reader import InboxReader
from collectors.metrics import CollectorMetrics
from docs.generate.markdown import code, join, table
from monitor.baselines import BaselineProfile
from monitor.config import Settings
from monitor.evaluation import MonitorRule, WindowFacts, default_rules, evaluate_window
from monitor.metrics import describe
from monitor.performance import primary_metric
from monitor.profiles import NumericProfile, ServiceProfile, WindowProfile
from monitor.schemas import Task
from monitor.windows import parse_size, window_of

# Unit and meaning, where those of the read models say too little.
_MEANINGS = {
    "labels": ("", "Labels that have come for predictions of the window."),
    "type_errors": ("%", "Share of rows whose value is not of the feature's kind."),
}
_UNITS = {"/s": "per second", "%": "share, 0 to 1", "s": "seconds"}
_BAD = {"low": "a fall", "high": "a rise", "both": "either"}


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    per_feature: bool
    tasks: frozenset[Task]
    """The tasks that have it; all of them for service metrics."""


def page() -> str:
    return join(
        "# Metrics",
        "Names as they are in the API, the control database and messages. A point has a value, the number of rows "
        "behind it, where there is one a 95 % interval, and a status: `ok`, `insufficient` (too few rows) or "
        "`undefined` (with the reason). `silence` is judged by the clock and has no points.",
        table(["metric", "unit", "about", "bad is", "models", "meaning"], [_row(metric) for metric in metrics()]),
        "Shares are stored from 0 to 1 and shown in percent. Counts are re-weighted by `sampling_fraction`. What a "
        "distance of 0.1 or 0.2 means is in [Concepts](../concepts.md#drift).",
        "## Default monitors",
        "A model that nobody configured gets these, with the windows and rows of the `monitoring` settings. The first "
        "three start at once, the others with the first baseline. `3 of 4` opens an incident at three breaches among "
        "the last four decided windows, the newest being one.",
        table(
            ["monitor", "metric", "threshold", "opens at", "ends after", "rows needed", "severity"],
            [_rule_row(rule) for rule in rules()],
        ),
        "A model is judged by one performance metric: `auc` for binary models with scores, `accuracy` for other "
        "classifiers, `mae` for regressions. A breach that is twice as far out as allowed is critical.",
        "## The collector's own metrics",
        "`GET /metrics` of the collector, in Prometheus' text format. `kedge pull --metrics-port` "
        "serves those of its sources.",
        table(["metric", "kind", "labels", "meaning"], _collector_rows()),
    )


def metrics() -> list[Metric]:
    """Every metric of every task, in the order an evaluation gives them."""
    found: dict[tuple[str, bool], set[Task]] = {}
    for task in Task:
        for key in [*_evaluated(task), ("silence", False)]:
            found.setdefault(key, set()).add(task)
    return [Metric(name, per_feature, frozenset(tasks)) for (name, per_feature), tasks in found.items()]


def rules() -> list[MonitorRule]:
    """The default monitors of all tasks; what several have comes once."""
    wanted = Settings.model_fields["monitoring"].default
    found: dict[str, MonitorRule] = {}
    for task, scored in ((Task.BINARY, True), (Task.MULTICLASS, False), (Task.REGRESSION, False)):
        made = default_rules(task, scored, True, parse_size(wanted.window), wanted.min_rows, wanted.smallest_drift)
        assert made[-1].metric == primary_metric(task, scored)
        found |= {rule.name: rule for rule in made}
    return list(found.values())


def _evaluated(task: Task) -> list[tuple[str, bool]]:
    column = NumericProfile.of(np.arange(100.0), [25.0, 50.0, 75.0])
    window = window_of(datetime(2026, 3, 4, tzinfo=UTC), timedelta(hours=1))
    found: dict[tuple[str, bool], None] = {}
    for service in (ServiceProfile(), ServiceProfile(rows=1, weight=1, latency_total=1, summed=1)):  # a log; counters
        profile = WindowProfile(columns={"age": column}, prediction=column, type_errors={"age": 1}, service=service)
        facts = WindowFacts(window, profile, BaselineProfile({}, None, profile), task=task, positive_class="1")
        points, _ = evaluate_window(facts, [])
        found |= dict.fromkeys((point.metric, bool(point.column)) for point in points)
    return list(found)


def _row(metric: Metric) -> list[str]:
    info = describe(metric.name)
    unit, meaning = _MEANINGS.get(metric.name, (info.unit, info.help))
    return [
        code(metric.name),
        _UNITS.get(unit, unit),
        "one feature" if metric.per_feature else "the model",
        _BAD[info.bad],
        "all" if metric.tasks == frozenset(Task) else ", ".join(task for task in Task if task in metric.tasks),
        meaning,
    ]


def _rule_row(rule: MonitorRule) -> list[str]:
    return [
        code(rule.name),
        code(rule.metric),
        code(json.dumps(rule.threshold)),
        f"{rule.breaches} of {rule.looks}",
        f"{rule.recoveries} fine",
        str(rule.min_rows),
        rule.severity.value,
    ]


def _collector_rows() -> list[list[str]]:
    registry = CollectorRegistry()
    made = [*vars(CollectorMetrics(registry)).values(), *vars(GateMetrics(registry)).values()]
    kept = [each for each in made if isinstance(each, MetricWrapperBase)]
    families = [(*instrument.describe(), instrument._labelnames) for instrument in kept]
    with TemporaryDirectory() as folder, closing(InboxReader(Path(folder) / "inbox.sqlite")) as inbox:
        families += [(family, family._labelnames) for family in FlushMetrics(inbox).collect()]
    return [
        [
            code(family.name + ("_total" if family.type == "counter" else "")),
            family.type,
            ", ".join(map(code, labels)),
            family.documentation,
        ]
        for family, labels in families
    ]
