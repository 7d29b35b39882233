"""The SQLite file of an inbox: its tables, and how a connection to it is made durable."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from monitor.windows import EPOCH

_MICROSECOND = timedelta(microseconds=1)
_PAGE_BYTES = 8192  # a commit writes whole pages; large payloads, which would want larger ones, are in segments
_COUNT = "INTEGER NOT NULL DEFAULT 0"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: the lake remembers how far it has read
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    received_at INTEGER NOT NULL,          -- microseconds since 1970
    source TEXT NOT NULL,
    n INTEGER NOT NULL,
    payload BLOB NOT NULL,
    encoding INTEGER NOT NULL DEFAULT 0,   -- of the payload: collectors.deliveries.Encoding
    segment TEXT,                          -- the file that a large payload is in; else it is in the row
    offset INTEGER NOT NULL DEFAULT 0,     -- where it begins there
    length INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS ix_inbox_waiting ON inbox (kind, model, id, n);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, status INTEGER NOT NULL, body BLOB NOT NULL, created_at INTEGER NOT NULL,
    digest BLOB                            -- of what was sent; NULL in rows of a Kedge that kept none
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_idempotency_created_at ON idempotency (created_at);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    model TEXT,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,
    log_format TEXT NOT NULL DEFAULT ''    -- that of the payload; '' is Kedge's own JSON
);
CREATE TABLE IF NOT EXISTS halves (        -- the join buffer: one side of a call, until the other comes
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    key TEXT NOT NULL,
    side TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (key, model, side)
);
CREATE INDEX IF NOT EXISTS ix_halves_received_at ON halves (received_at);
CREATE TABLE IF NOT EXISTS declared (      -- features that a log announced, on their way to the control database
    id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS checkpoints (source TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
"""


def open_inbox(path: Path) -> sqlite3.Connection:
    """A connection to the inbox file, made if it is not there. A commit survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path)
    with transaction(connection):
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        _add_column(connection, "idempotency", "digest", "BLOB")
        for column, kind in {"segment": "TEXT", "encoding": _COUNT, "offset": _COUNT, "length": _COUNT}.items():
            _add_column(connection, "inbox", column, kind)
        _add_column(connection, "quarantine", "log_format", "TEXT NOT NULL DEFAULT ''")
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('collector_id', ?)", (uuid.uuid4().hex,))
    return connection


def _add_column(connection: sqlite3.Connection, table: str, column: str, kind: str) -> None:
    """An inbox that an earlier Kedge made may have no such column yet."""
    if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def connect(path: Path, *, exclusively: bool = False, timeout: float = 30) -> sqlite3.Connection:
    """A durable connection. `exclusively` keeps every other process and connection out until it is closed."""
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
    if exclusively:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA journal_size_limit={64 * 2**20}")
    return connection


def collector_id(connection: sqlite3.Connection) -> str:
    value: str = connection.execute("SELECT value FROM meta WHERE key = 'collector_id'").fetchone()[0]
    return value


def bytes_in_use(connection: sqlite3.Connection) -> int:
    """Bytes of the pages that hold something; pages that became free are used again before the file grows."""
    pragmas = ("page_count", "freelist_count", "page_size")
    pages, free, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in pragmas)
    return (pages - free) * size


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One writing transaction: committed at the end of the block, rolled back if it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def micros(at: datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    return EPOCH + at * _MICROSECOND
