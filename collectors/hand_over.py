"""Handing the records of one model over from the inbox to the lake, exactly once.

In this order, each step durable before the next:

1. register  the model and its new features in the control database
2. claim     the prediction ids, so that an id seen twice counts once
3. append    to the lake, in one Delta commit that also says through which inbox row this collector has written
4. count     in one control transaction: the counters, the mark of what is counted, the windows that were touched
5. forget    the inbox rows; those of their records that are refused after all go to quarantine in the same commit

Killed between any two steps, the next pass begins at 1 with the same rows and decides the same: claims are owned by
inbox rows, step 3 asks the lake which rows it has, step 4 asks the mark, and touching a window twice is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Generic, NamedTuple, TypeVar

import msgspec

from collectors.inbox import Inbox, InboxRow
from collectors.payloads import unpack_labels, unpack_predictions
from collectors.prediction_ids import PredictionIds
from collectors.registration import Registration, register, unknown_features
from monitor.config import CollectorSettings
from monitor.db import catalog, progress, window_store
from monitor.db.catalog import VersionSeen
from monitor.db.database import Database
from monitor.lake import Kind, Lake, labels_table, predictions_table
from monitor.records import LabelRecord, PredictionRecord, Refusal

Record = TypeVar("Record", PredictionRecord, LabelRecord)
Refused = tuple[InboxRow, Refusal]


class Placed(NamedTuple, Generic[Record]):
    """A record, the inbox row that brought it, and its place in that row."""

    row: InboxRow
    place: int
    record: Record


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What became of the records of one pass; `full` says that more may be waiting."""

    written: int = 0
    duplicates: int = 0
    refused: int = 0
    full: bool = False


