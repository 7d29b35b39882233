"""API keys: random, shown once, stored as hashes, each with one role."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import ApiKey
from monitor.errors import NotFound


class Role(StrEnum):
    """What a key may do: send records, read, or everything."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        return self is Role.ADMIN or self is needed


def create_key(session: Session, name: str, role: Role, now: datetime) -> str:
    """Make a key and return it; this is the only time it can be seen.

    A key is 256 random bits, so a plain SHA-256 can't be searched: a slow hash would only slow each request down.
    """
    key = f"kedge_{role}_{secrets.token_urlsafe(32)}"
    session.add(
        ApiKey(name=name, role=role.value, prefix=key[: len(f"kedge_{role}_") + 4], sha256=digest(key), created_at=now)
    )
    session.flush()
    return key


def valid_keys(session: Session) -> dict[str, Role]:
    """Hash → role of every key that is not revoked."""
    rows = session.execute(select(ApiKey.sha256, ApiKey.role).where(ApiKey.revoked_at.is_(None)))
    return {sha256: Role(role) for sha256, role in rows}


def list_keys(session: Session) -> Sequence[ApiKey]:
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()


def revoke_key(session: Session, key_id: int, now: datetime) -> None:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"API key {key_id} does not exist")
    key.revoked_at = key.revoked_at or now


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
