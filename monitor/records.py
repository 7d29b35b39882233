"""The records every part of Kedge passes on: one prediction, one label, one refusal."""

from __future__ import annotations

import math
import re
from datetime import datetime

import msgspec

from monitor.errors import InvalidValue

Scalar = None | bool | int | float | str
"""What a feature, a prediction or a label may hold."""

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,199}")
NAME_RULE = (
    "1 to 200 letters, digits, spaces or . _ : / @ + -, the first a letter or digit, no space at the end, no two dots"
)
DEFAULT_VERSION = "unversioned"


class PredictionRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One prediction that a deployed model made, or failed to make.

    `event_time` is when the endpoint answered (UTC), `received_time` when the collector took it in. `score` is the
    probability of the positive class (binary) and `scores` the probability per class. A failed call has no
    `prediction` but a `status_code` of 400 or more, or an `error`. `sampling_fraction` is the share of traffic that is
    logged, in (0, 1]: counts are re-weighted by its inverse. `entity_id` names the data subject, for erasure.
    `request_bytes` and `response_bytes` are the sizes of the call's bodies, `resources` what it used while it was
    served: `cpu_percent`, `memory_bytes`, `gpu_percent`, `gpu_memory_bytes`, and up to 32 numbers in all.
    """

    model: str
    prediction_id: str
    event_time: datetime
    received_time: datetime
    version: str = DEFAULT_VERSION
    features: dict[str, Scalar] = {}
    prediction: Scalar = None
    score: float | None = None
    scores: dict[str, float] | None = None
    latency_ms: float | None = None
    status_code: int | None = None
    error: str | None = None
    tags: dict[str, str] = {}
    entity_id: str | None = None
    sampling_fraction: float = 1.0
    request_bytes: int | None = None
    response_bytes: int | None = None
    resources: dict[str, float] | None = None
    source: str = "http"


class LabelRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The ground truth of one prediction; a later `label_time` replaces an earlier one."""

    model: str
    prediction_id: str
    label: bool | int | float | str
    label_time: datetime
    received_time: datetime
    source: str = "http"


class Refusal(msgspec.Struct, kw_only=True):
    """A record that was not taken: its place in the request, why, and what was sent."""

    index: int
    reason: str
    model: str | None = None
    payload: bytes = b""


def check_model_name(name: str) -> str:
    """Return `name` if it is a usable model name, else raise InvalidValue."""
    if not MODEL_NAME.fullmatch(name) or name.endswith(" ") or ".." in name:
        raise InvalidValue(f"model name {name[:220]!r} is not usable; accepted: {NAME_RULE}")
    return name


def class_name(value: Scalar) -> str | None:
    """The canonical text of a class, so that 1, 1.0, True and "1" are one class.

    >>> [class_name(v) for v in (True, 1, 1.0, "1", "late", 0.5, None, 2**60 + 1)]
    ['1', '1', '1', '1', 'late', '0.5', None, '1152921504606846977']
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")  # PostgreSQL's text holds no NUL
    if isinstance(value, int) and -(2**63) <= value < 2**63:  # ids, of which floats would make several one
        return str(int(value))
    number = to_float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def as_number(value: Scalar) -> float | None:
    """The value as a float where it is one (or spells one), else None.

    >>> [as_number(v) for v in (True, 2, "2.5", "late", None)]
    [1.0, 2.0, 2.5, None, None]
    """
    if value is None:
        return None
    try:
        return float(value) if isinstance(value, str) else to_float(value)
    except ValueError:
        return None


def to_float(value: float) -> float:
    """The number as a float; an integer that is larger than all of them is infinite.

    >>> to_float(True), to_float(-(10**400))
    (1.0, -inf)
    """
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
