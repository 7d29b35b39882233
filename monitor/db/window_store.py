"""Which windows are due: touched by rows or labels, settled, and claimed by at most one worker at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.db import count_windows
from monitor.db.models import Model, Monitor, WindowState
from monitor.windows import Window, rows_of, windows_touched

# A reopened window that was touched so often is evaluated even while labels go on coming.
MANY_TOUCHES = 60
# A model that got a new window size, or much history at once, has thousands of windows due: they let the others pass.
BACKLOG = 500


def window_sizes(session: Session, model_id: int) -> list[timedelta]:
    """The sizes the model's enabled monitors look at."""
    statement = select(Monitor.window_seconds).where(Monitor.model_id == model_id, Monitor.enabled).distinct()
    return sorted(timedelta(seconds=seconds) for seconds in session.scalars(statement))


def touch_moments(session: Session, model_id: int, moments: Iterable[datetime], now: datetime) -> int:
    """Mark every window that one of the event times falls in, in each size the model is watched at, as due.

    A window that was evaluated is thereby reopened. Returns how many windows were marked.
    """
    moments = list(moments)
    sizes = window_sizes(session, model_id)
    touched = {window for size in sizes if not rows_of(size) for window in windows_touched(moments, size)}
    for size in filter(rows_of, sizes):
        touched |= count_windows.closed_windows_of(session, model_id, rows_of(size), moments)
    touch_windows(session, model_id, touched, now)
    return len(touched)


def touch_windows(session: Session, model_id: int, windows: Iterable[Window], now: datetime) -> None:
    """Mark these windows as due, exactly these. Many collectors may touch one window at once."""
    # In order, so that two writers of the same windows wait for each other and never for each other's last one.
    rows = [
        {
            "model_id": model_id,
            "size_seconds": window.seconds,
            "start": window.start,
            "revision": 1,
            "evaluated_revision": 0,
            "touched_at": now,
        }
        for window in sorted(windows)
    ]
    if rows:
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        session.execute(
            insert(WindowState).on_conflict_do_update(
                index_elements=["model_id", "size_seconds", "start"],
                set_={"revision": WindowState.revision + 1, "touched_at": now},
            ),
            rows,
        )


def due_windows(
    session: Session, now: datetime, settle: timedelta, limit: int = 100, reopen: timedelta = timedelta(0)
) -> Sequence[WindowState]:
    """Windows that changed since they were evaluated and have settled: new ones first, in order, then reopened ones.

    Where a model has more than 500 of one size that are due, those come after the new ones of all others.

    Of new windows the small ones come first, and of reopened ones a small one before the large one that holds it: then
    the large one is merged from them. A window of a count of rows is closed only when it has settled.

    A window has settled when the clock is past its end by `settle`, and either rows have arrived from beyond it by
    that much (so a replay of old logs is evaluated whole, window by window) or nothing has touched it for that long.
    One that was evaluated before waits until nothing has touched it for `reopen`, or until it was touched many times;
    those take turns, the one that waits longest first. So labels that trickle in for weeks hold up no new window.
    """
    alike = func.count().over(partition_by=(WindowState.model_id, WindowState.size_seconds))
    candidates = session.execute(
        select(WindowState, Model.watermark)
        .join(Model, Model.id == WindowState.model_id)
        .where(WindowState.revision > WindowState.evaluated_revision, _free(now))
        .order_by(
            case((WindowState.evaluated_revision == 0, 0), else_=1),
            case((and_(WindowState.evaluated_revision == 0, alike > BACKLOG), 1), else_=0),
            case((WindowState.evaluated_revision == 0, WindowState.size_seconds), else_=0),
            case((WindowState.evaluated_revision == 0, WindowState.start), else_=WindowState.touched_at),
            WindowState.size_seconds,
            WindowState.start,
            WindowState.id,
        )
    )
    due: list[WindowState] = []
    for state, watermark in candidates:
        if _waits(state, now, reopen):
            continue
        if state.size_seconds < 0 or has_settled(window(state), watermark, state.touched_at, now, settle):
            due.append(state)
            if len(due) == limit:
                break
    return due


