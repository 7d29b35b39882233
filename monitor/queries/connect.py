"""Opening the control database for reading."""

from __future__ import annotations

from monitor.db.database import Database

__all__ = ["Database", "open_database"]


def open_database(url: str) -> Database:
    """The control database at `url`, its tables brought up to date if they are not.

    A database that is up to date is not written to, so a role that may only read is enough.
    """
    database = Database(url)
    at, newest = database.revision()
    if at != newest:
        database.upgrade()
    return database
