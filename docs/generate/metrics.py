"""docs/reference/metrics.md: every metric that an evaluation gives, found by evaluating a small window of each task."""

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
from monitor.estimation.points import CLASSIFICATION, ERROR_PREFIX, PREFIX, REGRESSION
from monitor.evaluation import MonitorRule, WindowFacts, default_rules, evaluate_window
from monitor.fairness import RATES
from monitor.metrics import describe
from monitor.performance import PERFORMANCE_METRICS, primary_metric
from monitor.performance.rows import error_profile
from monitor.profiles import (
    CategoricalProfile,
    GroupProfile,
    LabelledProfile,
    LatencySketch,
    NumericProfile,
    ServiceProfile,
    WindowProfile,
)
from monitor.profiles.quality import QualityProfile
from monitor.profiles.usage import Usage
from monitor.schemas import Task
from monitor.windows import parse_size, window_of

# Unit and meaning, where those of the read models say too little.
_MEANINGS = {
    "labels": ("", "Labels that have come for predictions of the window."),
    "type_errors": ("%", "Share of rows whose value is not of the feature's kind."),
}
_UNITS = {"/s": "per second", "%": "share, 0 to 1", "s": "seconds"}
_BAD = {"low": "a fall", "high": "a rise", "both": "either"}
_MODEL, _FEATURE, _GROUP, _OBJECTIVE = "the model", "a feature", "a group", "an objective"
_SUBJECTS = {"confusion": "a label and a prediction", **dict.fromkeys(RATES, _GROUP)}
# What other jobs than an evaluation give, and what is worked out only where a monitor asks for it.
_ELSEWHERE = {"data_quality": _MODEL, "silence": _MODEL, "slo_burn": _OBJECTIVE, "slo_budget": _OBJECTIVE}
_ASKED = {
    "multivariate_drift": _MODEL,
    "embedding_drift": "an embedding",
    "text_drift": _MODEL,
    "text_length": _FEATURE,
    "text_new_words": _FEATURE,
    "text_classifier": _FEATURE,
}
_CLASSES, _BINARY = frozenset({Task.BINARY, Task.MULTICLASS}), frozenset({Task.BINARY})


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    subjects: tuple[str, ...]
    """What it is about: the model, each feature, each group …"""
    tasks: frozenset[Task]
    """The tasks that have it; all of them for service metrics."""


def page() -> str:
    return join(
        "# Metrics",
        "Names as they are in the API, the control database and messages. A point has a value, the number of rows "
        "behind it, where there is one a 95 % interval, and a status: `ok`, `insufficient` (too few rows) or "
        "`undefined` (with the reason). `silence` is judged by the clock and has no points; `data_quality` and "
        "`text_drift` are the verdict on many. The drift of rows, embeddings and texts is worked out where a "
        "[monitor](../how-to/many-columns.md) asks for it. What metrics mean in full, and what they can't tell, is in "
        "[What is measured](../metrics.md).",
        table(["metric", "unit", "about", "bad is", "models", "meaning"], [_row(metric) for metric in metrics()]),
        "Shares are stored from 0 to 1 and shown in percent. Counts of calls are re-weighted by `sampling_fraction`. "
        "[Custom metrics](../how-to/own-metrics.md) have the names they were given. What a distance of 0.1 means "
        "is in [Concepts](../concepts.md#drift).",
        "## Default monitors",
        "A model that nobody configured gets these, with the windows and rows of the `monitoring` settings. "
        f"{_listed(rules(has_baseline=False))} start at once, the others with the first baseline. `3 of 4` opens an "
        "incident at three breaches among the last four decided windows, the newest being one.",
        table(
            ["monitor", "metric", "threshold", "opens at", "ends after", "rows needed", "severity"],
            [_rule_row(rule) for rule in rules()],
        ),
        "A model is judged by one performance metric: `auc` for binary models with scores, `accuracy` for other "
        "classifiers, `mae` for regressions, `ndcg` for rankings. Estimated performance is watched where there are "
        "scores, or the predictions are numbers. A breach that is twice as far out as allowed is critical. A model "
        "with [segments](../how-to/segments.md) has those of drift, errors and performance per segment as well, and "
        "one with [objectives](../how-to/slo.md) two for each of them.",
        "## The collector's own metrics",
        "`GET /metrics` of the collector, in Prometheus' text format. `kedge pull --metrics-port` "
        "serves those of its sources.",
        table(["metric", "kind", "labels", "meaning"], _collector_rows()),
    )


