"""Accepted records as the inbox stores them, and back as records.

A row holds either records that were read one by one, as MessagePack, or a body as it came, of which a glance said that
every record is usual. Should a record of such a body turn out unusable after all, it is refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, cast

import msgspec

from collectors.deliveries import Batch, Encoding, InboxRow
from collectors.formats import Decoded, Log, find_format
from collectors.formats.reading import shown
from collectors.terms import as_utc, is_usable_name
from collectors.validation import Validated
from collectors.wire import MAX_NAME_LENGTH, WireLabel, WirePrediction, WireRecord, shrink_integers
from monitor.lake import Kind
from monitor.records import DEFAULT_VERSION, LabelRecord, PredictionRecord, Refusal

_ENCODER = msgspec.msgpack.Encoder()
_PREDICTIONS = msgspec.msgpack.Decoder(list[WirePrediction])
_LABELS = msgspec.msgpack.Decoder(list[WireLabel])


def pack(validated: Validated) -> list[Batch]:
    """One batch per model and kind."""
    both: tuple[tuple[Kind, Sequence[WireRecord]], ...] = (
        (Kind.PREDICTIONS, validated.predictions),
        (Kind.LABELS, validated.labels),
    )
    return [
        Batch(kind, model, len(records), _encode(records))
        for kind, all_records in both
        for model, records in _by_model(all_records)
    ]


def _by_model(records: Sequence[WireRecord]) -> list[tuple[str, Sequence[WireRecord]]]:
    models = {record.model or "" for record in records}
    if len(models) <= 1:
        return [(model, records) for model in models]
    ordered = sorted(records, key=_model_of)  # stable: the order within a model is kept
    return [(model, list(group)) for model, group in groupby(ordered, key=_model_of)]


def _model_of(record: WireRecord) -> str:
    return record.model or ""


def _encode(records: Sequence[WireRecord]) -> bytes:
    try:
        return _ENCODER.encode(records)
    except OverflowError:  # MessagePack holds integers of 64 bits, JSON any
        for record in records:
            shrink_integers(record)
        return _ENCODER.encode(records)


def unpack_labels(row: InboxRow) -> list[WireLabel]:
    """The labels of a row, each with its model and time."""
    labels = _LABELS.decode(row.payload)
    for label in labels:
        label.label_time = _time(label.label_time, row.received_at)
    return labels


def unpack_predictions(row: InboxRow, collector_id: str = "") -> tuple[list[WirePrediction], list[Refusal]]:
    """The predictions of a row, each with its id, version and time in UTC; and those that are unusable after all.

    Ids that were not sent are made of the row's number, so a repeat after a crash makes the same.
    """
    if row.encoding is Encoding.MSGPACK:
        return _PREDICTIONS.decode(row.payload), []
    records: list[WirePrediction] = []
    refusals: list[Refusal] = []
    for decoded in find_format("json").decode(Log(row.payload)):
        usable, unusable = _sort_out(decoded)
        records += usable
        refusals += unusable
    complete(row, records, collector_id)
    for record in records:
        moment = record.event_time
        if type(moment) is not datetime or moment.tzinfo is not UTC:
            record.event_time = _time(moment, row.received_at)
    return records, refusals


def complete(row: InboxRow, records: Sequence[Any], collector_id: str) -> None:
    """Give the row's predictions the id and the version that may go unsaid."""
    prediction_ids = [record.prediction_id for record in records]
    if not all(prediction_ids):
        for place, record in enumerate(records):
            record.prediction_id = record.prediction_id or made_id(collector_id, row, place)
    versions = [record.version for record in records]
    if not all(versions):
        for record in records:
            record.version = record.version or DEFAULT_VERSION


def made_id(collector_id: str, row: InboxRow, place: int) -> str:
    """The id of a prediction that came without one: the same however often its row is read."""
    return f"{collector_id[:16]}-{row.id}-{place}"


def _sort_out(decoded: Decoded) -> tuple[list[WirePrediction], list[Refusal]]:
    """Apart what a glance could not see: names that no column can have, and what can't be read after all."""
    records = cast("list[WirePrediction]", decoded.records)
    unusable = {name for name in set[str]().union(*[r.features for r in records]) if not is_usable_name(name)}
    if not unusable:
        return records, decoded.refusals
    kept, refusals = [], list(decoded.refusals)
    for place, record in zip(decoded.places, records, strict=True):
        if bad := unusable & record.features.keys():
            accepted = f"accepted: 1 to {MAX_NAME_LENGTH} characters, none NUL"
            reason = f"feature name {shown(min(bad))} is not usable; {accepted}"
            payload = msgspec.json.encode(record)
            refusals.append(Refusal(index=place, reason=reason, model=record.model, payload=payload))
        else:
            kept.append(record)
    return kept, refusals


def prediction_records(row: InboxRow) -> list[PredictionRecord]:
    """The predictions of a row as the records that every part of Kedge passes on."""
    return [
        PredictionRecord(
            model=r.model or "",
            prediction_id=r.prediction_id or "",
            event_time=cast("datetime", r.event_time),
            received_time=row.received_at,
            version=r.version or DEFAULT_VERSION,
            features=r.features,
            prediction=r.prediction,
            score=r.score,
            scores=r.scores,
            latency_ms=r.latency_ms,
            status_code=r.status_code,
            error=r.error,
            tags=r.tags,
            entity_id=r.entity_id,
            sampling_fraction=r.sampling_fraction,
            request_bytes=r.request_bytes,
            response_bytes=r.response_bytes,
            resources=r.resources,
            source=row.source,
        )
        for r in unpack_predictions(row)[0]
    ]


def label_records(row: InboxRow) -> list[LabelRecord]:
    """The labels of a row as the records that every part of Kedge passes on."""
    return [
        LabelRecord(
            model=r.model or "",
            prediction_id=r.prediction_id,
            label=r.label,
            label_time=cast("datetime", r.label_time),
            received_time=row.received_at,
            source=row.source,
        )
        for r in unpack_labels(row)
    ]


def _time(moment: Any, received: datetime) -> datetime:
    if moment is None:
        return received
    found = as_utc(moment)
    return found if isinstance(found, datetime) else received
