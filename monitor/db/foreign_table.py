"""Tables of others, in any database that SQLAlchemy reaches: the rows after a place, in order, and nothing but read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, column, create_engine, event, make_url, select, table, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.sql.selectable import FromClause

from monitor.errors import ConfigError, Unavailable


@dataclass(frozen=True, slots=True)
class ForeignRows:
    """Rows in the order of the cursor, column by column; `last` is the cursor of the last one. `more` may follow."""

    columns: dict[str, list[Any]]
    last: Any
    more: bool

    @property
    def count(self) -> int:
        return len(next(iter(self.columns.values()), []))


class ForeignRowReader:
    """Reads a table, or what a query selects, by a column that only grows. Raises ConfigError for a bad address."""

    def __init__(self, url: str, cursor: str, table_name: str = "", query: str = "") -> None:
        self._engine = _engine(url)
        self._cursor = cursor
        self._rows: Any = text(f"({query.strip().rstrip(';')}) AS kedge_rows") if query else _named(table_name)
        self._what = f"the query on {self._engine.url!r}" if query else f"table {table_name!r} on {self._engine.url!r}"

    def rows_after(self, last: Any, limit: int) -> ForeignRows:
        """Up to `limit` rows whose cursor is above `last` (None: from the beginning).

        Rows with one cursor are never taken apart: those at the end that may have more of their kind are left for the
        next call, and if all of them have one cursor, all rows with it are returned. Raises Unavailable.
        """
        cursor: ColumnElement[Any] = column(self._cursor)
        rows = select(text("*")).select_from(self._rows).where(cursor.is_not(None))
        ordered = (rows if last is None else rows.where(cursor > last)).order_by(cursor)
        names, found = self._run(ordered.limit(limit + 1))
        if not found:
            return ForeignRows({}, last, False)
        at = self._place(names)
        more = len(found) > limit
        if more:
            beyond = found[-1][at]
            kept = [row for row in found if row[at] != beyond]
            found = kept or self._run(rows.where(cursor == beyond))[1]
        columns = {name: [row[index] for row in found] for index, name in enumerate(names)}
        return ForeignRows(columns, found[-1][at], more)

    def close(self) -> None:
        self._engine.dispose()

    def _run(self, statement: Any) -> tuple[list[str], Sequence[Any]]:
        try:
            with self._engine.connect() as connection:
                result = connection.execute(statement)
                return list(result.keys()), result.fetchall()
        except (SQLAlchemyError, OSError) as error:
            # The driver's words may hold an address with a password; what it complains about comes first.
            reason = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())[:300]
            raise Unavailable(f"{self._what} can't be read: {reason}") from error

    def _place(self, names: list[str]) -> int:
        lowered = [name.lower() for name in names]
        if self._cursor.lower() not in lowered:
            raise ConfigError(f"{self._what} has no column {self._cursor!r}; it has: {', '.join(names)}")
        return lowered.index(self._cursor.lower())


def _named(name: str) -> FromClause:
    schema, _, plain = name.rpartition(".")
    return table(plain, schema=schema or None)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists():
            raise Unavailable(f"database file {parsed.database!r} does not exist")
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=1, max_overflow=0)
    except ArgumentError:
        raise ConfigError("url is not a database address; accepted: DIALECT://USER:PASSWORD@HOST/DATABASE") from None
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(f"the database's driver is not installed: {error}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=ON"))
        return engine
    if engine.dialect.name == "postgresql":
        return engine.execution_options(postgresql_readonly=True)
    return engine
