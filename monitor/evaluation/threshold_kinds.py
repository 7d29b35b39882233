"""What a monitor's threshold may say, checked when it is written and not when it should have alarmed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from monitor.drift.presets import PRESETS
from monitor.errors import InvalidValue
from monitor.evaluation.references import check_reference
from monitor.plugins import DRIFT_METHODS
from monitor.quality.finding import SMALLEST
from monitor.windows import parse_size

Check = Callable[[str, Any], None]
DRIFT_METRICS = frozenset({"drift", "prediction_drift"})
DIRECTIONS = ("low", "high", "both")


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A check that a value is a finite number in [low, high]."""

    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidValue(f"threshold {name} is {value!r}; accepted: a number")
        if not low <= value <= high:
            raise InvalidValue(f"threshold {name} is {value!r}; accepted: {_range(low, high)}")

    return check


def _range(low: float, high: float) -> str:
    return f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"


def _one_of(*accepted: str) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in accepted:
            raise InvalidValue(f"threshold {name} {value!r} is not known; accepted: {', '.join(accepted)}")

    return check


def _method(name: str, value: Any) -> None:
    _one_of(*DRIFT_METHODS.names())(name, value)


def _span(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidValue(f"threshold {name} is {value!r}; accepted: a time such as 1d or 1w")
    parse_size(value)


def _some_of(*accepted: str) -> Check:
    def check(name: str, value: Any) -> None:
        unknown = [each for each in value if each not in accepted] if isinstance(value, list) else [value]
        if unknown:
            raise InvalidValue(f"threshold {name} {unknown[0]!r} is not known; accepted: some of {', '.join(accepted)}")

    return check


def _least_effects(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"threshold {name} is {value!r}; accepted: least effects by kind, such as missing = 0.05")
    for kind, least in value.items():
        number(0)(f"{name}.{kind}", least)


_WIDTH: dict[str, Check] = {"smallest": number(0), "share": number(0), "direction": _one_of(*DIRECTIONS)}
KINDS: dict[str, dict[str, Check]] = {
    "constant": {"low": number(), "high": number()},
    "baseline": {**_WIDTH, "sigmas": number(0), "without_baseline": number()},
    "quantile": {**_WIDTH, "low": number(0, 1), "high": number(0, 1)},
    "relative": {**_WIDTH, "to": _span},
    "calibrated": {"method": _method, "smallest": number(0), "rate": number(0, 1)},
    "preset": {"name": _one_of(*PRESETS)},
    "quality": {"rate": number(0, 1), "smallest": _least_effects, "leave_out": _some_of(*SMALLEST)},
    "silence": {"factor": number(1)},
}
NEEDED = {"relative": ("to",), "preset": ("name",)}


def accepted_kinds(metric: str) -> tuple[str, ...]:
    """The kinds of threshold that a monitor of this metric may have."""
    if metric in DRIFT_METRICS:
        return ("calibrated", "preset")
    if metric == "data_quality":
        return ("quality",)
    return ("silence",) if metric == "silence" else ("constant", "baseline", "quantile", "relative")


def check_threshold(metric: str, threshold: Mapping[str, Any]) -> None:
    """Raise InvalidValue for a threshold that could never be judged by, naming what is accepted."""
    kind, accepted = threshold.get("kind"), accepted_kinds(metric)
    if kind not in accepted:
        raise InvalidValue(f"threshold kind {kind!r} is not for {metric}; accepted: {', '.join(accepted)}")
    checks = KINDS[kind]
    for name, value in threshold.items():
        if name == "baseline":
            check_reference(value)
        elif name in checks:
            checks[name](name, value)
        elif name != "kind":
            listed = ", ".join([*checks, "baseline"])
            raise InvalidValue(f"a {kind} threshold has no {name!r}; accepted: {listed}")
    for name in NEEDED.get(kind, ()):
        if name not in threshold:
            raise InvalidValue(f"a {kind} threshold needs {name!r}; accepted: {', '.join(checks)}")
    if kind == "constant" and "low" not in threshold and "high" not in threshold:
        raise InvalidValue("a constant threshold needs low, high or both; it has neither")
    low, high = threshold.get("low"), threshold.get("high")
    if low is not None and high is not None and low > high:
        raise InvalidValue(f"threshold low {low:g} is above high {high:g}; accepted: low at most high")
