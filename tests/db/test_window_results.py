"""What evaluations store, on both databases: replaced when a window is judged again, by segment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from monitor.db import catalog, monitors, results, stored_profiles, window_store
from monitor.db.database import Database, Session
from monitor.db.models import Evaluation, MetricPoint, ProfileRow, WindowState
from monitor.db.monitors import NewMonitor
from monitor.db.results import EvaluationRow
from monitor.windows import Window, parse_span, window_of

HOUR = timedelta(hours=1)


def verdict(monitor_id: int, word: str, reason: str = "") -> EvaluationRow:
    return EvaluationRow(monitor_id, 1, word, 0.5, None, 1.0, 10, reason, {"columns": []})


@pytest.fixture
def model_id(db: Database, now: datetime) -> int:
    """A model watched hourly and by the day."""
    with db.session() as session:
        model = catalog.ensure_model(session, "churn", now)
        for size in (HOUR, timedelta(days=1), parse_span("500 rows")):
            new = NewMonitor(f"m{size}", "auc", int(size.total_seconds()), {}, 1, 1, 1, 0, "warning", "*")
            monitors.add_monitors(session, model.id, [new], now)
        return model.id


def store(session: Session, model_id: int, window: Window, segment: str, now: datetime) -> None:
    point: dict[str, Any] = {"metric": "auc", "metric_column": "", "value": 0.5, "low": None, "high": None, "n": 10}
    results.save_profile(session, model_id, window, segment.encode(), 7, segment)
    results.save_points(session, model_id, window, [{**point, "status": "ok", "reason": ""}], segment)
    results.save_evaluation(session, window.start, verdict(1, "ok"), now, segment)


def segments(session: Session, table: Any) -> list[str]:
    return sorted(session.scalars(select(table.segment)))


def test_a_verdict_replaces_that_of_the_same_window_and_segment_only(
    db: Database, model_id: int, now: datetime
) -> None:
    assert model_id
    with db.session() as session:
        for segment in ("all", "region=eu"):
            for word in ("ok", "breach"):
                results.save_evaluation(session, now, verdict(1, word, "because"), now, segment)
        results.save_evaluation(session, now, verdict(1, "ok"), now)
        assert [e.verdict for e in results.latest_evaluations(session, 1, 9)] == ["ok"]
        (broken,) = results.latest_evaluations(session, 1, 9, "region=eu")
        assert (broken.verdict, broken.reason, broken.evidence, broken.high) == (
            "breach",
            "because",
            {"columns": []},
            1.0,
        )


def test_segments_that_a_window_no_longer_has_are_forgotten_and_others_are_not(
    db: Database, model_id: int, now: datetime
) -> None:
    window, next_one = window_of(now, HOUR), window_of(now + HOUR, HOUR)
    with db.session() as session:
        for segment in ("all", "region=eu", "region=us", "slo"):
            store(session, model_id, window, segment, now)
        store(session, model_id, next_one, "region=us", now)
        results.keep_segments(session, model_id, window, ["all", "region=eu"], [1])
        for table in (ProfileRow, MetricPoint, Evaluation):
            assert segments(session, table) == ["all", "region=eu", "region=us", "slo"]
            starts = session.scalars(select(table.segment).where(_start(table) == window.start)).all()
            assert "region=us" not in starts
        assert results.value_at(session, model_id, "auc", 3600, window.start, "region=eu") == 0.5
        assert results.earlier_values(session, model_id, ["auc"], next_one, segment="region=eu") == {"auc": [0.5]}


def _start(table: Any) -> Any:
    return table.window_start if table is Evaluation else table.start


def test_a_day_is_made_of_its_hours_once_all_of_them_are_evaluated(db: Database, model_id: int, now: datetime) -> None:
    day = window_of(now, timedelta(days=1))
    hours = [window_of(now + shift * HOUR, HOUR) for shift in range(3)]
    with db.session() as session:
        assert stored_profiles.parts_of(session, model_id, day, 7) is None
        window_store.touch_windows(session, model_id, hours, now)
        for hour in hours:
            store(session, model_id, hour, "all", now)
        assert stored_profiles.parts_of(session, model_id, day, 7) is None
        for state in session.scalars(select(WindowState)):
            state.evaluated_revision = state.revision
        session.flush()
        parts = stored_profiles.parts_of(session, model_id, day, 7)
        assert parts is not None
        assert [part.window for part in parts] == hours
        assert parts[0].payloads == {"all": b"all"}
        assert stored_profiles.parts_of(session, model_id, day, 8) is None
        window_store.touch_windows(session, model_id, hours[1:2], now)
        assert stored_profiles.parts_of(session, model_id, day, 7) is None


def test_a_lease_is_renewed_by_its_owner_alone(db: Database, model_id: int, now: datetime) -> None:
    with db.session() as session:
        window_store.touch_windows(session, model_id, [window_of(now, HOUR)], now)
        (state,) = session.scalars(select(WindowState)).all()
        window_store.claim_window(session, state.id, "a", now, HOUR)
        assert window_store.renew_lease(session, state.id, "a", now + 2 * HOUR)
        assert not window_store.renew_lease(session, state.id, "b", now + 3 * HOUR)
        session.refresh(state)
        assert state.lease_until == now + 2 * HOUR
