"""Windows of a count of rows: spans of event time that are closed when so many rows lie in them.

They follow each other without a gap, and their bounds never move once a window is closed: a row that comes late counts
in the window its event time falls in, which then has more rows than the count. Rows with one event time are never told
apart, so a window may hold more of them as well. In the table a size of -5000 is a window of 5000 rows; the newest row
of a model and size is the window that is still open, with revision 0, and its start is the end of the one before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from monitor.db.models import WindowState
from monitor.windows import Window


def find_open(session: Session, model_id: int, rows: int) -> WindowState | None:
    """The window that is still open; None while the model has none of this size."""
    return session.scalar(_windows(model_id, rows).order_by(WindowState.start.desc()).limit(1))


def open_window(session: Session, model_id: int, rows: int, start: datetime, now: datetime) -> WindowState:
    """Start counting from an event time on."""
    state = WindowState(
        model_id=model_id, size_seconds=-rows, start=start, revision=0, evaluated_revision=0, touched_at=now
    )
    session.add(state)
    session.flush()
    return state


def close_window(session: Session, state: WindowState, end: datetime, now: datetime) -> WindowState:
    """Close the open window at `end`, which makes it due, and open the next one."""
    state.revision, state.touched_at = 1, now
    session.flush()
    return open_window(session, state.model_id, -state.size_seconds, end, now)


def closed_window(session: Session, state: WindowState) -> Window:
    """The span of a closed window."""
    end = session.scalar(
        select(func.min(WindowState.start)).where(
            WindowState.model_id == state.model_id,
            WindowState.size_seconds == state.size_seconds,
            WindowState.start > state.start,
        )
    )
    assert end is not None, "a closed window is followed by the open one"
    return Window(state.start, end - state.start, -state.size_seconds)


def closed_windows_of(session: Session, model_id: int, rows: int, moments: Iterable[datetime]) -> set[Window]:
    """The closed windows that the event times fall in; those in the open one, or before the first, are in none."""
    moments = sorted(moments)
    if not moments:
        return set()
    known = select(WindowState.start).where(WindowState.model_id == model_id, WindowState.size_seconds == -rows)
    before = known.where(WindowState.start <= moments[0]).order_by(WindowState.start.desc()).limit(1)
    first = session.scalar(before)
    starts = sorted(session.scalars(known.where(WindowState.start >= first) if first else known))
    places = {bisect_right(starts, moment) - 1 for moment in moments}
    return {Window(starts[at], starts[at + 1] - starts[at], rows) for at in places if 0 <= at < len(starts) - 1}


def _windows(model_id: int, rows: int) -> Select[WindowState]:
    return select(WindowState).where(WindowState.model_id == model_id, WindowState.size_seconds == -rows)