def metrics() -> list[Metric]:
    """Every metric of every task, in the order an evaluation gives them."""
    subjects: dict[str, dict[str, None]] = {}
    tasks: dict[str, set[Task]] = {}
    for task in Task:
        for name, subject in _evaluated(task):
            subjects.setdefault(name, {})[subject] = None
            tasks.setdefault(name, set()).add(task)
    found = [Metric(name, tuple(about), frozenset(tasks[name])) for name, about in subjects.items()]
    found += [Metric(name, (_MODEL,), each) for name, each in _estimated().items()]
    every = frozenset(Task)
    found += [Metric(name, (subject,), every) for name, subject in {**_ASKED, **_ELSEWHERE}.items()]
    return found


def rules(has_baseline: bool = True) -> list[MonitorRule]:
    """The default monitors of all tasks; what several have comes once."""
    wanted = Settings.model_fields["monitoring"].default
    size, found = parse_size(wanted.window), dict[str, MonitorRule]()
    for task in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION, Task.RANKING):
        scored = task is not Task.MULTICLASS
        made = default_rules(task, scored, has_baseline, size, wanted.min_rows, wanted.smallest_drift)
        assert not has_baseline or primary_metric(task, scored) in {rule.metric for rule in made}
        found |= {rule.name: rule for rule in made}
    return list(found.values())


def _listed(some: list[MonitorRule]) -> str:
    names = [code(rule.name) for rule in some]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _evaluated(task: Task) -> list[tuple[str, str]]:
    """The metrics of one task as (name, what it is about)."""
    window = window_of(datetime(2026, 3, 4, tzinfo=UTC), timedelta(hours=1))
    found: dict[tuple[str, str], None] = {}
    for service in _services():
        profile = _profile(task, service)
        baseline = BaselineProfile({}, None, profile)
        facts = WindowFacts(window, profile, baseline, task=task, positive_class="1", costs={"1": {"0": 1.0}})
        for point in evaluate_window(facts, [])[0]:
            found[point.metric, _SUBJECTS.get(point.metric, _FEATURE) if point.column else _MODEL] = None
    return list(found)


def _services() -> list[ServiceProfile]:
    """A log that says everything, and counters."""
    sketch, usage = LatencySketch.of([1.0]), Usage(1, 1.0, 1.0)
    used = dict.fromkeys(("cpu_percent", "memory_bytes", "gpu_percent", "gpu_memory_bytes"), usage)
    logged = ServiceProfile(
        rows=1, weight=1, latency=sketch, request_bytes=sketch, response_bytes=sketch, resources=used
    )
    return [logged, ServiceProfile(rows=1, weight=1, latency_total=1, summed=1)]


def _profile(task: Task, service: ServiceProfile) -> WindowProfile:
    """A window in which something is wrong with every feature."""
    column = NumericProfile.of(np.arange(100.0), [25.0, 50.0, 75.0])
    group = GroupProfile(1, 1, 1, 1, 1, 1)
    return WindowProfile(
        columns={"age": column, "plan": CategoricalProfile(("pro",), (99,), 1)},
        prediction=column,
        type_errors={"age": 1},
        service=service,
        labelled=_labelled(task),
        groups={"sex=f": group, "sex=m": group} if task in _BINARY else {},
        quality=QualityProfile(outside={"age": 1}),
    )


def _labelled(task: Task) -> LabelledProfile:
    if task in _CLASSES:
        return LabelledProfile(1, 1, {"1": {"0": 1}})
    numbers = np.array([1.0, 2.0])
    errors = error_profile(numbers, numbers)
    return LabelledProfile(2, 2, errors=errors) if task is Task.REGRESSION else LabelledProfile()


def _estimated() -> dict[str, frozenset[Task]]:
    """What is estimated before labels come, and how far off it was."""
    known = {**dict.fromkeys(CLASSIFICATION, _CLASSES), **dict.fromkeys(REGRESSION, frozenset({Task.REGRESSION}))}
    named = {PREFIX + name: tasks for name, tasks in known.items()}
    return named | {ERROR_PREFIX + name: tasks for name, tasks in known.items() if name in PERFORMANCE_METRICS}


def _row(metric: Metric) -> list[str]:
    info = describe(metric.name)
    unit, meaning = _MEANINGS.get(metric.name, (info.unit, info.help))
    return [
        code(metric.name),
        _UNITS.get(unit, unit),
        ", ".join(metric.subjects),
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
