"""What `kedge monitor` can be told of a monitor: the options, and the rule they make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from monitor.errors import InvalidValue
from monitor.evaluation import MonitorRule, Severity
from monitor.evaluation.check_rule import default_threshold
from monitor.jobs import Stores
from monitor.windows import format_size, parse_span

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")]
MonitorName = Annotated[
    str, typer.Argument(metavar="NAME", help="The monitor's name, as `kedge monitor list` shows it.")
]
Metric = Annotated[str, typer.Option(help="What it looks at: auc, drift, latency_p95, …")]
Threshold = Annotated[
    str, typer.Option(metavar="JSON", help='When it is a breach, as in {"kind": "constant", "high": 250}.')
]
Compared = Annotated[
    str,
    typer.Option(
        "--baseline", metavar="JSON", help='What it is compared with, as in {"kind": "rolling", "span": "28d"}.'
    ),
]
Preset = Annotated[str, typer.Option(help="Drift as another tool judges it: evidently_default, nannyml_default.")]
Span = Annotated[str, typer.Option("--window", help="Window size: 5m, 1h, 1d, 1w, or 5000 rows.")]
SegmentName = Annotated[str, typer.Option("--segment", help="all, region=eu, region=* (each of them), * (every one).")]
Breaches = Annotated[int | None, typer.Option(help="Breaches that open an incident, …")]
Looks = Annotated[int | None, typer.Option(help="… among so many last windows.")]
Recoveries = Annotated[int | None, typer.Option(help="Windows in a row without a breach that end it.")]
MinRows = Annotated[int | None, typer.Option(help="Windows with fewer rows are never an alarm.")]
SeverityName = Annotated[Severity | None, typer.Option(help="How bad a breach is.")]


def build_rule(
    stores: Stores,
    metric: str,
    name: str,
    threshold: str,
    baseline: str,
    preset: str,
    window: str,
    segment: str,
    numbers: Mapping[str, Any],
) -> MonitorRule:
    """The rule that the options describe. Raises InvalidValue for what can't be read."""
    span = parse_span(window) if window else stores.window_size
    label = name or " ".join([metric, format_size(span), *([segment] if segment != "all" else [])])
    numbers = {"min_rows": stores.settings.monitoring.min_rows, **numbers}
    told = read_threshold(threshold, baseline, preset, default_threshold(metric))
    return MonitorRule(label, metric, span, told, segment=segment, **numbers)


def read_threshold(threshold: str, baseline: str, preset: str, otherwise: Mapping[str, Any]) -> dict[str, Any]:
    """The threshold that the options name, else the other one; with the baseline they name."""
    if preset and threshold:
        raise InvalidValue("--preset and --threshold are two answers to one question; name one of them")
    told = _object("--threshold", threshold) if threshold else dict(otherwise)
    if preset:
        told = {"kind": "calibrated"} if preset == "calibrated" else {"kind": "preset", "name": preset}
    if baseline:
        told["baseline"] = _object("--baseline", baseline)
    return told


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidValue(f"{option} {text!r} is not JSON: {error}; accepted: an object") from None
    if not isinstance(value, dict):
        raise InvalidValue(f'{option} {text!r} is not an object; accepted: such as {{"kind": "constant"}}')
    return value


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
