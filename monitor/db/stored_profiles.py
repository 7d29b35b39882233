"""Stored profiles of windows: what longer windows and derived baselines are merged from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import Evaluation, ProfileRow, WindowState
from monitor.db.window_store import window_sizes
from monitor.windows import Window, rows_of, window_of

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredWindow:
    """One evaluated window: its payload by segment, and on which baseline's bins it was profiled."""

    window: Window
    baseline_id: int | None
    payloads: dict[str, bytes] = field(default_factory=dict)


def parts_of(session: Session, model_id: int, window: Window, baseline_id: int | None) -> list[StoredWindow] | None:
    """The smaller windows that make up this one; None unless all of them are evaluated as they are, on these bins.

    The largest size that divides the window is taken. Sizes that no enabled monitor has don't count: rows that came
    while nobody looked left no trace in them.
    """
    if window.rows:
        return None
    for size in reversed(window_sizes(session, model_id)):
        if (
            rows_of(size)
            or size >= window.size
            or window.size % size
            or window_of(window.start, size).start != window.start
        ):
            continue
        parts = _finished(session, model_id, window, size, baseline_id)
        if parts is not None:
            return parts
    return None


def _finished(
    session: Session, model_id: int, window: Window, size: timedelta, baseline_id: int | None
) -> list[StoredWindow] | None:
    states = session.execute(
        select(WindowState.start, WindowState.revision, WindowState.evaluated_revision).where(
            WindowState.model_id == model_id,
            WindowState.size_seconds == int(size.total_seconds()),
            WindowState.start >= window.start,
            WindowState.start < window.end,
        )
    ).all()
    if not states or any(revision != evaluated for _, revision, evaluated in states):
        return None
    stored = stored_windows(session, model_id, size, window.start, window.end)
    is_whole = {part.window.start for part in stored} == {start for start, _, _ in states}
    return stored if is_whole and all(part.baseline_id == baseline_id for part in stored) else None


def stored_windows(
    session: Session, model_id: int, size: timedelta, start: datetime, end: datetime, segment: str | None = None
) -> list[StoredWindow]:
    """The stored windows of one size with starts in [start, end), in time order; of one segment, or of all."""
    statement = select(ProfileRow).where(
        ProfileRow.model_id == model_id,
        ProfileRow.size_seconds == int(size.total_seconds()),
        ProfileRow.start >= start,
        ProfileRow.start < end,
    )
    if segment is not None:
        statement = statement.where(ProfileRow.segment == segment)
    found: dict[datetime, StoredWindow] = {}
    for row in session.scalars(statement.order_by(ProfileRow.start, ProfileRow.segment)):
        stored = found.setdefault(row.start, StoredWindow(Window(row.start, size), row.baseline_id))
        stored.payloads[row.segment] = row.payload
    return list(found.values())


def stored_window(session: Session, model_id: int, window: Window, segment: str | None = None) -> StoredWindow | None:
    """One window as it is stored; None where it is not."""
    size = timedelta(seconds=window.seconds)
    found = stored_windows(session, model_id, size, window.start, window.start + _TICK, segment)
    return found[0] if found else None


def starts_in_breach(
    session: Session, monitor_id: int, segment: str, start: datetime, end: datetime
) -> Sequence[datetime]:
    """The starts of the windows that a monitor found in breach."""
    statement = select(Evaluation.window_start).where(
        Evaluation.monitor_id == monitor_id,
        Evaluation.segment == segment,
        Evaluation.window_start >= start,
        Evaluation.window_start < end,
        Evaluation.verdict == "breach",
    )
    return session.scalars(statement).all()
