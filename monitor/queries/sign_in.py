"""Who may see the dashboard: anybody on this machine, elsewhere whoever holds a key that may read."""

from __future__ import annotations

from monitor.access import is_loopback
from monitor.db import keys
from monitor.db.database import Database
from monitor.db.keys import Role


def needs_key(listening_on: str | None) -> bool:
    """Whether a dashboard that listens on this address asks for a key; without an address it listens everywhere.

    >>> needs_key("127.0.0.1"), needs_key("localhost"), needs_key("0.0.0.0"), needs_key(None)
    (False, False, True, True)
    """
    return listening_on != "localhost" and not is_loopback(listening_on)


def may_read(db: Database, key: str) -> bool:
    """Whether this API key is valid and of a role that may read."""
    with db.reading() as session:
        role = keys.valid_keys(session).get(keys.digest(key.strip()))
    return role is not None and role.may(Role.READ)
