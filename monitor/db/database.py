"""Connecting to the control database, and bringing its tables up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from monitor.errors import ConfigError, Unavailable

__all__ = ["Database", "Session", "migration_config"]

# PostgreSQL serialises migrations of processes that start together on this number; SQLite does it with a file lock.
_MIGRATION_LOCK = 0x6B65646765


class Database:
    """A control database on SQLite (WAL) or PostgreSQL. Sessions come from `session()` and commit at the end."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ConfigError(
                f"database_url {url!r} is not a database address; accepted: sqlite:///… or postgresql://…"
            ) from None
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise ConfigError(f"database_url names {parsed.drivername!r}; accepted: sqlite, postgresql")
        self.url = parsed
        self.engine = self._connect()
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    def _connect(self) -> Engine:
        options: dict[str, Any] = {"pool_pre_ping": True}
        if self.url.get_backend_name() == "sqlite":
            if self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            options = {"connect_args": {"timeout": 30}}
        try:
            engine = create_engine(self.url, json_serializer=_to_json, **options)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise ConfigError(
                f"driver of {self.url.drivername!r} is not installed ({error}); try: pip install 'kedge[postgres]'"
            ) from None
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin)
        return engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One writing transaction: committed at the end of the block, rolled back if it raises."""
        with _reachable(), self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read-only snapshot; it neither waits for writers nor holds them up."""
        with _reachable(), self._sessions.begin() as session:
            session.connection(execution_options={"kedge_reading": True})
            yield session

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables up to date; safe when several processes start at once."""
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            config = migration_config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def revision(self) -> tuple[str | None, str | None]:
        """The revision the tables are at, and the newest one this Kedge knows."""
        with self.engine.connect() as connection:
            at = MigrationContext.configure(connection).get_current_revision()
        return at, ScriptDirectory.from_config(migration_config()).get_current_head()

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _reachable() -> Iterator[None]:
    """A store that fails for a reason of its own is Unavailable; the driver's words may hold an address, so only its
    kind is said."""
    try:
        yield
    except OperationalError as error:
        raise Unavailable(f"the control database can't be used now ({type(error.orig).__name__})") from error


def migration_config() -> Config:
    """Alembic's configuration; its scripts are beside the sources, or inside the package in a wheel."""
    packaged = Path(__file__).parent / "migrations"
    config = Config()
    config.set_main_option(
        "script_location", str(packaged if packaged.is_dir() else Path(__file__).parents[2] / "alembic")
    )
    return config


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling starts too late for BEGIN IMMEDIATE; SQLAlchemy begins instead (below).
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA busy_timeout=30000")


def _begin(connection: Any) -> None:
    # Taking the write lock at once makes writers queue; a read that turns into a write would fail with "locked".
    reading = connection.get_execution_options().get("kedge_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _to_json(value: Any) -> str:
    """JSON knows neither NaN nor infinity, and PostgreSQL refuses them: they are stored as null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None))
