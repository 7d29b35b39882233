"""What a first start makes: an ingest key and an admin key, shown once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.db import audit, keys
from monitor.db.database import Database
from monitor.db.keys import Role


@dataclass(frozen=True, slots=True)
class FirstKeys:
    """The keys as text; only their hashes are stored."""

    ingest: str
    admin: str


def make_first_keys(db: Database, now: datetime) -> FirstKeys | None:
    """Make both keys if there is none yet; None when there are keys already."""
    with db.session() as session:
        if keys.list_keys(session):
            return None
        made = FirstKeys(
            keys.create_key(session, "first ingest key", Role.INGEST, now),
            keys.create_key(session, "first admin key", Role.ADMIN, now),
        )
        audit.record_action(session, now, "kedge up", "key.created", "ingest and admin", roles=["ingest", "admin"])
        return made
