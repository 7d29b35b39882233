"""Accepted records as the inbox stores them, and back as the records every part passes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec

from collectors.inbox import Batch, InboxRow
from collectors.validation import Validated
from collectors.wire import WireLabel, WirePrediction, WireRecord, shrink_integers
from monitor.lake import Kind
from monitor.records import DEFAULT_VERSION, LabelRecord, PredictionRecord

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


def unpack_predictions(row: InboxRow) -> list[PredictionRecord]:
    received, source = row.received_at, row.source
    return [
        PredictionRecord(
            model=r.model or "",
            prediction_id=r.prediction_id or "",
            event_time=_time(r.event_time, received),
            received_time=received,
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
            source=source,
        )
        for r in _PREDICTIONS.decode(row.payload)
    ]


def unpack_labels(row: InboxRow) -> list[LabelRecord]:
    return [
        LabelRecord(
            model=r.model or "",
            prediction_id=r.prediction_id,
            label=r.label,
            label_time=_time(r.label_time, row.received_at),
            received_time=row.received_at,
            source=row.source,
        )
        for r in _LABELS.decode(row.payload)
    ]


def _time(moment: Any, received: datetime) -> datetime:
    return moment if isinstance(moment, datetime) else received
