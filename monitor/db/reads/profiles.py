"""Stored profiles of windows, and the baselines whose bins they are on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

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
