"""Closing windows of a count of rows: when so many rows have come, in the order of their event times."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from monitor.db import catalog, count_windows, window_store
from monitor.db.models import Model, WindowState
from monitor.jobs.stores import Stores
from monitor.windows import rows_of

log = logging.getLogger(__name__)
_TICK = timedelta(microseconds=1)
# Rows are counted a little after the moment they are said to have been received at.
_SLACK = timedelta(minutes=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def close_count_windows(stores: Stores, now: datetime) -> int:
    """Close every window of a count of rows that is full and has settled; returns how many were closed."""
    with stores.db.reading() as session:
        watched = [
            (model, rows)
            for model in catalog.list_models(session)
            if model.first_event_time is not None
            for rows in map(rows_of, window_store.window_sizes(session, model.id))
            if rows
        ]
    closed = 0
    for model, rows in watched:
        try:
            while _close_next(stores, model, rows, now):
                closed += 1
        except Exception:
            log.exception(
                "windows of %d rows of model %r could not be closed; it will be tried again", rows, model.name
            )
    return closed


def _close_next(stores: Stores, model: Model, rows: int, now: datetime) -> bool:
    state = _open(stores, model, rows, now)
    if model.last_received_at is None or model.last_received_at < state.touched_at - _SLACK:
        return False  # nothing has come since the last look
    last = stores.engine.nth_event_time(stores.predictions(model.name, state.start), rows, state.start)
    settle = timedelta(seconds=stores.settings.jobs.settle_seconds)
    with stores.db.session() as session:
        catalog.lock_model(session, model.id)
        current = count_windows.find_open(session, model.id, rows)
        assert current is not None
        if last is None:
            current.touched_at = now
            return False
        if last + settle > now or current.id != state.id:  # rows may still come, or another worker closed it
            return False
        count_windows.close_window(session, current, last + _TICK, now).touched_at = state.touched_at
        return True


def _open(stores: Stores, model: Model, rows: int, now: datetime) -> WindowState:
    """The open window; a model's first one starts with its first row."""
    with stores.db.session() as session:
        fresh = catalog.lock_model(session, model.id)
        state = count_windows.find_open(session, model.id, rows)
        if state is None:
            assert fresh.first_event_time is not None
            return count_windows.open_window(session, model.id, rows, fresh.first_event_time, _LONG_AGO)
        return state
