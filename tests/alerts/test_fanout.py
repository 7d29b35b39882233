"""Fan-out: each change once, to every channel, however many workers try."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from alerts import DispatchReport, dispatch
from alerts.fanout import NEVER_TOLD
from monitor.config import ResponseSettings
from monitor.db.incidents import (
    acknowledge_incident,
    add_note,
    escalate_incident,
    find_incident,
    incident_events,
    resolve_incident,
    waiting_events,
)
from monitor.db.notifications import incident_notifications
from monitor.db.response_runs import incident_runs

ROLLBACK = ResponseSettings(kind="rollback")
RETRAIN = ResponseSettings(kind="retrain")


def reasons(world: Any, incident: Any) -> list[tuple[str, str, str]]:
    with world.db.reading() as session:
        rows = incident_notifications(session, incident.id)
        return [(row.channel, row.state, row.reason) for row in rows]


def test_nothing_waiting_is_nothing_done(world: Any, now: Any) -> None:
    assert dispatch(world.db, ["slack"], {}, now) == DispatchReport()


def test_every_channel_hears_of_each_change_with_its_reason(world: Any, now: Any) -> None:
    incident = world.open()
    assert dispatch(world.db, ["slack", "hook"], {}, now) == DispatchReport(events=1, notifications=2)
    with world.db.session() as session:
        stored = find_incident(session, incident.id)
        escalate_incident(session, stored, severity="critical", text="worse", evidence={}, now=now)
        resolve_incident(session, stored, now, "fine", now)
    assert dispatch(world.db, ["slack", "hook"], {}, now) == DispatchReport(events=2, notifications=4)
    assert dispatch(world.db, ["slack", "hook"], {}, now) == DispatchReport()
    assert reasons(world, incident) == [
        (channel, "pending", reason)
        for reason in ("first notification", "severity escalated", "resolved")
        for channel in ("hook", "slack")
    ]


def test_notes_and_acknowledgements_are_not_fanned_out(world: Any, now: Any) -> None:
    incident = world.open()
    dispatch(world.db, ["slack"], {}, now)
    with world.db.session() as session:
        acknowledge_incident(session, incident.id, "alice", now)
        add_note(session, incident.id, "alice", "looking", now)
    assert dispatch(world.db, ["slack"], {}, now) == DispatchReport()


def test_a_channel_that_was_never_told_is_not_told_of_the_end(world: Any, now: Any) -> None:
    incident = world.open()
    dispatch(world.db, ["slack"], {}, now)
    with world.db.session() as session:
        resolve_incident(session, find_incident(session, incident.id), now, "fine", now)
    report = dispatch(world.db, ["slack", "new"], {}, now)
    assert report == DispatchReport(events=1, notifications=1, suppressed=1)
    assert reasons(world, incident)[1:] == [("new", "suppressed", NEVER_TOLD), ("slack", "pending", "resolved")]


def test_without_channels_a_change_is_still_taken_off_the_queue(world: Any, now: Any) -> None:
    incident = world.open()
    assert dispatch(world.db, [], {}, now) == DispatchReport(events=1)
    assert reasons(world, incident) == []


def test_two_workers_give_one_notification(world: Any, now: Any) -> None:
    incidents = [world.open(metric) for metric in ("auc", "accuracy", "f1")]
    start = threading.Barrier(4)
    reports: list[DispatchReport] = []

    def work() -> None:
        start.wait()
        reports.append(dispatch(world.db, ["slack", "hook"], {"undo": ROLLBACK}, now))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reports, DispatchReport()) == DispatchReport(events=3, notifications=6, response_runs=3)
    assert all(len(reasons(world, incident)) == 2 for incident in incidents)


def test_a_crash_in_the_middle_leaves_the_change_waiting_whole(
    world: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = world.open()

    class Killed(BaseException):
        pass

    def killed(*args: Any, **kwargs: Any) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("alerts.fanout.add_response_run", killed)
        with pytest.raises(Killed):
            dispatch(world.db, ["slack"], {"undo": ROLLBACK}, now)
    assert reasons(world, incident) == []
    assert dispatch(world.db, ["slack"], {"undo": ROLLBACK}, now).notifications == 1


def test_responses_are_queued_once_per_incident(world: Any, now: Any) -> None:
    incident = world.open("accuracy")
    responses = {"undo": ROLLBACK, "train": RETRAIN}
    assert dispatch(world.db, [], responses, now).response_runs == 2
    with world.db.session() as session:
        stored = find_incident(session, incident.id)
        escalate_incident(session, stored, severity="critical", text="", evidence={}, now=now)
        resolve_incident(session, stored, now, "", now + timedelta(hours=1))
    assert dispatch(world.db, [], responses, now) == DispatchReport(events=2)
    with world.db.reading() as session:
        runs = incident_runs(session, incident.id)
        assert {run.idempotency_key for run in runs} == {f"undo:{incident.id}", f"train:{incident.id}"}
        assert {(run.state, run.reason) for run in runs} == {("pending", "incident opened")}
        assert waiting_events(session) == []
        assert all(event.dispatched_at is not None for event in incident_events(session, incident.id))


@pytest.mark.parametrize(
    ("settings", "metric", "queued"),
    [
        (ROLLBACK, "latency_p95", 1),
        (ROLLBACK, "slo_burn", 1),
        (ROLLBACK, "ndcg", 1),
        (ROLLBACK, "drift", 0),
        (ROLLBACK, "data_quality", 0),
        (ROLLBACK, "estimated_auc", 0),
        (ROLLBACK, "cost", 0),
        (RETRAIN, "drift", 1),
        (RETRAIN, "multivariate_drift", 1),
        (RETRAIN, "target_drift", 1),
        (RETRAIN, "ndcg", 1),
        (RETRAIN, "estimated_accuracy", 1),
        (RETRAIN, "estimation_error_accuracy", 0),
        (RETRAIN, "data_quality", 0),
        (RETRAIN, "slo_burn", 0),
        (RETRAIN, "latency_p95", 0),
        (ResponseSettings(kind="retrain", metrics=["latency_p95"]), "latency_p95", 1),
        (ResponseSettings(kind="retrain", metrics=["latency_p95"]), "accuracy", 0),
        (ResponseSettings(kind="rollback", models=["churn"]), "auc", 1),
        (ResponseSettings(kind="rollback", models=["other"]), "auc", 0),
        (ResponseSettings(kind="rollback", models=[]), "auc", 0),
    ],
)
def test_a_response_answers_to_its_metrics_and_models(
    lite: Any, now: Any, settings: ResponseSettings, metric: str, queued: int
) -> None:
    lite.open(metric)
    assert dispatch(lite.db, [], {"it": settings}, now).response_runs == queued
