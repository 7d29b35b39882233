"""From windows to incidents: one per breach, dated by event time, told to alerts in the same transaction."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.db import incidents
from monitor.db.database import Session
from monitor.db.models import Evaluation, Incident, IncidentEvent, MetricPoint, Model, Monitor, ProfileRow
from monitor.jobs import evaluate_due_windows, incident_job
from monitor.jobs.evaluate_job import to_rule
from monitor.records import PredictionRecord
from tests.jobs.site import HOUR, LEASE, SETTLE, START, Site, results
from tests.jobs.traffic import hour, hours, labels, settled

CALM = 8
"""Hours before anything happens; the first five are the baseline."""


def calm(site: Site) -> Site:
    site.send(hours(0, CALM), settled(CALM - 1))
    site.work(settled(CALM - 1))
    return site


def live(site: Site, index: int, **change: Any) -> list[Incident]:
    """One more hour comes in and is evaluated; returns the incidents there are then."""
    site.send(hour(index, **change), settled(index))
    site.work(settled(index))
    return site.incidents()


def test_drift_opens_one_incident_in_the_third_window_of_four_and_recovery_resolves_it(site: Site) -> None:
    calm(site)
    assert live(site, 8, shift=25) == []
    assert live(site, 9) == []
    assert live(site, 10, shift=25) == []
    [incident] = live(site, 11, shift=25)
    assert (incident.metric, incident.state, incident.severity) == ("drift", "open", "warning")
    assert (incident.since, incident.until) == (START + 8 * HOUR, None)
    assert incident.title == "churn: age drifted"
    evidence = incident.evidence
    assert [column["name"] for column in evidence["columns"]] == ["age"]
    assert evidence["windows_in_breach"] == 3
    assert evidence["summary"] == "1 of 2 features drifted: age"
    assert evidence["baseline"] == "first predictions"
    assert evidence["window"] == {"start": (START + 11 * HOUR).isoformat(), "seconds": 3600}
    assert evidence["value"] > evidence["high"] > 0
    assert evidence["versions"] == [{"name": "1", "share": 1.0}]
    [running] = live(site, 12, shift=25)
    assert (running.id, running.evidence["windows_in_breach"]) == (incident.id, 4)
    assert running.evidence["window"]["start"] == (START + 12 * HOUR).isoformat()
    for index in (13, 14):
        [running] = live(site, index)
        assert running.state == "open"
    [over] = live(site, 15)
    assert (over.id, over.state, over.until) == (incident.id, "resolved", START + 13 * HOUR)
    assert [(event.kind, event.dispatched_at) for event in site.timeline()] == [("opened", None), ("resolved", None)]


def test_errors_open_a_critical_incident_in_their_first_window_and_the_next_good_one_ends_it(site: Site) -> None:
    calm(site)
    [incident] = live(site, 8, errors=30)
    assert (incident.metric, incident.severity, incident.since) == ("error_rate", "critical", START + 8 * HOUR)
    assert incident.evidence["summary"] == "Error rate 30.0 %, expected at most 5.0 %"
    assert incident.evidence["unit"] == "%"
    [over] = live(site, 9)
    assert (over.state, over.until) == ("resolved", START + 9 * HOUR)


def test_a_model_that_got_worse_is_found_when_its_labels_come(site: Site) -> None:
    site.send(hours(0, CALM), settled(CALM - 1))
    site.label(labels(hours(0, CALM)), settled(CALM - 1))
    site.work(settled(CALM - 1))
    site.send(hours(8, 10), settled(9))
    site.work(settled(9))
    assert site.incidents() == []
    site.label(labels(hours(8, 10), right=0.5), settled(9) + HOUR)
    site.work(settled(9) + HOUR)
    [incident] = site.incidents()
    assert (incident.metric, incident.since) == ("auc", START + 8 * HOUR)
    assert incident.evidence["summary"].startswith("AUC 0.41, expected at least 0.6")


def test_a_feature_that_is_called_prediction_is_a_feature_like_any_other(site: Site) -> None:
    def renamed(records: list[PredictionRecord]) -> list[PredictionRecord]:
        for record in records:
            record.features = {"prediction": record.features["age"]}
        return records

    site.send(renamed(hours(0, CALM)), settled(CALM - 1))
    site.work(settled(CALM - 1))
    site.send(renamed(hours(8, 11, shift=25)), settled(10))
    site.work(settled(10))
    [incident] = site.incidents()
    assert incident.title == "churn: prediction drifted"
    assert [column["name"] for column in incident.evidence["columns"]] == ["prediction"]


@pytest.mark.parametrize("killed", ["open_incident", "_add_event"])
def test_a_crash_before_the_commit_leaves_nothing_half_written_and_the_next_worker_does_it_all(
    site: Site, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    calm(site)
    before = results(site)
    site.send(hour(8, errors=60), settled(8))
    crashes = []

    def crash(*_: Any, **__: Any) -> Any:
        crashes.append(killed)
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(incidents, killed, crash)
        with pytest.raises(SystemExit):
            evaluate_due_windows(site.stores, "killed", settled(8) + SETTLE)
    assert crashes
    assert results(site) == before
    assert (site.incidents(), site.timeline()) == ([], [])
    assert site.due(settled(8) + SETTLE) == []  # until the lease of the dead is over
    assert evaluate_due_windows(site.stores, "next", settled(8) + SETTLE + 2 * LEASE).evaluated == 1
    assert [incident.metric for incident in site.incidents()] == ["error_rate"]
    assert [event.kind for event in site.timeline()] == ["opened"]


def test_the_opening_is_written_with_its_evaluation_and_waits_to_be_told(site: Site) -> None:
    calm(site)
    live(site, 8, errors=60)
    [incident], [event] = site.incidents(), site.timeline()
    assert (event.incident_id, event.kind, event.at) == (incident.id, "opened", incident.opened_at)
    assert event.text == incident.evidence["summary"]
    with site.stores.db.reading() as session:
        assert incidents.waiting_events(session) == [event.id]
    [breach] = [e for e in site.evaluations("error_rate") if e.verdict == "breach"]
    assert breach.evaluated_at == incident.opened_at


def test_an_incident_that_escalates_says_so_once(site: Site) -> None:
    """Latency over its bound by a little in two windows, then by far in two."""
    calm(site)

    def slow(index: int, factor: float) -> list[Incident]:
        records = hour(index)
        for record in records:
            record.latency_ms = factor * (record.latency_ms or 0.0)
        site.send(records, settled(index))
        site.work(settled(index))
        return site.incidents()

    assert slow(8, 3.1) == []
    [incident] = slow(9, 3.1)
    assert (incident.metric, incident.severity) == ("latency_p95", "warning")
    assert slow(10, 9.0)[0].severity == "warning"
    assert slow(11, 9.0)[0].severity == "critical"
    assert slow(12, 9.0)[0].evidence["windows_in_breach"] == 5
    assert [event.kind for event in site.timeline()] == ["opened", "escalated"]


def test_judging_the_same_windows_again_changes_no_incident(site: Site) -> None:
    calm(site)
    for index in range(8, 12):
        live(site, index, shift=25)
    [incident] = site.incidents()
    monitor = site.monitors()["feature_drift"]
    with site.stores.db.session() as session:
        again = update(session, monitor)
    assert again == "none"
    [same] = site.incidents()
    assert (same.evidence, same.severity, len(site.timeline())) == (incident.evidence, incident.severity, 1)


def update(session: Session, monitor: Monitor) -> str:
    model = session.get_one(Model, monitor.model_id)
    return incident_job.update_incident(session, model, monitor, to_rule(monitor), settled(12)).change.value


def test_every_window_has_one_evaluation_per_monitor_and_one_profile(site: Site) -> None:
    calm(site)
    for index in range(8, 10):
        live(site, index, shift=25)
    keys = [(e.monitor_id, e.window_start, e.segment) for e in site.read(Evaluation)]
    judged = set(site.monitors()) - {"silence"}
    assert len(keys) == len(set(keys)) == 10 * len(judged)
    assert len(site.read(ProfileRow)) == 10
    points = [(p.metric, p.metric_column, p.start) for p in site.read(MetricPoint)]
    assert len(points) == len(set(points))
    assert not site.read(IncidentEvent)