@dataclass(frozen=True, slots=True)
class HandOver:
    """The steps, and the stores they work on."""

    inbox: Inbox
    lake: Lake
    db: Database
    ids: PredictionIds
    limits: CollectorSettings

    def predictions(self, model: str, now: datetime) -> HandedOver:
        rows = self.inbox.rows(model, Kind.PREDICTIONS, self.limits.flush_rows)
        placed = _place(rows, unpack_predictions)
        registration = register(self.db, model, [each.record for each in placed], self.limits, now)
        if registration is None:
            return self._refuse_model(model, Kind.PREDICTIONS, rows, placed)
        usable, refused = self._set_aside(placed, registration)
        claims = [(each.record.prediction_id, each.row.id, each.record.event_time) for each in usable]
        kept = list(compress(usable, self.claim(model, claims, now)))
        through = rows[-1].id
        written = self.append_predictions(model, kept, registration, through)
        self.count_predictions(model, kept, registration, through, now)
        self.forget(model, Kind.PREDICTIONS, through, refused)
        return HandedOver(written, len(usable) - len(kept), len(refused), self._is_full(placed))

    def labels(self, model: str, now: datetime) -> HandedOver:
        rows = self.inbox.rows(model, Kind.LABELS, self.limits.flush_rows)
        placed = _place(rows, unpack_labels)
        registration = register(self.db, model, [], self.limits, now)
        if registration is None:
            return self._refuse_model(model, Kind.LABELS, rows, placed)
        through = rows[-1].id
        written = self.append_labels(model, placed, through)
        self.count_labels(model, placed, registration, through, now)
        self.forget(model, Kind.LABELS, through)
        return HandedOver(written, full=self._is_full(placed))

    def claim(self, model: str, claims: Sequence[tuple[str, int, datetime]], now: datetime) -> list[bool]:
        return self.ids.claim(model, claims, now)

    def append_predictions(
        self, model: str, kept: Sequence[Placed[PredictionRecord]], registration: Registration, through: int
    ) -> int:
        new = self._not_in_lake(model, Kind.PREDICTIONS, kept)
        if new:
            table = predictions_table(new, registration.features)
            self.lake.append(model, Kind.PREDICTIONS, table, collector=self.inbox.collector_id, through=through)
        return len(new)

    def append_labels(self, model: str, placed: Sequence[Placed[LabelRecord]], through: int) -> int:
        new = self._not_in_lake(model, Kind.LABELS, placed)
        if new:
            table = labels_table(new)
            self.lake.append(model, Kind.LABELS, table, collector=self.inbox.collector_id, through=through)
        return len(new)

    def count_predictions(
        self,
        model: str,
        kept: Sequence[Placed[PredictionRecord]],
        registration: Registration,
        through: int,
        now: datetime,
    ) -> None:
        collector, kind = self.inbox.collector_id, Kind.PREDICTIONS.value
        with self.db.session() as session:
            counted = progress.counted_through(session, collector, model, kind)
            new = [each.record for each in kept if each.row.id > counted]
            catalog.count_predictions(session, registration.model_id, versions_seen(new), now)
            progress.set_counted(session, collector, model, kind, max(through, counted))
            moments = whole_seconds(each.record.event_time for each in kept)
            window_store.touch_moments(session, registration.model_id, moments, now)

    def count_labels(
        self,
        model: str,
        placed: Sequence[Placed[LabelRecord]],
        registration: Registration,
        through: int,
        now: datetime,
    ) -> None:
        """A label touches the window of its prediction; where that is not here yet, it will touch it itself."""
        moments = whole_seconds(self.ids.moments(model, [each.record.prediction_id for each in placed]))
        collector, kind = self.inbox.collector_id, Kind.LABELS.value
        with self.db.session() as session:
            counted = progress.counted_through(session, collector, model, kind)
            catalog.count_labels(session, registration.model_id, sum(each.row.id > counted for each in placed))
            progress.set_counted(session, collector, model, kind, max(through, counted))
            window_store.touch_moments(session, registration.model_id, moments, now)

    def forget(self, model: str, kind: Kind, through: int, refused: Sequence[Refused] = ()) -> None:
        self.inbox.forget(model, kind, through, refused)

    def _not_in_lake(self, model: str, kind: Kind, placed: Sequence[Placed[Record]]) -> list[Record]:
        through = self.lake.written_through(model, kind, self.inbox.collector_id)
        return [each.record for each in placed if each.row.id > through]

    def _set_aside(
        self, placed: Sequence[Placed[PredictionRecord]], registration: Registration
    ) -> tuple[Sequence[Placed[PredictionRecord]], Sequence[Refused]]:
        """The usable records, and those to refuse because their features no longer fit into the schema."""
        if not registration.full:
            return placed, ()
        usable, refused = [], []
        for each in placed:
            if unknown := unknown_features(each.record, registration.features):
                most = self.limits.max_features
                reason = f"feature {min(unknown)!r} is new and the model has {len(registration.features)} features; "
                refused.append((each.row, _refusal(each, f"{reason}accepted: up to max_features = {most}")))
            else:
                usable.append(each)
        return usable, refused

    def _refuse_model(
        self, model: str, kind: Kind, rows: Sequence[InboxRow], placed: Sequence[Placed[Record]]
    ) -> HandedOver:
        reason = f"model {model!r} is new and there are max_models = {self.limits.max_models} models already"
        self.forget(model, kind, rows[-1].id, [(each.row, _refusal(each, reason)) for each in placed])
        return HandedOver(refused=len(placed), full=self._is_full(placed))

    def _is_full(self, placed: Sequence[object]) -> bool:
        return len(placed) >= self.limits.flush_rows


def versions_seen(records: Iterable[PredictionRecord]) -> list[VersionSeen]:
    """How many predictions each version made, and in which span of event time."""
    moments: dict[str, list[datetime]] = {}
    for record in records:
        moments.setdefault(record.version, []).append(record.event_time)
    return [VersionSeen(version, min(times), max(times), len(times)) for version, times in moments.items()]


def whole_seconds(moments: Iterable[datetime]) -> set[datetime]:
    """The moments cut to seconds. Windows begin and end on whole seconds, so these touch the same ones."""
    return {moment.replace(microsecond=0) for moment in moments}


def _place(rows: Iterable[InboxRow], unpack: Callable[[InboxRow], list[Record]]) -> list[Placed[Record]]:
    return [Placed(row, place, record) for row in rows for place, record in enumerate(unpack(row))]


def _refusal(each: Placed[Record], reason: str) -> Refusal:
    payload = msgspec.json.encode(each.record)
    return Refusal(index=each.place, reason=reason, model=each.record.model, payload=payload)
