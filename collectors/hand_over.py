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

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, compress
from typing import Generic, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from collectors.deliveries import InboxRow
from collectors.inbox_file import micros, moment
from collectors.inbox_reader import InboxReader
from collectors.payloads import unpack_labels, unpack_predictions
from collectors.prediction_ids import PredictionIds
from collectors.registration import Registration, register, unknown_features
from collectors.wire import WireLabel, WirePrediction
from monitor.config import CollectorSettings
from monitor.db import catalog, progress, window_store
from monitor.db.catalog import VersionSeen
from monitor.db.database import Database
from monitor.lake import Kind, Lake, Moments, labels_table, moments, predictions_table
from monitor.records import Refusal

Record = TypeVar("Record", WirePrediction, WireLabel)
Refused = tuple[InboxRow, Refusal]
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Record]):
    """The records of one pass in the order of the inbox, and for each which of the rows brought it."""

    rows: Sequence[InboxRow]
    records: Sequence[Record]
    places: NDArray[np.intp]

    @property
    def row_ids(self) -> NDArray[np.int64]:
        return np.array([row.id for row in self.rows], np.int64)[self.places]

    @property
    def received(self) -> Moments:
        return np.array([micros(row.received_at) for row in self.rows], np.int64)[self.places]

    @property
    def sources(self) -> list[str]:
        return [self.rows[place].source for place in self.places]

    def keep(self, kept: NDArray[np.bool_]) -> Gathered[Record]:
        if kept.all():
            return self
        return Gathered(self.rows, list(compress(self.records, kept)), self.places[kept])


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

    inbox: InboxReader
    lake: Lake
    db: Database
    ids: PredictionIds
    limits: CollectorSettings

    def predictions(self, model: str, now: datetime) -> HandedOver:
        rows = self.inbox.rows(model, Kind.PREDICTIONS, self.limits.flush_rows)
        gathered, refused = self._gather_predictions(rows)
        registration = register(self.db, model, [r.features for r in gathered.records], self.limits, now)
        if registration is None:
            return self._refuse_model(model, Kind.PREDICTIONS, gathered)
        usable, unfit = self._set_aside(gathered, registration)
        event_times = moments([cast("datetime", record.event_time) for record in usable.records])
        owned = self.claim(model, usable, event_times, now)
        kept, event_times = usable.keep(owned), event_times[owned]
        through = rows[-1].id
        written = self.append_predictions(model, kept, registration, through)
        self.count_predictions(model, kept, event_times, registration, through, now)
        self.forget(model, Kind.PREDICTIONS, through, [*refused, *unfit])
        return HandedOver(
            written, len(owned) - len(kept.records), len(refused) + len(unfit), self._is_full(gathered.records)
        )

    def labels(self, model: str, now: datetime) -> HandedOver:
        rows = self.inbox.rows(model, Kind.LABELS, self.limits.flush_rows)
        gathered = _gather(rows, [unpack_labels(row) for row in rows])
        registration = register(self.db, model, [], self.limits, now)
        if registration is None:
            return self._refuse_model(model, Kind.LABELS, gathered)
        through = rows[-1].id
        written = self.append_labels(model, gathered, through)
        self.count_labels(model, gathered, registration, through, now)
        self.forget(model, Kind.LABELS, through)
        return HandedOver(written, full=self._is_full(gathered.records))

    def claim(
        self, model: str, usable: Gathered[WirePrediction], event_times: Moments, now: datetime
    ) -> NDArray[np.bool_]:
        ids = [record.prediction_id or "" for record in usable.records]
        return self.ids.claim(model, ids, usable.row_ids, event_times, now)

    def append_predictions(
        self, model: str, kept: Gathered[WirePrediction], registration: Registration, through: int
    ) -> int:
        new = self._not_in_lake(model, Kind.PREDICTIONS, kept)
        if new.records:
            table = predictions_table(new.records, registration.features, new.received, new.sources)
            self.lake.append(model, Kind.PREDICTIONS, table, collector=self.inbox.collector_id, through=through)
        return len(new.records)

    def append_labels(self, model: str, gathered: Gathered[WireLabel], through: int) -> int:
        new = self._not_in_lake(model, Kind.LABELS, gathered)
        if new.records:
            table = labels_table(new.records, new.received, new.sources)
            self.lake.append(model, Kind.LABELS, table, collector=self.inbox.collector_id, through=through)
        return len(new.records)

    def count_predictions(
        self,
        model: str,
        kept: Gathered[WirePrediction],
        event_times: Moments,
        registration: Registration,
        through: int,
        now: datetime,
    ) -> None:
        collector, kind = self.inbox.collector_id, Kind.PREDICTIONS.value
        with self.db.session() as session:
            counted = progress.counted_through(session, collector, model, kind)
            new = kept.row_ids > counted
            seen = versions_seen(kept.keep(new).records, event_times[new])
            catalog.count_predictions(session, registration.model_id, seen, now)
            progress.set_counted(session, collector, model, kind, max(through, counted))
            window_store.touch_moments(session, registration.model_id, whole_seconds(event_times), now)

    def count_labels(
        self, model: str, gathered: Gathered[WireLabel], registration: Registration, through: int, now: datetime
    ) -> None:
        """A label touches the window of its prediction; where that is not here yet, it will touch it itself."""
        event_times = self.ids.moments(model, [record.prediction_id for record in gathered.records])
        collector, kind = self.inbox.collector_id, Kind.LABELS.value
        with self.db.session() as session:
            counted = progress.counted_through(session, collector, model, kind)
            catalog.count_labels(session, registration.model_id, int((gathered.row_ids > counted).sum()))
            progress.set_counted(session, collector, model, kind, max(through, counted))
            window_store.touch_moments(session, registration.model_id, whole_seconds(event_times), now)

    def forget(self, model: str, kind: Kind, through: int, refused: Sequence[Refused] = ()) -> None:
        self.inbox.forget(model, kind, through, refused)

    def _gather_predictions(self, rows: Sequence[InboxRow]) -> tuple[Gathered[WirePrediction], list[Refused]]:
        unpacked = [unpack_predictions(row, self.inbox.collector_id) for row in rows]
        refused = [(row, refusal) for row, (_, unusable) in zip(rows, unpacked, strict=True) for refusal in unusable]
        return _gather(rows, [records for records, _ in unpacked]), refused

    def _not_in_lake(self, model: str, kind: Kind, gathered: Gathered[Record]) -> Gathered[Record]:
        through = self.lake.written_through(model, kind, self.inbox.collector_id)
        return gathered.keep(gathered.row_ids > through)

    def _set_aside(
        self, gathered: Gathered[WirePrediction], registration: Registration
    ) -> tuple[Gathered[WirePrediction], Sequence[Refused]]:
        """The usable records, and those to refuse because their features no longer fit into the schema."""
        if not registration.full:
            return gathered, ()
        fits, refused = [], []
        for place, record in zip(gathered.places, gathered.records, strict=True):
            unknown = unknown_features(record, registration.features)
            fits.append(not unknown)
            if unknown:
                most = self.limits.max_features
                reason = f"feature {min(unknown)!r} is new and the model has {len(registration.features)} features; "
                reason += f"accepted: up to max_features = {most}"
                refused.append((gathered.rows[place], _refusal(record, reason)))
        return gathered.keep(np.array(fits, np.bool_)), refused

    def _refuse_model(self, model: str, kind: Kind, gathered: Gathered[Record]) -> HandedOver:
        reason = f"model {model!r} is new and there are max_models = {self.limits.max_models} models already"
        refused = [
            (gathered.rows[place], _refusal(record, reason))
            for place, record in zip(gathered.places, gathered.records, strict=True)
        ]
        self.forget(model, kind, gathered.rows[-1].id, refused)
        return HandedOver(refused=len(refused), full=self._is_full(gathered.records))

    def _is_full(self, records: Sequence[object]) -> bool:
        return len(records) >= self.limits.flush_rows


