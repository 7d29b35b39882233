"""What a decoded record must satisfy before it is taken: a pure function of the records, the limits and now.

The usual batch is checked with a handful of comprehensions; only when one of them notices something is each record
looked at by itself, so that a reason can be given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from collectors.formats.reading import shown
from collectors.formats.registry import Decoded
from collectors.wire import (
    MAX_NAME_LENGTH,
    DeclaredFeatures,
    Half,
    WireLabel,
    WirePrediction,
    WireRecord,
    shrink_integers,
)
from monitor.config import CollectorSettings
from monitor.errors import InvalidValue
from monitor.records import DEFAULT_VERSION, Refusal, check_model_name

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Event times before this are a broken clock or a wrong unit, not a prediction."""

_MILLISECONDS = 2.6e11  # as seconds, this is beyond the year 9999


@dataclass(frozen=True, slots=True)
class Terms:
    """What records of one request are measured against, and what fills their gaps.

    `model_is_named` ends the advice to a sender whose record names no model: where else to name it.
    """

    now: datetime
    limits: CollectorSettings
    new_ids: Callable[[int], list[str]]
    model: str | None = None
    version: str | None = None
    body_bytes: int = 0
    model_is_named: str = "in the address: ?model=NAME"

    @property
    def latest(self) -> datetime:
        return self.now + timedelta(seconds=self.limits.max_future_seconds)


@dataclass(slots=True)
class Validated:
    """Complete records, ready to be stored. `accepted` counts records as they were sent: one may give two here."""

    predictions: list[WirePrediction] = field(default_factory=list)
    labels: list[WireLabel] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    halves: list[Half] = field(default_factory=list)
    declared: list[DeclaredFeatures] = field(default_factory=list)
    accepted: int = 0
    skipped: int = 0

    def add(self, part: Validated) -> None:
        self.predictions += part.predictions
        self.labels += part.labels
        self.refusals += part.refusals
        self.halves += part.halves
        self.declared += part.declared
        self.accepted += part.accepted
        self.skipped += part.skipped


def validate(decoded: Decoded, terms: Terms) -> Validated:
    """Fill the gaps of the records (ids, times, model and version from the request) and sort out unusable ones."""
    done = _validate_records(decoded, terms)
    done.halves, done.declared, done.skipped = decoded.halves, decoded.declared, decoded.skipped
    done.accepted += len(decoded.halves)
    return done


def _validate_records(decoded: Decoded, terms: Terms) -> Validated:
    records = decoded.records
    if not records:
        return Validated(refusals=list(decoded.refusals))
    if isinstance(records[0], WirePrediction):
        _complete_predictions(cast("list[WirePrediction]", records), terms)
    else:
        _complete_labels(cast("list[WireLabel]", records), terms)
    refusals = list(decoded.refusals)
    if not _is_usual(records, terms):
        kept: list[WireRecord] = []
        for place, record in zip(decoded.places, records, strict=True):
            reason = reason_against(record, terms)
            if reason is None:
                kept.append(record)
            else:
                refusals.append(_refusal(place, reason, record))
        records = kept
        refusals.sort(key=lambda refusal: refusal.index)
    predictions, labels = _sort_out(records, terms.now)
    return Validated(predictions, labels, refusals, accepted=len(records))


def reason_against(record: WireRecord, terms: Terms) -> str | None:
    """Why this complete record can't be taken, or None."""
    try:
        check_model_name(record.model or "")
    except InvalidValue as error:
        return str(error) if record.model else f"model is missing; name it in the record or {terms.model_is_named}"
    if terms.body_bytes > terms.limits.max_record_bytes:
        size = len(msgspec.json.encode(record))
        if size > terms.limits.max_record_bytes:
            return f"the record has {size} bytes; accepted: up to {terms.limits.max_record_bytes}"
    label_time = f"label_time {_against_time(record.label_time, terms)}"
    if isinstance(record, WireLabel):
        return label_time if _against_time(record.label_time, terms) else None
    if reason := _against_time(record.event_time, terms):
        return f"event_time {reason}"
    if record.label is not None and _against_time(record.label_time, terms):
        return label_time
    if record.version is not None and "\x00" in record.version:
        return f"version {shown(record.version)} holds a NUL character; accepted: text without one"
    return _against_names(record.features, terms.limits.max_features)


def _against_time(moment: datetime | float | None, terms: Terms) -> str | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        hint = "; this looks like milliseconds, divide by 1000" if moment > _MILLISECONDS else ""
        return f"{moment} is not a time; accepted: ISO-8601 text or seconds since 1970{hint}"
    if moment > terms.latest:
        return (
            f"{moment.isoformat()} lies in the future; accepted: up to {terms.limits.max_future_seconds:g} s "
            f"ahead of the collector's clock, {terms.now.isoformat(timespec='seconds')}"
        )
    return None if moment >= EARLIEST else f"{moment.isoformat()} is too early; accepted: from {EARLIEST:%Y-%m-%d} on"


