"""The audit log: who did what, when. Append only; no record's content ever goes in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import AuditEntry


def record_action(session: Session, now: datetime, actor: str, action: str, target: str, **detail: Any) -> None:
    session.add(AuditEntry(at=now, actor=actor, action=action, target=target, detail=detail))


def latest_actions(session: Session, limit: int = 100) -> Sequence[AuditEntry]:
    return session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)).all()
