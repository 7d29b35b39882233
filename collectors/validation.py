"""What a decoded record must satisfy before it is taken: a pure function of the records, the limits and now.

The usual batch is checked with a handful of comprehensions; only when one of them notices something is each record
looked at by itself, so that a reason can be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from collectors.formats.reading import shown
from collectors.formats.registry import Decoded
from collectors.half_validation import usable_declared, validate_halves
from collectors.record_bounds import against_bounds, are_ids, are_in_bounds, payload_of
from collectors.terms import EARLIEST, against_names, against_time
from collectors.terms import Terms as Terms
from collectors.terms import as_utc as as_utc
from collectors.terms import is_usable_name as is_usable_name
from collectors.wire import DeclaredFeatures, Half, WireLabel, WirePrediction, WireRecord, shrink_integers
from monitor.errors import InvalidValue
from monitor.records import DEFAULT_VERSION, Refusal, check_model_name


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
    """Fill the gaps of the records (ids, times, model and version from the request) and sort out unusable ones.

    What privacy keeps from the disk is taken out first, so that it is in no reason and no refused record either.
    """
    if terms.privacy is not None:
        terms.privacy.clean(decoded, terms.model)
    done = _validate_records(decoded, terms)
    done.halves, refusals = validate_halves(decoded, terms)
    done.refusals += refusals
    done.accepted += len(done.halves)
    done.declared, done.skipped = usable_declared(decoded.declared, terms), decoded.skipped
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
        size = len(payload_of(record))
        if size > terms.limits.max_record_bytes:
            return f"the record has {size} bytes; accepted: up to {terms.limits.max_record_bytes}"
    label_time = f"label_time {against_time(record.label_time, terms)}"
    if isinstance(record, WireLabel):
        return label_time if against_time(record.label_time, terms) else against_bounds(record)
    if reason := against_time(record.event_time, terms):
        return f"event_time {reason}"
    if record.label is not None and against_time(record.label_time, terms):
        return label_time
    if record.version is not None and "\x00" in record.version:
        return f"version {shown(record.version)} holds a NUL character; accepted: text without one"
    return against_names(record.features, terms.limits.max_features) or against_bounds(record)


def _is_model_name(name: str) -> bool:
    try:
        return bool(check_model_name(name))
    except InvalidValue:
        return False


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


def _is_usual(records: Sequence[WireRecord], terms: Terms) -> bool:
    """Whether all records can be taken, judged together. False says only that each needs a look by itself."""
    if terms.body_bytes > terms.limits.max_record_bytes:
        return False
    if not all(_is_model_name(model or "") for model in {record.model for record in records}):
        return False
    if isinstance(records[0], WireLabel):
        ids = [cast("WireLabel", record).prediction_id for record in records]
        return _are_times([record.label_time for record in records], terms) and are_ids(ids)
    predictions = cast("Sequence[WirePrediction]", records)
    label_times = [record.label_time for record in predictions if record.label_time is not None]
    versions = {record.version for record in predictions}
    names_of_features = set(map(tuple, [record.features for record in predictions]))
    return (
        _are_times([record.event_time for record in predictions], terms)
        and (not label_times or _are_times(label_times, terms))
        and not any("\x00" in (version or "") for version in versions)
        and not any(against_names(names, terms.limits.max_features) for names in names_of_features)
        and are_in_bounds(predictions)
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
    return Refusal(index=place, reason=reason, model=record.model, payload=payload_of(record))