def _against_names(features: Iterable[str], most: int) -> str | None:
    names = list(features)
    if len(names) > most:
        return f"the record has {len(names)} features; accepted: up to {most}"
    for name in names:
        if not _is_usable(name):
            return f"feature name {shown(name)} is not usable; accepted: 1 to {MAX_NAME_LENGTH} characters, none NUL"
    return None


def _is_model_name(name: str) -> bool:
    try:
        return bool(check_model_name(name))
    except InvalidValue:
        return False


def _is_usable(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME_LENGTH and "\x00" not in name


def _complete_predictions(records: Sequence[WirePrediction], terms: Terms) -> None:
    """Give every prediction its model, version, id and times; times become datetimes in UTC where they can."""
    for record in [record for record in records if record.model is None]:
        record.model = terms.model
    for record in [record for record in records if record.version is None]:
        record.version = terms.version or DEFAULT_VERSION
    nameless = [record for record in records if record.prediction_id is None]
    for record, new_id in zip(nameless, terms.new_ids(len(nameless)), strict=True):
        record.prediction_id = new_id
    for record in records:
        moment = record.event_time
        if type(moment) is not datetime or moment.tzinfo is not UTC:
            record.event_time = terms.now if moment is None else as_utc(moment)
    for record in [record for record in records if record.label_time is not None]:
        record.label_time = as_utc(record.label_time or 0.0)


def _complete_labels(records: Sequence[WireLabel], terms: Terms) -> None:
    for record in records:
        record.model = record.model or terms.model
        record.label_time = terms.now if record.label_time is None else as_utc(record.label_time)


def as_utc(moment: datetime | float) -> datetime | float:
    """The moment in UTC; what no datetime can hold is returned as it is.

    >>> as_utc(0.5), as_utc(1e30)
    (datetime.datetime(1970, 1, 1, 0, 0, 0, 500000, tzinfo=datetime.timezone.utc), 1e+30)
    """
    try:
        if isinstance(moment, datetime):
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        return moment if not isinstance(moment, datetime) else moment.timestamp() if moment.tzinfo else 0.0


def _is_usual(records: Sequence[WireRecord], terms: Terms) -> bool:
    """Whether all records can be taken, judged together. False says only that each needs a look by itself."""
    if terms.body_bytes > terms.limits.max_record_bytes:
        return False
    if not all(_is_model_name(model or "") for model in {record.model for record in records}):
        return False
    if isinstance(records[0], WireLabel):
        return _are_times([record.label_time for record in records], terms)
    predictions = cast("Sequence[WirePrediction]", records)
    label_times = [record.label_time for record in predictions if record.label_time is not None]
    versions = {record.version for record in predictions}
    names_of_features = set(map(tuple, [record.features for record in predictions]))
    return (
        _are_times([record.event_time for record in predictions], terms)
        and (not label_times or _are_times(label_times, terms))
        and not any("\x00" in (version or "") for version in versions)
        and not any(_against_names(names, terms.limits.max_features) for names in names_of_features)
    )


def _are_times(moments: Sequence[Any], terms: Terms) -> bool:
    try:
        return bool(min(moments) >= EARLIEST and max(moments) <= terms.latest)
    except TypeError:  # not all of them are times
        return False


def _sort_out(records: Sequence[WireRecord], now: datetime) -> tuple[list[WirePrediction], list[WireLabel]]:
    """Predictions and labels apart; the label in a prediction becomes a record of its own."""
    if not records or isinstance(records[0], WireLabel):
        return [], cast("list[WireLabel]", list(records))
    predictions = cast("list[WirePrediction]", records)
    labels = [
        WireLabel(model=r.model, prediction_id=r.prediction_id or "", label=r.label, label_time=r.label_time or now)
        for r in predictions
        if r.label is not None
    ]
    if labels:
        predictions = [record for record in predictions if not _is_only_a_label(record)]
    return predictions, labels


def _is_only_a_label(record: WirePrediction) -> bool:
    said = (record.features, record.prediction, record.score, record.scores, record.latency_ms, record.status_code)
    return record.label is not None and not record.error and all(part is None or part == {} for part in said)


def _refusal(place: int, reason: str, record: WireRecord) -> Refusal:
    shrink_integers(record)
    return Refusal(index=place, reason=reason, model=record.model, payload=msgspec.json.encode(record))
