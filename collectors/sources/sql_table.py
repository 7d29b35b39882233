"""A table or query of any database that SQLAlchemy reaches, read in the order of a column that only grows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from pydantic import Field, model_validator

from collectors.formats.table_rows import RESERVED
from collectors.sources.arrow_body import arrow_body, table_of
from collectors.sources.registry import Options, Piece, SourceContext
from monitor.config import resolve_secret
from monitor.db.foreign_table import ForeignRowReader, ForeignRows


class SqlTableOptions(Options):
    """Settings of a SQL table source."""

    url: str = Field(description="SQLAlchemy's address of the database; env:NAME and file:PATH are looked up.")
    table: str = Field("", description="The table, as NAME or SCHEMA.NAME.")
    query: str = Field("", description="Instead of a table: a SELECT, which may name its columns as Kedge's fields.")
    cursor: str = Field(description="Column that only grows: a number, or the time a row was written.")
    fields: dict[str, str] = Field({}, description="Field of a prediction or label → the column it is in.")
    settle_seconds: float = Field(
        5, ge=0, description="Rows whose cursor is a time younger than this wait: slower transactions may come before."
    )
    batch_rows: int = Field(10_000, ge=1, description="Most rows taken at a time.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.table) == bool(self.query):
            raise ValueError("either table or query must be set")
        return self


class SqlTableSource:
    """One table. Its rows are handed on as Arrow, columns named like fields of a prediction being those."""

    poll_seconds = 10.0

    def __init__(self, context: SourceContext) -> None:
        self._options: SqlTableOptions = SqlTableOptions.of(context)
        self._clock, self._settings = context.clock, context.settings
        self._names = {column: field for field, column in self._options.fields.items()}
        self._reader: ForeignRowReader | None = None

    def read(self, position: Any) -> Iterator[Piece]:
        last, more = _from_json(position), True
        while more:
            rows = self._settled(self._open().rows_after(last, self._options.batch_rows))
            if not rows.count:
                return
            last, more = rows.last, rows.more
            moment = _moment(last)
            columns = {self._names.get(name, name): values for name, values in rows.columns.items()}
            if self._is_only_a_cursor(moment):
                columns = {name: each for name, each in columns.items() if name.lower() != self._options.cursor.lower()}
            yield Piece(arrow_body(table_of(columns)), _to_json(last), path=self._options.table, moment=moment)

    def done(self, position: Any) -> None:
        pass

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> ForeignRowReader:
        if self._reader is None:
            options = self._options
            self._reader = ForeignRowReader(resolve_secret(options.url), options.cursor, options.table, options.query)
        return self._reader

    def _is_only_a_cursor(self, moment: datetime | None) -> bool:
        """Whether the cursor column is a row number: that is no feature, and no label has one."""
        settings, name = self._settings, self._names.get(self._options.cursor, self._options.cursor)
        return name not in RESERVED and (settings.labels or (moment is None and settings.format in ("auto", "arrow")))

    def _settled(self, rows: ForeignRows) -> ForeignRows:
        """Without the youngest rows, where the cursor is a time."""
        if not rows.count or _moment(rows.last) is None:
            return rows
        latest = self._clock() - timedelta(seconds=self._options.settle_seconds)
        name = next(each for each in rows.columns if each.lower() == self._options.cursor.lower())
        cursors = rows.columns[name]
        kept = sum((_moment(each) or latest) <= latest for each in cursors)
        if kept == len(cursors):
            return rows
        columns = {each: values[:kept] for each, values in rows.columns.items()}
        return ForeignRows(columns, cursors[kept - 1] if kept else None, False)


def _moment(cursor: Any) -> datetime | None:
    """The cursor as a time (UTC where it has no zone), if it is one."""
    if isinstance(cursor, datetime):
        return cursor.replace(tzinfo=UTC) if cursor.tzinfo is None else cursor.astimezone(UTC)
    return None


def _to_json(cursor: Any) -> Any:
    match cursor:
        case datetime():
            return {"time": cursor.isoformat()}
        case date():
            return {"day": cursor.isoformat()}
        case Decimal():
            return {"decimal": str(cursor)}
        case _:
            return {"plain": cursor}


def _from_json(position: Any) -> Any:
    readers: dict[str, Any] = {"time": datetime.fromisoformat, "day": date.fromisoformat, "decimal": Decimal}
    for kind, value in (position or {}).items():
        return readers[kind](value) if kind in readers else value
    return None
