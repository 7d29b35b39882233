"""What a sender writes: the records of the wire, checked field by field while they are decoded."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from monitor.records import Scalar
from monitor.schemas import FeatureKind

MAX_NAME_LENGTH = 256
"""Longest prediction id, entity id and feature name, in characters."""

MAX_VERSION_LENGTH = 200

Id = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
Version = Annotated[str, Meta(min_length=1, max_length=MAX_VERSION_LENGTH)]
Bytes = Annotated[int, Meta(ge=0, le=2**53)]
ResourceName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:/-]{1,64}$")]
Resources = Annotated[dict[ResourceName, float], Meta(max_length=32)]
Moment = datetime | float | None
"""ISO-8601 text (UTC where it has no zone) or seconds since 1970; validation turns it into a datetime in UTC."""


# Records hold no references that could form a cycle, so the garbage collector need not look at them (gc=False).
class WirePrediction(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One prediction as it is sent. `label` (with `label_time`) gives a label record as well."""

    model: str | None = None
    version: Version | None = None
    prediction_id: Id | None = None
    event_time: Moment = None
    # The names in `features` are checked by validation: a constraint here would double the time of decoding.
    features: dict[str, Scalar] = {}
    prediction: Scalar = None
    score: float | None = None
    scores: dict[str, float] | None = None
    latency_ms: Annotated[float, Meta(ge=0)] | None = None
    status_code: Annotated[int, Meta(ge=100, le=599)] | None = None
    error: str | None = None
    tags: dict[str, str] = {}
    entity_id: Id | None = None
    sampling_fraction: Annotated[float, Meta(gt=0, le=1)] = 1.0
    request_bytes: Bytes | None = None
    response_bytes: Bytes | None = None
    resources: Resources | None = None
    label: Scalar = None
    label_time: Moment = None


class WireLabel(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The ground truth of one prediction as it is sent."""

    prediction_id: Id
    label: bool | int | float | str
    model: str | None = None
    label_time: Moment = None


WireRecord = WirePrediction | WireLabel


class Side(StrEnum):
    """Which side of a call a half is."""

    REQUEST = "request"
    RESPONSE = "response"


class Half(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One side of a call whose request and response arrive apart; the join buffer brings the two together.

    `key` is what joins them: the request id, with the component or node where one id spans several. `rows` holds one
    partial prediction per row of the call, without ids: a request's rows have features (entity, tags), a response's
    have prediction, score and scores; a failed response has one row with `status_code` or `error`. `alone` says what a
    request that stays without its response was: the text of the error, or "" where the format logs requests only and
    it counts as a prediction. `times_call`: the two times are those of the call, so their difference is its latency.
    """

    key: Annotated[str, Meta(min_length=1, max_length=2 * MAX_NAME_LENGTH)]
    side: Side
    request_id: Id
    model: str | None = None
    version: Version | None = None
    time: Moment = None
    rows: list[WirePrediction] = []
    alone: str = ""
    times_call: bool = False


class DeclaredFeatures(msgspec.Struct, kw_only=True, gc=False):
    """What a log says of its columns before the first prediction; `kinds`: feature → its kind."""

    model: str
    kinds: dict[str, FeatureKind]


def shrink_integers(record: WireRecord) -> None:
    """Turn integers that 64 bits can't hold into floats; the lake stores floats, so nothing is lost by it."""
    record.label = _shrink(record.label)
    if isinstance(record, WirePrediction):
        record.prediction = _shrink(record.prediction)
        record.features = {name: _shrink(value) for name, value in record.features.items()}


def _shrink(value: Any) -> Any:
    if not isinstance(value, int) or -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