def _waits(state: WindowState, now: datetime, reopen: timedelta) -> bool:
    """Whether a reopened window waits for more of what reopened it."""
    touches = state.revision - state.evaluated_revision
    return bool(state.evaluated_revision) and touches < MANY_TOUCHES and now - state.touched_at < reopen


def has_settled(
    span: Window, watermark: datetime | None, touched_at: datetime, now: datetime, settle: timedelta
) -> bool:
    """Whether a window has waited long enough for stragglers; see `due_windows`."""
    closes = span.end + settle
    passed = watermark is not None and watermark >= closes
    return now >= closes and (passed or now - touched_at >= settle)


def claim_window(session: Session, window_id: int, owner: str, now: datetime, lease: timedelta) -> WindowState | None:
    """Take the lease of a window; None when another worker holds it or nothing is due any more."""
    claimed = session.execute(
        update(WindowState)
        .where(WindowState.id == window_id, WindowState.revision > WindowState.evaluated_revision, _free(now))
        .values(lease_owner=owner, lease_until=now + lease)
        .returning(WindowState.id)
    ).first()
    return session.get_one(WindowState, window_id, populate_existing=True) if claimed else None


def renew_lease(session: Session, window_id: int, owner: str, until: datetime) -> bool:
    """Hold a window for longer; False when another worker has it by now."""
    renewed = session.execute(
        update(WindowState)
        .where(WindowState.id == window_id, WindowState.lease_owner == owner)
        .values(lease_until=until)
        .returning(WindowState.id)
    ).first()
    return renewed is not None


def finish_window(session: Session, window_id: int, owner: str, revision: int) -> bool:
    """Record that the window is evaluated as of `revision` and give the lease back.

    False when the lease was lost: another worker took over, and this worker's results must be rolled back.
    """
    finished = session.execute(
        update(WindowState)
        .where(WindowState.id == window_id, WindowState.lease_owner == owner)
        .values(evaluated_revision=revision, lease_owner=None, lease_until=None)
        .returning(WindowState.id)
    ).first()
    return finished is not None


def latest_windows(session: Session, model_id: int, size: timedelta, limit: int = 1000) -> Sequence[WindowState]:
    """The latest windows that had rows, in order."""
    statement = (
        select(WindowState)
        .where(WindowState.model_id == model_id, WindowState.size_seconds == int(size.total_seconds()))
        .order_by(WindowState.start.desc())
        .limit(limit)
    )
    return list(reversed(session.scalars(statement).all()))


def evaluated_after(
    session: Session, model_id: int, seconds: int, start: datetime
) -> tuple[datetime | None, datetime | None, int]:
    """Of the windows of this size that start later and were evaluated: the first start, the last, and how many."""
    statement = select(func.min(WindowState.start), func.max(WindowState.start), func.count()).where(
        WindowState.model_id == model_id,
        WindowState.size_seconds == seconds,
        WindowState.start > start,
        WindowState.evaluated_revision > 0,
    )
    first, last, windows = session.execute(statement).one()
    return first, last, int(windows)


def windows_after(session: Session, model_id: int, size: timedelta, start: datetime) -> list[Window]:
    """The windows of a span of time that had rows and start later, in order."""
    statement = select(WindowState).where(
        WindowState.model_id == model_id,
        WindowState.size_seconds == int(size.total_seconds()),
        WindowState.start > start,
    )
    return [window(state) for state in session.scalars(statement.order_by(WindowState.start))]


def find_window(session: Session, state: WindowState) -> Window:
    """The span of a window; one of a count of rows ends where the next one starts."""
    if state.size_seconds > 0:
        return window(state)
    return count_windows.closed_window(session, state)


def window(state: WindowState) -> Window:
    """The span of a window whose size is a time."""
    return Window(state.start, timedelta(seconds=state.size_seconds))


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(
        WindowState.lease_owner.is_(None), and_(WindowState.lease_until.is_not(None), WindowState.lease_until < now)
    )
