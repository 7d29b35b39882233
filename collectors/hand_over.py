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
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from collectors.columns import Columns, Refused, gather_predictions, refusal_of
from collectors.deliveries import InboxRow
from collectors.inbox_file import micros, moment
from collectors.inbox_reader import InboxReader
from collectors.payloads import unpack_labels
from collectors.prediction_ids import PredictionIds
from collectors.registration import Registrar, Registration
from collectors.usual_rows import UsualRows
from collectors.wire import WireLabel
from monitor.config import CollectorSettings
from monitor.db import catalog, progress, window_store
from monitor.db.catalog import VersionSeen
from monitor.db.database import Database
from monitor.lake import Kind, Lake, Moments, labels_table

_SECOND = 1_000_000


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
    readers: dict[str, UsualRows] = field(default_factory=dict)

    def predictions(self, model: str, now: datetime) -> HandedOver:
        rows = self.inbox.rows(model, Kind.PREDICTIONS, self.limits.flush_rows)
        registrar = Registrar(self.db, model, self.limits, now)
        gathered = gather_predictions(
            map(self.inbox.load, rows), self.inbox.collector_id, registrar, self._usual(model, registrar)
        )
        through, full = rows[-1].id, self._is_full(rows)
        if gathered.columns is None or gathered.registration is None:
            self.forget(model, Kind.PREDICTIONS, through, gathered.refused)
            return HandedOver(refused=len(gathered.refused), full=full)
        owned = self.claim(model, gathered.columns, now)
        kept = gathered.columns.keep(owned)
        written = self.append_predictions(model, kept, through)
        self.count_predictions(model, kept, gathered.registration, through, now)
        self.forget(model, Kind.PREDICTIONS, through, gathered.refused)
        return HandedOver(written, len(owned) - len(kept), len(gathered.refused), full)

    def labels(self, model: str, now: datetime) -> HandedOver:
        rows = self.inbox.rows(model, Kind.LABELS, self.limits.flush_rows)
        unpacked = [(row, label) for row in rows for label in unpack_labels(self.inbox.load(row))]
        through, full = rows[-1].id, self._is_full(rows)
        registrar = Registrar(self.db, model, self.limits, now)
        registration = registrar.register([])
        if registration is None:
            refused = [(row, refusal_of(label, registrar.no_room)) for row, label in unpacked]
            self.forget(model, Kind.LABELS, through, refused)
            return HandedOver(refused=len(refused), full=full)
        written = self.append_labels(model, unpacked, through)
        self.count_labels(model, unpacked, registration, through, now)
        self.forget(model, Kind.LABELS, through)
        return HandedOver(written, full=full)

    def claim(self, model: str, columns: Columns, now: datetime) -> NDArray[np.bool_]:
        return self.ids.claim(model, columns.prediction_ids, columns.row_ids, columns.event_times, now)

    def append_predictions(self, model: str, kept: Columns, through: int) -> int:
        written = self.lake.written_through(model, Kind.PREDICTIONS, self.inbox.collector_id)
        new = kept.keep(kept.row_ids > written)
        if len(new):
            self.lake.append(model, Kind.PREDICTIONS, new.table, collector=self.inbox.collector_id, through=through)
        return len(new)

    def append_labels(self, model: str, labels: Sequence[tuple[InboxRow, WireLabel]], through: int) -> int:
        written = self.lake.written_through(model, Kind.LABELS, self.inbox.collector_id)
        new = [(row, label) for row, label in labels if row.id > written]
        if new:
            received = np.array([micros(row.received_at) for row, _ in new], np.int64)
            table = labels_table([label for _, label in new], received, [row.source for row, _ in new])
            self.lake.append(model, Kind.LABELS, table, collector=self.inbox.collector_id, through=through)
        return len(new)

    def count_predictions(
        self, model: str, kept: Columns, registration: Registration, through: int, now: datetime
    ) -> None:
        collector, kind = self.inbox.collector_id, Kind.PREDICTIONS.value
        with self.db.session() as session:
            counted = progress.counted_through(session, collector, model, kind)
            seen = versions_seen(kept.keep(kept.row_ids > counted))
            catalog.count_predictions(session, registration.model_id, seen, now)
            progress.set_counted(session, collector, model, kind, max(through, counted))
            window_store.touch_moments(session, registration.model_id, whole_seconds(kept.event_times), now)

    def count_labels(
        self,
        model: str,
        labels: Sequence[tuple[InboxRow, WireLabel]],
        registration: Registration,
        through: int,
        now: datetime,
    ) -> None:
        """A label touches the window of its prediction; where that is not here yet, it will touch it itself."""
        event_times = self.ids.moments(model, [label.prediction_id for _, label in labels])
        collector, kind = self.inbox.collector_id, Kind.LABELS.value
        with self.db.session() as session:
            counted = progress.counted_through(session, collector, model, kind)
            catalog.count_labels(session, registration.model_id, sum(row.id > counted for row, _ in labels))
            progress.set_counted(session, collector, model, kind, max(through, counted))
            window_store.touch_moments(session, registration.model_id, whole_seconds(event_times), now)

    def forget(self, model: str, kind: Kind, through: int, refused: Sequence[Refused] = ()) -> None:
        self.inbox.forget(model, kind, through, refused)

    def _usual(self, model: str, registrar: Registrar) -> UsualRows | None:
        """The reader for the features the model has now; made anew only when these change."""
        registration = registrar.register([])
        if registration is None:
            return None
        reader = self.readers.get(model)
        if reader is None or reader.features != registration.features:
            reader = self.readers[model] = UsualRows(registration.features)
        return reader

    def _is_full(self, rows: Sequence[InboxRow]) -> bool:
        return sum(row.count for row in rows) >= self.limits.flush_rows


def versions_seen(columns: Columns) -> list[VersionSeen]:
    """How many predictions each version made, and in which span of event time."""
    table = pa.table({"version": columns.versions, "at": columns.event_times})
    spans = table.group_by("version").aggregate([("at", "min"), ("at", "max"), ("at", "count")])
    return [
        VersionSeen(each["version"], moment(each["at_min"]), moment(each["at_max"]), each["at_count"])
        for each in sorted(spans.to_pylist(), key=lambda each: str(each["version"]))
    ]


def whole_seconds(event_times: Moments) -> list[datetime]:
    """The moments cut to seconds. Windows begin and end on whole seconds, so these touch the same ones."""
    return [moment(int(second) * _SECOND) for second in np.unique(event_times // _SECOND)]
