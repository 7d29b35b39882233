"""A backtest says what the worker said: same verdicts, same incidents, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.db.models import Base, Evaluation, Incident, IncidentEvent, MetricPoint, Monitor, ProfileRow, WindowState
from monitor.errors import InvalidValue, NotFound
from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from monitor.jobs.backtest_job import run_backtest
from tests.jobs.site import HOUR, START, Site
from tests.jobs.traffic import hours, settled

TABLES: list[type[Base]] = [Evaluation, Incident, IncidentEvent, MetricPoint, Monitor, ProfileRow, WindowState]


@pytest.fixture
def broken_site(plain_site: Site) -> Site:
    """Errors from hour 8 to hour 11, judged hour by hour as they came."""
    for index in range(14):
        plain_site.send(hours(index, index + 1, errors=40 if 8 <= index < 11 else 0), settled(index))
        plain_site.work(settled(index))
    return plain_site


def contents(site: Site) -> list[list[Any]]:
    return [[row.__dict__ | {"_sa_instance_state": None} for row in site.read(table, table.id)] for table in TABLES]  # type: ignore[attr-defined]


def test_a_replayed_monitor_raises_the_alarms_it_raised(broken_site: Site) -> None:
    before = contents(broken_site)
    rule = monitor_changes.find_rule(broken_site.stores, "churn", "error_rate")
    steps: list[tuple[int, int]] = []
    found = run_backtest(broken_site.stores, "churn", rule, progress=lambda done, total: steps.append((done, total)))
    (incident,) = [each for each in broken_site.incidents() if each.metric == "error_rate"]
    (alarm,) = found.alarms
    assert (alarm.since, alarm.until, alarm.severity.value) == (incident.since, incident.until, incident.severity)
    assert alarm.windows_in_breach == incident.evidence["windows_in_breach"] == 3
    assert alarm.opened_at == START + 9 * HOUR
    verdicts = [evaluation.verdict for evaluation in broken_site.evaluations("error_rate")]
    assert found.verdicts["breach"] == verdicts.count("breach")
    assert steps[0] == (0, 14)
    assert steps[-1] == (14, 14)
    assert contents(broken_site) == before


def test_a_monitor_that_is_not_there_can_be_tried(broken_site: Site) -> None:
    base = MonitorRule("m", "error_rate", HOUR, {"kind": "constant", "high": 0.5}, 1, 1, 1)
    assert run_backtest(broken_site.stores, "churn", base).alarms == []
    strict = replace(base, threshold={"kind": "constant", "high": 0.3})
    assert len(run_backtest(broken_site.stores, "churn", strict).alarms) == 1
    relative = replace(base, threshold={"kind": "relative", "to": "1h", "direction": "high", "smallest": 0.2})
    (alarm,) = run_backtest(broken_site.stores, "churn", relative).alarms
    assert alarm.since == START + 8 * HOUR
    assert alarm.windows_in_breach == 1  # the second bad hour is like the first
    longer = replace(strict, window=timedelta(hours=2))
    assert run_backtest(broken_site.stores, "churn", longer).windows == 7
    late = run_backtest(broken_site.stores, "churn", strict, START + 11 * HOUR, START + 13 * HOUR)
    assert (late.windows, late.alarms) == (2, [])


def test_a_rolling_reference_leaves_out_what_it_found_broken(broken_site: Site) -> None:
    threshold = {
        "kind": "baseline",
        "direction": "high",
        "smallest": 0.1,
        "baseline": {"kind": "rolling", "span": "6h"},
    }
    rule = MonitorRule("m", "error_rate", HOUR, threshold, 1, 1, 1)
    (alarm,) = run_backtest(broken_site.stores, "churn", rule).alarms
    assert (alarm.since, alarm.windows_in_breach) == (START + 8 * HOUR, 3)
    monitor_changes.add_monitor(broken_site.stores, "churn", rule, "test", settled(14))
    broken_site.work(settled(14))
    judged = {e.window_start: e for e in broken_site.evaluations("m")}
    assert [judged[START + index * HOUR].verdict for index in (7, 8, 9, 10, 11)] == [
        "ok",
        "breach",
        "breach",
        "breach",
        "ok",
    ]
    assert judged[START + 8 * HOUR].evidence["baseline"] == "rolling 6h"
    assert judged[START].verdict == "undefined"


def test_a_preset_judges_rows(broken_site: Site) -> None:
    rule = MonitorRule("m", "drift", HOUR, {"kind": "preset", "name": "evidently_default"}, 1, 1, 1)
    calm = run_backtest(broken_site.stores, "churn", rule, START + 6 * HOUR)
    assert calm.verdicts["ok"] + calm.verdicts["breach"] == 8
    broken_site.send(hours(14, 16, shift=30.0), settled(15))
    moved = run_backtest(broken_site.stores, "churn", rule, START + 14 * HOUR)
    (alarm,) = moved.alarms
    assert "age" in alarm.columns


def test_what_cannot_be_replayed_is_said(broken_site: Site) -> None:
    rule = MonitorRule("m", "silence", HOUR, {"kind": "silence"})
    with pytest.raises(InvalidValue, match="silence is judged by the clock"):
        run_backtest(broken_site.stores, "churn", rule)
    with pytest.raises(InvalidValue, match="no window of 50 rows was ever counted"):
        run_backtest(broken_site.stores, "churn", replace(rule, metric="auc", window=timedelta(seconds=-50)))
    with pytest.raises(NotFound, match="'nope' does not exist"):
        run_backtest(broken_site.stores, "nope", replace(rule, metric="auc"))
