"""Response runs: what Kedge does about an incident, once per idempotency key, claimed by lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from monitor.db.models import Incident, Model, ResponseRun


def add_response_run(
    session: Session, incident: Incident, *, response: str, kind: str, idempotency_key: str, reason: str, now: datetime
) -> bool:
    """Queue a run; False when this key has one already."""
    if session.scalar(select(ResponseRun.id).where(ResponseRun.idempotency_key == idempotency_key)) is not None:
        return False
    run = ResponseRun(
        id=f"run_{uuid4().hex}",
        model_id=incident.model_id,
        incident_id=incident.id,
        response=response,
        kind=kind,
        idempotency_key=idempotency_key,
        state="pending",
        reason=reason,
        plan={},
        next_attempt_at=now,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:  # another worker, fanning out another event of the incident, was a moment faster
        return False
    return True


def due_runs(session: Session, now: datetime, limit: int = 100) -> Sequence[str]:
    """The ids of the runs to start or to try again now, oldest first."""
    statement = select(ResponseRun.id).where(_due(now)).order_by(ResponseRun.created_at, ResponseRun.id)
    return session.scalars(statement.limit(limit)).all()


def claim_run(
    session: Session, run_id: str, now: datetime, lease: timedelta
) -> tuple[ResponseRun, Incident, Model] | None:
    """Take a due run and count an attempt; None when another worker has it.

    The model stays locked to the end of the transaction: guards look at the model's other runs, and two workers must
    not both find that none is running.
    """
    model_id = session.scalar(select(ResponseRun.model_id).where(ResponseRun.id == run_id))
    session.execute(select(Model.id).where(Model.id == model_id).with_for_update(key_share=True))
    claimed = session.scalar(
        update(ResponseRun)
        .where(ResponseRun.id == run_id, _due(now))
        .values(lease_until=now + lease, attempts=ResponseRun.attempts + 1)
        .returning(ResponseRun.id)
    )
    if claimed is None:
        return None
    run = session.get_one(ResponseRun, run_id, populate_existing=True)
    return run, session.get_one(Incident, run.incident_id), session.get_one(Model, run.model_id)


def start_run(session: Session, run: ResponseRun, plan: dict[str, Any]) -> None:
    """Fix what the run does; a later attempt does exactly this again."""
    run.state, run.plan = "running", plan
    session.flush()


def retry_run(session: Session, run: ResponseRun, error: str, at: datetime) -> bool:
    """The attempt failed; try again at `at`. False when the lease was lost to another worker."""
    return _record(session, run, reason=error, next_attempt_at=at)


def finish_run(
    session: Session,
    run: ResponseRun,
    state: str,
    reason: str,
    now: datetime,
    *,
    plan: dict[str, Any] | None = None,
    receipt: str | None = None,
) -> bool:
    """Record the outcome. False, and nothing changes, when the lease was lost to another worker."""
    return _record(
        session,
        run,
        state=state,
        reason=reason,
        finished_at=now,
        receipt=receipt,
        plan=run.plan if plan is None else plan,
    )


def model_runs(session: Session, model_id: int, limit: int = 100) -> Sequence[ResponseRun]:
    """The model's runs, the latest first."""
    statement = select(ResponseRun).where(ResponseRun.model_id == model_id)
    return session.scalars(statement.order_by(ResponseRun.created_at.desc(), ResponseRun.id).limit(limit)).all()


def incident_runs(session: Session, incident_id: int) -> Sequence[ResponseRun]:
    """The runs that an incident started, oldest first."""
    statement = select(ResponseRun).where(ResponseRun.incident_id == incident_id)
    return session.scalars(statement.order_by(ResponseRun.created_at, ResponseRun.id)).all()


def _record(session: Session, run: ResponseRun, **values: Any) -> bool:
    # The count of attempts is the fencing token: whoever lost the lease has a smaller one and changes nothing.
    recorded = session.scalar(
        update(ResponseRun)
        .where(
            ResponseRun.id == run.id,
            ResponseRun.state.in_(("pending", "running")),
            ResponseRun.attempts == run.attempts,
        )
        .values(lease_until=None, **values)
        .returning(ResponseRun.id)
    )
    return recorded is not None


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(ResponseRun.lease_until.is_(None), ResponseRun.lease_until < now)
    return ResponseRun.state.in_(("pending", "running")) & (ResponseRun.next_attempt_at <= now) & free
