"""For how long nothing had come, hour by hour, as the silence monitor noted it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import Evaluation


def quiet_hours(session: Session, monitor_id: int, since: datetime) -> list[tuple[datetime, float]]:
    """(Start of the hour, seconds without a row when it ended), in time order."""
    statement = (
        select(Evaluation.window_start, Evaluation.value)
        .where(Evaluation.monitor_id == monitor_id, Evaluation.window_start >= since, Evaluation.value.is_not(None))
        .order_by(Evaluation.window_start)
    )
    return [(row.window_start, row.value) for row in session.execute(statement)]
