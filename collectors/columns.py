"""The predictions of one pass as columns of the lake.

Rows of the inbox are unpacked about a thousand records at a time and turned into columns at once: as Python objects
they would take several times the memory, and most of the time would go into fetching them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from collectors.deliveries import InboxRow
from collectors.inbox_file import micros
from collectors.payloads import unpack_predictions
from collectors.registration import Registrar, Registration, unknown_features
from collectors.usual_rows import UsualRows
from collectors.wire import WireLabel, WirePrediction
from monitor.lake import Moments, predictions_table
from monitor.records import Refusal

TOGETHER = 1000
"""Records that are unpacked before they become columns: few enough for the processor's cache."""

Refused = tuple[InboxRow, Refusal]


@dataclass(frozen=True, slots=True)
class Columns:
    """Predictions in the order of the inbox: the lake's columns, and for each the id of the row that brought it."""

    table: pa.Table
    row_ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def prediction_ids(self) -> list[str]:
        found: list[str] = self.table.column("prediction_id").to_pylist()
        return found

    @property
    def event_times(self) -> Moments:
        times: Moments = self.table.column("event_time").cast(pa.int64()).to_numpy()
        return times

    @property
    def versions(self) -> pa.ChunkedArray:
        return self.table.column("version")

    def keep(self, kept: NDArray[np.bool_]) -> Columns:
        return self if kept.all() else Columns(self.table.filter(pa.array(kept)), self.row_ids[kept])


@dataclass(frozen=True, slots=True)
class GatheredPredictions:
    """What the rows of a pass hold. Without a `registration` there is no room for the model: all is refused."""

    columns: Columns | None
    registration: Registration | None
    refused: list[Refused]


def gather_predictions(
    rows: Iterable[InboxRow], collector_id: str, registrar: Registrar, usual: UsualRows | None
) -> GatheredPredictions:
    """Unpack the rows, register what is new in them, and turn them into columns.

    `usual` reads the blocks that it can; it is the reader of the features that were known before.
    """
    tables, row_ids, refused = [], [], []
    for some in _blocks(rows):
        if usual is not None and (read := usual.read(some, collector_id)) is not None:
            tables.append(read[0])
            row_ids.append(read[1])
            continue
        records, brought_by = [], []
        for row in some:
            usable, unusable = unpack_predictions(row, collector_id)
            records += usable
            brought_by += [row] * len(usable)
            refused += [(row, refusal) for refusal in unusable]
        registration = registrar.register([record.features for record in records])
        if registration is None:
            refused += [(row, refusal_of(r, registrar.no_room)) for row, r in zip(brought_by, records, strict=True)]
            continue
        if registration.full:
            records, brought_by, unfit = _set_aside(records, brought_by, registration, registrar)
            refused += unfit
        received = np.array([micros(row.received_at) for row in brought_by], np.int64)
        sources = [row.source for row in brought_by]
        tables.append(predictions_table(records, registration.features, received, sources))
        row_ids.append(np.array([row.id for row in brought_by], np.int64))
    if not tables:
        return GatheredPredictions(None, None, refused)
    whole = Columns(pa.concat_tables(tables, promote_options="default"), np.concatenate(row_ids))
    return GatheredPredictions(whole, registrar.registration, refused)


def refusal_of(record: WirePrediction | WireLabel, reason: str) -> Refusal:
    return Refusal(index=0, reason=reason, model=record.model, payload=msgspec.json.encode(record))


def _blocks(rows: Iterable[InboxRow]) -> Iterator[list[InboxRow]]:
    block: list[InboxRow] = []
    records = 0
    for row in rows:
        block.append(row)
        records += row.count
        if records >= TOGETHER:
            yield block
            block, records = [], 0
    if block:
        yield block


def _set_aside(
    records: Sequence[WirePrediction], brought_by: Sequence[InboxRow], registration: Registration, registrar: Registrar
) -> tuple[list[WirePrediction], list[InboxRow], list[Refused]]:
    """The records that fit into a schema that is full, and those that don't."""
    fitting, rows, unfit = [], [], []
    for record, row in zip(records, brought_by, strict=True):
        if unknown := unknown_features(record, registration.features):
            unfit.append((row, refusal_of(record, registrar.no_room_for(min(unknown)))))
        else:
            fitting.append(record)
            rows.append(row)
    return fitting, rows, unfit
