"""Stored baselines; at most one of a model's is active."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from monitor.db.models import Baseline
from monitor.errors import Conflict


def active_baseline(session: Session, model_id: int) -> Baseline | None:
    return session.scalar(select(Baseline).where(Baseline.model_id == model_id, Baseline.active))


def has_baseline(session: Session, model_id: int) -> bool:
    """Whether the model has an active baseline; unlike `active_baseline` this reads no profile."""
    return session.scalar(select(Baseline.id).where(Baseline.model_id == model_id, Baseline.active)) is not None


def list_baselines(session: Session, model_id: int) -> Sequence[Baseline]:
    return session.scalars(select(Baseline).where(Baseline.model_id == model_id).order_by(Baseline.id)).all()


def add_baseline(
    session: Session,
    model_id: int,
    *,
    name: str,
    origin: str,
    rows: int,
    start: datetime | None,
    end: datetime | None,
    payload: bytes,
    now: datetime,
) -> Baseline:
    """Store a baseline and make it the active one. Raises Conflict when the name is taken: baselines are frozen."""
    taken = session.scalar(select(Baseline.id).where(Baseline.model_id == model_id, Baseline.name == name))
    if taken is not None:
        raise Conflict(f"baseline {name!r} exists already and baselines are frozen; choose another name")
    session.execute(update(Baseline).where(Baseline.model_id == model_id).values(active=False))
    baseline = Baseline(
        model_id=model_id,
        name=name,
        origin=origin,
        rows=rows,
        start=start,
        end=end,
        active=True,
        created_at=now,
        payload=payload,
    )
    session.add(baseline)
    session.flush()
    return baseline


def replace_payload(session: Session, baseline_id: int, payload: bytes) -> None:
    """Refresh what a baseline knows of its own rows (labels that came since); its bins and rows stay as they were."""
    session.execute(update(Baseline).where(Baseline.id == baseline_id).values(payload=payload))


def read_sample(session: Session, baseline_id: int) -> bytes | None:
    """Some of a baseline's rows, where it keeps them."""
    return session.scalar(select(Baseline.sample).where(Baseline.id == baseline_id))


def read_estimator(session: Session, baseline_id: int) -> bytes | None:
    """What estimates performance before labels come, where the baseline has it."""
    return session.scalar(select(Baseline.estimator).where(Baseline.id == baseline_id))


def save_estimator(session: Session, baseline_id: int, estimator: bytes) -> None:
    """Keep a newly fitted estimator in place of the one there was."""
    session.execute(update(Baseline).where(Baseline.id == baseline_id).values(estimator=estimator))
