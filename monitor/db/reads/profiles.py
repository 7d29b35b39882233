"""Stored profiles of windows, and the baselines whose bins they are on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import Baseline, ProfileRow


def find_profile(
    session: Session, model_id: int, size: int, start: datetime, segment: str = "all"
) -> ProfileRow | None:
    return session.scalar(
        select(ProfileRow).where(
            ProfileRow.model_id == model_id,
            ProfileRow.segment == segment,
            ProfileRow.size_seconds == size,
            ProfileRow.start == start,
        )
    )


def baseline_behind(session: Session, model_id: int, profile: ProfileRow | None) -> Baseline | None:
    """The baseline whose bins the profile is on, else the active one."""
    if profile is not None and profile.baseline_id is not None:
        found = session.get(Baseline, profile.baseline_id)
        if found is not None:
            return found
    return session.scalar(select(Baseline).where(Baseline.model_id == model_id, Baseline.active))


def list_baselines(session: Session, model_id: int) -> Sequence[Baseline]:
    """The model's baselines, the oldest first."""
    return session.scalars(select(Baseline).where(Baseline.model_id == model_id).order_by(Baseline.created_at)).all()


class StoredWindow(NamedTuple):
    """One window's profile as it is stored, and the baseline whose bins it is on."""

    start: datetime
    baseline_id: int | None
    payload: bytes


def profiles_between(
    session: Session, model_id: int, size: int, start: datetime, end: datetime, segment: str = "all"
) -> list[StoredWindow]:
    """The windows of this size in seconds that start in [start, end), in time order."""
    statement = (
        select(ProfileRow.start, ProfileRow.baseline_id, ProfileRow.payload)
        .where(
            ProfileRow.model_id == model_id,
            ProfileRow.segment == segment,
            ProfileRow.size_seconds == size,
            ProfileRow.start >= start,
            ProfileRow.start < end,
        )
        .order_by(ProfileRow.start)
    )
    return [StoredWindow(*row) for row in session.execute(statement)]


def baseline_payloads(session: Session, ids: Collection[int]) -> dict[int | None, bytes]:
    """What the baselines with these ids hold, by id and in their order."""
    statement = select(Baseline.id, Baseline.payload).where(Baseline.id.in_(ids)).order_by(Baseline.id)
    return {row.id: row.payload for row in session.execute(statement)}
