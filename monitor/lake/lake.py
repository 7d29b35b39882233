"""Two Delta Lake tables per model, appended to exactly once."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import monotonic

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import TableNotFoundError

from monitor.lake.appending import add_missing_columns, make_durable, write_files

# Every commit reads the log back to the last checkpoint, and there may be one a second. A day of the log is enough.
_CONFIGURATION = {"delta.checkpointInterval": "25", "delta.logRetentionDuration": "interval 1 days"}
_STATISTICS_GRAIN = timedelta(milliseconds=1)
# A table that was opened a moment ago is read on: seeing what is new in its log takes a tenth of opening it. Not for
# long, so that a folder that was deleted and made anew is noticed.
_OPEN_SECONDS = 30.0
_MOST_OPEN = 8


class Kind(StrEnum):
    """Which of a model's two tables."""

    PREDICTIONS = "predictions"
    LABELS = "labels"

    @property
    def partition_column(self) -> str:
        return "event_date" if self is Kind.PREDICTIONS else "received_date"


class Lake:
    """The tables under one root, a local folder or an address such as s3://bucket/kedge.

    Predictions are partitioned by the day of their event time, labels by the day they were received. Columns evolve by
    addition only. Every reader of Delta Lake can read them.
    """

    def __init__(self, root: str, storage_options: Mapping[str, str] | None = None) -> None:
        self.root = root.rstrip("/")
        self.storage_options = dict(storage_options or {}) or None
        self._written: dict[str, DeltaTable] = {}  # tables this process appends to, as it left them
        self._read: OrderedDict[str, tuple[DeltaTable, float]] = OrderedDict()  # tables just read, and until when
        self._lock = threading.Lock()

    def uri(self, model: str, kind: Kind) -> str:
        """Address of one table; the folder is the model's name where that is a safe one."""
        return f"{self.root}/{folder_name(model)}/{kind}"

    def append(self, model: str, kind: Kind, rows: pa.Table, *, collector: str, through: int) -> None:
        """Append rows and record, in the same Delta commit, that `collector` is written through inbox row `through`.

        The caller asks `written_through` first: Delta refuses a transaction that another process has made meanwhile,
        but not one that this table is known to hold.
        """
        table = self._appended(model, kind, rows.schema)
        files = write_files(table, rows, kind.partition_column)
        table.create_write_transaction(
            files,
            "append",
            table.schema(),
            [kind.partition_column],
            commit_properties=CommitProperties(app_transactions=[Transaction(collector, through)]),
        )
        table.update_incremental()
        make_durable(table)

    def _appended(self, model: str, kind: Kind, schema: pa.Schema) -> DeltaTable:
        """The table to append to, with every column of the schema."""
        uri = self.uri(model, kind)
        if uri not in self._written:
            if "://" not in uri:
                Path(uri).mkdir(parents=True, exist_ok=True)
            self._written[uri] = DeltaTable.create(
                uri,
                schema,
                mode="ignore",  # another collector may have been quicker
                configuration=_CONFIGURATION,
                partition_by=[kind.partition_column],
                storage_options=self.storage_options,
            )
            make_durable(self._written[uri])
        add_missing_columns(self._written[uri], schema)
        return self._written[uri]

    def written_through(self, model: str, kind: Kind, collector: str) -> int:
        """The last inbox row of this collector that is in the table; 0 when there is none."""
        uri = self.uri(model, kind)
        if uri in self._written:
            self._written[uri].update_incremental()
        elif table := self._open_anew(uri):
            self._written[uri] = table
        else:
            return 0
        return self._written[uri].transaction_version(collector) or 0

    def exists(self, model: str, kind: Kind) -> bool:
        return self._open(model, kind) is not None

    def rows(self, model: str, kind: Kind) -> int:
        """Number of rows in the table, from its log alone."""
        table = self._open(model, kind)
        if table is None:
            return 0
        return sum(pa.table(table.get_add_actions(flatten=True)).column("num_records").to_pylist())

    def files(self, model: str, kind: Kind, start: datetime | None = None, end: datetime | None = None) -> list[str]:
        """The data files that may hold rows of [start, end), by the time that partitions the table.

        Files are dropped by their partition and by the minimum and maximum that Delta's log keeps for each.
        """
        table = self._open(model, kind)
        if table is None:
            return []
        time_column = "event_time" if kind is Kind.PREDICTIONS else "received_time"
        base = self.uri(model, kind)
        actions = pa.table(table.get_add_actions(flatten=True))
        paths = actions.column("path").to_pylist()
        days = actions.column(f"partition.{kind.partition_column}").to_pylist()
        earliest = _column(actions, f"min.{time_column}")
        latest = _column(actions, f"max.{time_column}")
        return [
            f"{base}/{path}"
            for path, day, low, high in zip(paths, days, earliest, latest, strict=True)
            if _overlaps(day, low, high, start, end)
        ]

    def columns(self, model: str, kind: Kind) -> list[str]:
        """Names of the table's columns; empty when the table does not exist yet."""
        table = self._open(model, kind)
        return [field.name for field in table.schema().fields] if table else []

    def compact(self, model: str, kind: Kind) -> int:
        """Merge small files; returns how many were merged. Appends may go on meanwhile."""
        table = self._open_anew(self.uri(model, kind))
        return int(table.optimize.compact()["numFilesRemoved"]) if table else 0

    def _open(self, model: str, kind: Kind) -> DeltaTable | None:
        """The table as it is now, to be read from."""
        uri = self.uri(model, kind)
        with self._lock:
            table, until = self._read.get(uri, (None, 0.0))
        if table is not None and monotonic() < until:
            table.update_incremental()
            return table
        table = self._open_anew(uri)
        with self._lock:
            self._read.pop(uri, None)
            if table is not None:
                self._read[uri] = table, monotonic() + _OPEN_SECONDS
            if len(self._read) > _MOST_OPEN:
                self._read.popitem(last=False)
        return table

    def _open_anew(self, uri: str) -> DeltaTable | None:
        try:
            return DeltaTable(uri, storage_options=self.storage_options)
        except TableNotFoundError:
            return None


def folder_name(model: str) -> str:
    """A folder for a model: its name where that is plain, else a readable slug and a digest, never a path.

    >>> folder_name("churn_v2"), folder_name("Team A/churn")
    ('churn_v2', 'team-a-churn-fa75f0c4')
    """
    is_plain = re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,99}", model)
    if is_plain and not re.search(r"-[0-9a-f]{8}$", model):  # such a name could be another model's slug and digest
        return model
    slug = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:60]
    return f"{slug}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def _column(actions: pa.Table, name: str) -> list[datetime | None]:
    return actions.column(name).to_pylist() if name in actions.column_names else [None] * actions.num_rows


def _overlaps(
    day: date, low: datetime | None, high: datetime | None, start: datetime | None, end: datetime | None
) -> bool:
    # Partitions are days in UTC.
    first, last = (moment and moment.astimezone(UTC).date() for moment in (start, end))
    if (first and day < first) or (last and day > last):
        return False
    # Delta's log cuts times to the millisecond, so the true maximum may lie up to one later.
    if start and high and high + _STATISTICS_GRAIN < start:
        return False
    return not (end and low and low >= end)
