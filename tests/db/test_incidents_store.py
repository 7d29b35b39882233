"""Incidents: one active per monitor and segment, each change with its timeline entry, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from monitor.db.audit import latest_actions
from monitor.db.database import Database
from monitor.db.incidents import (
    acknowledge_incident,
    active_incident,
    add_note,
    escalate_incident,
    find_incident,
    incident_events,
    list_incidents,
    open_incident,
    resolve_incident,
    update_evidence,
    waiting_events,
)
from monitor.db.models import Incident, Model, Monitor
from monitor.db.response_runs import add_response_run, claim_run, finish_run, incident_runs
from monitor.errors import Conflict, InvalidValue, NotFound

SINCE = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def monitor_id(db: Database) -> int:
    with db.session() as session:
        model = Model(name="churn", created_at=SINCE)
        session.add(model)
        session.flush()
        monitor = Monitor(
            model_id=model.id,
            name="churn-auc",
            metric="auc",
            window_seconds=3600,
            threshold={},
            created_at=SINCE,
        )
        session.add(monitor)
        session.flush()
        return monitor.id


def opened(session: Session, monitor_id: int, now: datetime, **changes: Any) -> Incident:
    monitor = session.get_one(Monitor, monitor_id)
    facts: dict[str, Any] = {
        "metric": "auc",
        "segment": "all",
        "severity": "warning",
        "title": "AUC below baseline",
        "since": SINCE,
        "evidence": {"summary": "AUC 0.51"},
    }
    return open_incident(session, model_id=monitor.model_id, monitor_id=monitor_id, now=now, **(facts | changes))


def kinds(session: Session, incident: Incident) -> list[str]:
    return [event.kind for event in incident_events(session, incident.id)]


def test_an_opened_incident_waits_to_be_fanned_out(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        assert (incident.state, incident.severity, incident.opened_at) == ("open", "warning", now)
        (event,) = incident_events(session, incident.id)
        assert (event.kind, event.author, event.text, event.dispatched_at) == ("opened", "kedge", "AUC 0.51", None)
        assert waiting_events(session) == [event.id]


def test_opening_twice_gives_the_one_active_incident(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        first = opened(session, monitor_id, now)
        assert opened(session, monitor_id, now + HOUR, severity="critical").id == first.id
        assert kinds(session, first) == ["opened"]
        assert opened(session, monitor_id, now, segment="country:DE").id != first.id


def test_workers_opening_at_the_same_moment_open_one_incident(db: Database, monitor_id: int, now: datetime) -> None:
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        with db.session() as session:
            opened(session, monitor_id, now)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        assert len(list_incidents(session)) == 1
        assert len(waiting_events(session)) == 1


def test_severity_only_goes_up(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        evidence = {"summary": "AUC 0.40"}
        assert not escalate_incident(session, incident, severity="warning", text="", evidence=evidence, now=now)
        assert escalate_incident(session, incident, severity="critical", text="AUC 0.40", evidence=evidence, now=now)
        assert not escalate_incident(session, incident, severity="critical", text="", evidence={}, now=now)
        assert (incident.severity, incident.evidence) == ("critical", evidence)
        assert kinds(session, incident) == ["opened", "escalated"]


def test_a_resolved_incident_stays_resolved(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        assert resolve_incident(session, incident, SINCE + HOUR, "AUC 0.70 again", now + HOUR)
        assert not resolve_incident(session, incident, SINCE + 2 * HOUR, "again", now + 2 * HOUR)
        assert not escalate_incident(session, incident, severity="critical", text="", evidence={}, now=now)
        assert (incident.state, incident.until, incident.resolved_at) == ("resolved", SINCE + HOUR, now + HOUR)
        assert kinds(session, incident) == ["opened", "resolved"]
        assert active_incident(session, monitor_id, "all") is None
        assert opened(session, monitor_id, now + 3 * HOUR).id != incident.id


def test_resolving_sees_what_another_session_changed(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        stale = opened(session, monitor_id, now)
    with db.session() as session:
        resolve_incident(session, find_incident(session, stale.id), SINCE + HOUR, "", now)
    with db.session() as session:
        session.add(stale)  # still says `open`, as a worker that read it earlier would
        assert not resolve_incident(session, stale, SINCE + 2 * HOUR, "", now)
        assert (stale.state, stale.until) == ("resolved", SINCE + HOUR)


def test_resolving_verifies_the_responses_that_are_done(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        for response in ("rollback", "retrain"):
            add_response_run(
                session, incident, response=response, kind=response, idempotency_key=response, reason="", now=now
            )
        for run, state in zip(incident_runs(session, incident.id), ("done", "blocked"), strict=True):
            claimed = claim_run(session, run.id, now, HOUR)
            assert claimed is not None
            assert finish_run(session, claimed[0], state, "", now)
        done = [run.response for run in incident_runs(session, incident.id) if run.state == "done"]
    with db.session() as session:
        resolve_incident(session, find_incident(session, incident.id), SINCE + HOUR, "", now + HOUR)
        verified = {run.response for run in incident_runs(session, incident.id) if run.verified_at == now + HOUR}
        assert [*verified] == done
        assert incident_events(session, incident.id)[-1].text == f"response {done[0]} verified: the metric recovered"


def test_the_first_to_acknowledge_stands_and_is_audited(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        acknowledge_incident(session, incident.id, "alice", now)
        acknowledge_incident(session, incident.id, "bob", now + HOUR)
        assert (incident.state, incident.acknowledged_by, incident.acknowledged_at) == ("acknowledged", "alice", now)
        assert kinds(session, incident) == ["opened", "acknowledged"]
        assert [(entry.actor, entry.action) for entry in latest_actions(session)] == [
            ("alice", "incident.acknowledged")
        ]
        assert len(waiting_events(session)) == 1  # nobody is told of an acknowledgement
        assert active_incident(session, monitor_id, "all") is incident


def test_a_resolved_incident_cannot_be_acknowledged(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        resolve_incident(session, incident, SINCE, "", now)
        with pytest.raises(Conflict, match="is resolved"):
            acknowledge_incident(session, incident.id, "alice", now)


def test_notes_and_evidence_tell_nobody(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        incident = opened(session, monitor_id, now)
        add_note(session, incident.id, "alice", " looking ", now)
        update_evidence(session, incident, {"summary": "AUC 0.45"})
        assert [event.text for event in incident_events(session, incident.id)] == ["AUC 0.51", "looking"]
        assert len(waiting_events(session)) == 1
        with pytest.raises(InvalidValue, match="empty"):
            add_note(session, incident.id, "alice", "  ", now)
    with db.reading() as session:
        assert find_incident(session, incident.id).evidence == {"summary": "AUC 0.45"}


def test_the_latest_incidents_are_listed_first_and_by_state(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        assert list_incidents(session) == []
        first = opened(session, monitor_id, now)
        resolve_incident(session, first, SINCE, "", now)
        second = opened(session, monitor_id, now + HOUR)
        assert [incident.id for incident in list_incidents(session)] == [second.id, first.id]
        assert [incident.id for incident in list_incidents(session, limit=1)] == [second.id]
        assert [incident.id for incident in list_incidents(session, states=["resolved"])] == [first.id]
        assert list_incidents(session, states=[]) == []
        assert list_incidents(session, model_id=first.model_id + 1) == []


def test_unknown_names_are_refused_with_the_accepted_ones(db: Database, monitor_id: int, now: datetime) -> None:
    with db.session() as session:
        with pytest.raises(InvalidValue, match="'loud' is not known; accepted: warning, critical"):
            opened(session, monitor_id, now, severity="loud")
        with pytest.raises(InvalidValue, match="'gone' is not known; accepted: open, acknowledged, resolved"):
            list_incidents(session, states=["gone"])
        with pytest.raises(NotFound, match="incident 404"):
            find_incident(session, 404)
        with pytest.raises(NotFound):
            add_note(session, 404, "alice", "hello", now)
