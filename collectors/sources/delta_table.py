"""A Delta table in place, such as a Databricks inference table: its new rows, version by version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from pydantic import Field

from collectors.sources.arrow_body import arrow_body
from collectors.sources.registry import Options, Piece, SourceContext
from monitor.config import resolve_secret
from monitor.lake.foreign_table import AddedFiles, ForeignTable


class DeltaTableOptions(Options):
    """Settings of a Delta table source."""

    url: str = Field(description="The table's folder: a path, s3://…, gs://… or abfss://….")
    storage: dict[str, str] = Field(
        {}, description="Storage options of deltalake, such as AWS_REGION; env:NAME and file:PATH are looked up."
    )
    partitions: dict[str, str] = Field({}, description="Partition column → the only value of it that is read.")
    columns: list[str] = Field([], description="Columns to read; empty is all.")
    batch_rows: int = Field(10_000, ge=1, description="Most rows taken at a time.")


class _Position(msgspec.Struct, omit_defaults=True):
    """Read through `version`; and of the version `reading` after it, so many `files`, and `rows` of the next."""

    version: int | None = None
    reading: int | None = None
    files: int = 0
    rows: int = 0


class DeltaTableSource:
    """One table. Its rows are handed on as Arrow; the formats `arrow`, `databricks` and `vertex` read that."""

    poll_seconds = 30.0

    def __init__(self, context: SourceContext) -> None:
        self._options: DeltaTableOptions = DeltaTableOptions.of(context)
        storage = {name: resolve_secret(value) for name, value in self._options.storage.items()}
        self._table = ForeignTable(self._options.url, storage, self._options.partitions)

    def read(self, position: Any) -> Iterator[Piece]:
        at = msgspec.convert(position or {}, _Position)
        for added in self._table.added_after(at.version, at.reading):
            if at.reading != added.version:
                at = _Position(at.version, added.version)
            yield from self._version(added, at)
            at = _Position(added.version)
            yield Piece(b"", msgspec.to_builtins(at))

    def done(self, position: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def _version(self, added: AddedFiles, at: _Position) -> Iterator[Piece]:
        for number, path in list(enumerate(added.paths))[at.files :]:
            skip = at.rows if number == at.files else 0
            first = 0
            for batch in self._table.batches(added.version, path, self._options.columns, self._options.batch_rows):
                last = first + batch.num_rows
                if last > skip:
                    body = arrow_body(batch.slice(max(0, skip - first)))
                    now = _Position(at.version, added.version, number, last)
                    yield Piece(body, msgspec.to_builtins(now), path=path)
                first = last
