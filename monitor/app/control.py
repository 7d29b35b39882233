"""The clock and the control database: what every process begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from monitor.config import Settings
from monitor.db.database import Database
from monitor.errors import KedgeError, Unavailable


def clock() -> datetime:
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """The control database, brought up to date. Raises Unavailable when it can't be."""
    with using_database(settings) as database:
        database.upgrade()
        return database


@contextmanager
def using_database(settings: Settings) -> Iterator[Database]:
    """The control database as it is; whatever its driver or the disk raises in the block becomes Unavailable."""
    database = None
    try:
        # Predictions may be sensitive: the folder is its owner's alone, unless somebody made it beforehand.
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(settings.control_url)
        yield database
    except KedgeError:
        raise
    except Exception as error:
        # As text the address has no password; a local file's, which may fail sooner, never has one.
        address = database.url if database else settings.control_url
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise Unavailable(f"the control database {str(address)!r} can't be used: {reason}") from error