def versions_seen(records: Sequence[WirePrediction], event_times: Moments) -> list[VersionSeen]:
    """How many predictions each version made, and in which span of event time."""
    names = [record.version or "" for record in records]
    if len(set(names)) == 1:
        by_version = {names[0]: np.ones(len(names), np.bool_)}
    else:
        by_version = {name: np.array([each == name for each in names]) for name in sorted(set(names))}
    return [
        VersionSeen(name, moment(int(times.min())), moment(int(times.max())), len(times))
        for name, times in ((name, event_times[made]) for name, made in by_version.items())
    ]


def whole_seconds(event_times: Moments) -> list[datetime]:
    """The moments cut to seconds. Windows begin and end on whole seconds, so these touch the same ones."""
    return [moment(int(second) * _SECOND) for second in np.unique(event_times // _SECOND)]


def _gather(rows: Sequence[InboxRow], unpacked: Sequence[Sequence[Record]]) -> Gathered[Record]:
    places = np.repeat(np.arange(len(rows)), [len(records) for records in unpacked])
    return Gathered(rows, list(chain.from_iterable(unpacked)), places)


def _refusal(record: WirePrediction | WireLabel, reason: str) -> Refusal:
    return Refusal(index=0, reason=reason, model=record.model, payload=msgspec.json.encode(record))
