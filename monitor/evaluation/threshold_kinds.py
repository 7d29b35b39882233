"""What a monitor's threshold may say, checked when it is written and not when it should have alarmed."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from monitor.drift import get_method
from monitor.drift.embeddings import METHODS as EMBEDDING_METHODS
from monitor.drift.presets import PRESETS
from monitor.drift.sequences.calibration import LONGEST, SHORTEST
from monitor.drift.text import LOOKS
from monitor.errors import InvalidValue
from monitor.evaluation.references import check_reference
from monitor.plugins import DRIFT_METHODS, MANY_COLUMN_METHODS, SEQUENCE_METHODS, Family
from monitor.quality.finding import SMALLEST
from monitor.windows import parse_size

Check = Callable[[str, Any], None]
DRIFT_METRICS = frozenset({"drift", "prediction_drift", "target_drift"})
ROW_KINDS = frozenset({"many_columns", "embedding", "text"})
"""Thresholds that compare rows: those of the window with those that the baseline keeps."""
SEQUENCE = "sequence"
PRESET_KINDS = frozenset({"method", "preset"})
"""Thresholds that judge each column by its rows, as another tool or a single method does."""
_KINDS_OF = {
    "drift": ("calibrated", "method", "preset", SEQUENCE),
    "prediction_drift": ("calibrated", "method", "preset", SEQUENCE),
    "target_drift": ("calibrated", SEQUENCE),
    "multivariate_drift": ("many_columns", SEQUENCE),
    "embedding_drift": ("embedding", SEQUENCE),
    "text_drift": ("text",),
    **dict.fromkeys(LOOKS, ("text", SEQUENCE)),
    "data_quality": ("quality",),
    "silence": ("silence",),
}
_ANY = ("constant", "baseline", "quantile", "relative", SEQUENCE)
DIRECTIONS = ("low", "high", "both")
_LARGEST = sys.float_info.max


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A check that a value is a finite number in [low, high]."""

    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
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


def _member(family: Family) -> Check:
    """A check that a value is the name of one of the family's plug-ins."""

    def check(name: str, value: Any) -> None:
        _one_of(*family.names())(name, value)

    return check


def _distance(name: str, value: Any) -> None:
    """Raise InvalidValue for a drift method that can't tell a distance from profiles, which is all a window keeps."""
    _member(DRIFT_METHODS)(name, value)
    if get_method(value).distance is None:
        accepted = [each for each in DRIFT_METHODS.names() if get_method(each).distance is not None]
        raise InvalidValue(f"threshold {name} {value!r} gives no distance of profiles; accepted: {', '.join(accepted)}")


def _names(name: str, value: Any) -> None:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise InvalidValue(f"threshold {name} is {value!r}; accepted: a list of names")


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
    "calibrated": {"method": _distance, "smallest": number(0), "rate": number(0, 1)},
    "method": {"method": _member(DRIFT_METHODS), "threshold": number(0)},
    "preset": {"name": _one_of(*PRESETS)},
    "quality": {"rate": number(0, 1), "smallest": _least_effects, "leave_out": _some_of(*SMALLEST)},
    "silence": {"factor": number(1)},
    "many_columns": {"method": _member(MANY_COLUMN_METHODS), "columns": _names, "smallest": number(0)},
    "embedding": {"method": _one_of(*EMBEDDING_METHODS), "prefixes": _names, "smallest": number(0)},
    "text": {"columns": _names},
    SEQUENCE: {"method": _member(SEQUENCE_METHODS), "expected_run_length": number(SHORTEST, LONGEST)},
}
_ONLY_FROZEN = ROW_KINDS | {SEQUENCE}
"""Kinds that know no other reference: only a frozen baseline keeps rows, and a sequence starts where it ends."""
NEEDED = {"relative": ("to",), "method": ("method",), "preset": ("name",)}


def accepted_kinds(metric: str) -> tuple[str, ...]:
    """The kinds of threshold that a monitor of this metric may have."""
    return _KINDS_OF.get(metric, _ANY)


def check_threshold(metric: str, threshold: Mapping[str, Any]) -> None:
    """Raise InvalidValue for a threshold that could never be judged by, naming what is accepted."""
    kind, accepted = threshold.get("kind"), accepted_kinds(metric)
    if kind not in accepted:
        raise InvalidValue(f"threshold kind {kind!r} is not for {metric}; accepted: {', '.join(accepted)}")
    checks = KINDS[kind]
    for name, value in threshold.items():
        if name == "baseline" and kind not in _ONLY_FROZEN:
            check_reference(value)
        elif name in checks:
            checks[name](name, value)
        elif name != "kind":
            listed = ", ".join([*checks] if kind in _ONLY_FROZEN else [*checks, "baseline"])
            raise InvalidValue(f"a {kind} threshold has no {name!r}; accepted: {listed}")
    for name in NEEDED.get(kind, ()):
        if name not in threshold:
            raise InvalidValue(f"a {kind} threshold needs {name!r}; accepted: {', '.join(checks)}")
    if kind == "constant" and "low" not in threshold and "high" not in threshold:
        raise InvalidValue("a constant threshold needs low, high or both; it has neither")
    low, high = threshold.get("low"), threshold.get("high")
    if low is not None and high is not None and low > high:
        raise InvalidValue(f"threshold low {low:g} is above high {high:g}; accepted: low at most high")
