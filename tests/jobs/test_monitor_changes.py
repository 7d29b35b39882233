"""Monitors that people add, change, switch off and remove."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.db.models import AuditEntry, Evaluation, Incident
from monitor.errors import Conflict, InvalidValue, NotFound
from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from tests.jobs.site import HOUR, START, Site
from tests.jobs.traffic import hours, settled

RULE = MonitorRule("strict", "error_rate", 2 * HOUR, {"kind": "constant", "high": 0.1}, 1, 1, 1)


@pytest.fixture
def watched(site: Site) -> Site:
    """Four hours, half of whose calls fail, watched by one more monitor."""
    site.send(hours(0, 4, errors=50), settled(3))
    site.onboard(settled(3))
    monitor_changes.add_monitor(site.stores, "churn", RULE, "ann", settled(3))
    site.work(settled(3))
    return site


def test_a_new_monitor_judges_the_windows_that_have_rows_already(watched: Site) -> None:
    assert [e.verdict for e in watched.evaluations("strict")] == ["breach", "breach"]
    assert [i.metric for i in watched.incidents() if i.monitor_id == watched.monitors()["strict"].id] == ["error_rate"]


def test_an_edit_changes_later_verdicts_and_keeps_the_earlier_ones(watched: Site) -> None:
    rule = monitor_changes.edit_monitor(
        watched.stores,
        "churn",
        "strict",
        {"threshold": {"kind": "constant", "high": 0.9}, "looks": 2},
        "ann",
        settled(5),
    )
    assert (rule.looks, rule.threshold["high"]) == (2, 0.9)
    watched.send(hours(4, 5, rows=90, errors=50), settled(5))
    watched.work(settled(5))
    assert [e.verdict for e in watched.evaluations("strict")] == ["breach", "breach", "ok"]


def test_a_disabled_monitor_says_nothing_more_and_ends_its_incidents(watched: Site) -> None:
    monitor_changes.switch_monitor(watched.stores, "churn", "strict", False, "ann", settled(4))
    ident = watched.monitors()["strict"].id
    assert [i.state for i in watched.read(Incident) if i.monitor_id == ident] == ["resolved"]
    watched.send(hours(4, 6), settled(5))
    watched.work(settled(5))
    assert len(watched.evaluations("strict")) == 2
    monitor_changes.switch_monitor(watched.stores, "churn", "strict", True, "ann", settled(5))
    watched.work(settled(5))
    assert [e.verdict for e in watched.evaluations("strict")] == ["breach", "breach", "ok"]


def test_an_enabled_monitor_judges_what_came_while_others_of_its_size_went_on(watched: Site) -> None:
    watched.send(hours(4, 5), settled(4))
    watched.work(settled(4))
    monitor_changes.switch_monitor(watched.stores, "churn", "error_rate", False, "ann", settled(4))
    watched.send(hours(5, 7), settled(6))
    watched.work(settled(6))
    assert len(watched.evaluations("error_rate")) == 5
    monitor_changes.switch_monitor(watched.stores, "churn", "error_rate", True, "ann", settled(6))
    assert set(watched.due(settled(7))) == {START + 5 * HOUR, START + 6 * HOUR}
    watched.work(settled(6))
    assert [e.verdict for e in watched.evaluations("error_rate")][-3:] == ["ok", "ok", "ok"]
    assert len(watched.evaluations("error_rate")) == 7


def test_a_removed_monitor_takes_its_verdicts_along_and_a_default_one_can_only_be_disabled(watched: Site) -> None:
    ident = watched.monitors()["strict"].id
    monitor_changes.remove_monitor(watched.stores, "churn", "strict", "ann", settled(4))
    assert [e for e in watched.read(Evaluation) if e.monitor_id == ident] == []
    assert [i for i in watched.read(Incident) if i.monitor_id == ident] == []
    with pytest.raises(Conflict, match="'error_rate' is one that every model gets, so it would come back"):
        monitor_changes.remove_monitor(watched.stores, "churn", "error_rate", "ann", settled(4))
    watched.onboard(settled(4))
    assert "strict" not in watched.monitors()


def test_every_change_is_in_the_audit_log(watched: Site) -> None:
    monitor_changes.switch_monitor(watched.stores, "churn", "strict", False, "bob", settled(4))
    monitor_changes.switch_monitor(watched.stores, "churn", "strict", False, "bob", settled(4))  # it is already
    monitor_changes.remove_monitor(watched.stores, "churn", "strict", "bob", settled(4))
    logged = [(entry.actor, entry.action) for entry in watched.read(AuditEntry, AuditEntry.id)]
    assert logged == [("ann", "monitor.added"), ("bob", "monitor.disabled"), ("bob", "monitor.removed")]


def test_what_cannot_be_is_refused_and_changes_nothing(watched: Site) -> None:
    stores, now = watched.stores, settled(4)
    with pytest.raises(Conflict, match="'strict' exists already"):
        monitor_changes.add_monitor(stores, "churn", RULE, "ann", now)
    with pytest.raises(NotFound, match="monitor 'nope' does not exist; known: error_rate"):
        monitor_changes.edit_monitor(stores, "churn", "nope", {}, "ann", now)
    with pytest.raises(InvalidValue, match="breaches is 9"):
        monitor_changes.edit_monitor(stores, "churn", "strict", {"breaches": 9}, "ann", now)
    with pytest.raises(NotFound, match="model 'nope' does not exist"):
        monitor_changes.check(stores, "nope", RULE)
    assert watched.monitors()["strict"].breaches == 1
    assert timedelta(seconds=watched.monitors()["strict"].window_seconds) == 2 * HOUR
