"""What `kedge monitor` can be told of a monitor: the options, and the rule they make."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
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


@dataclass(frozen=True, slots=True)
class Judging:
    """What `add`, `edit` and `backtest` are all told of a monitor: when a value is a breach, and when that is news."""

    threshold: Threshold = ""
    baseline: Compared = ""
    breaches: Breaches = None
    looks: Looks = None
    recoveries: Recoveries = None
    min_rows: MinRows = None
    severity: SeverityName = None

    def numbers(self) -> dict[str, Any]:
        """Those fields of a rule that were given, but for its threshold."""
        named = {name: getattr(self, name) for name in ("breaches", "looks", "recoveries", "min_rows", "severity")}
        return {name: value for name, value in named.items() if value is not None}

    def read_threshold(self, otherwise: Mapping[str, Any], preset: str = "") -> dict[str, Any]:
        """The threshold that was given, else the other one, with the baseline that was. Raises InvalidValue."""
        if preset and self.threshold:
            raise InvalidValue("--preset and --threshold are two answers to one question; name one of them")
        told = _object("--threshold", self.threshold) if self.threshold else dict(otherwise)
        if preset:
            told = {"kind": "calibrated"} if preset == "calibrated" else {"kind": "preset", "name": preset}
        if self.baseline:
            told["baseline"] = _object("--baseline", self.baseline)
        return told


def with_judging(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option per field of `Judging` after its own; it gets them together, as `judging`."""
    signature = inspect.signature(command, eval_str=True)
    own = [option for option in signature.parameters.values() if option.name != "judging"]
    options = inspect.signature(Judging, eval_str=True).parameters
    shared = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options.values()]

    @wraps(command)
    def run(**given: Any) -> None:
        judging = Judging(**{name: given.pop(name) for name in options})
        command(**given, judging=judging)

    run.__annotations__ = {option.name: option.annotation for option in (*own, *shared)}
    run.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    return run


def build_rule(
    stores: Stores, metric: str, name: str, preset: str, window: str, segment: str, judging: Judging
) -> MonitorRule:
    """The rule that the options describe. Raises InvalidValue for what can't be read."""
    span = parse_span(window) if window else stores.window_size
    label = name or " ".join([metric, format_size(span), *([segment] if segment != "all" else [])])
    numbers = {"min_rows": stores.settings.monitoring.min_rows, **judging.numbers()}
    told = judging.read_threshold(default_threshold(metric), preset)
    return MonitorRule(label, metric, span, told, segment=segment, **numbers)


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidValue(f"{option} {text!r} is not JSON: {error}; accepted: an object") from None
    if not isinstance(value, dict):
        raise InvalidValue(f'{option} {text!r} is not an object; accepted: such as {{"kind": "constant"}}')
    return value
