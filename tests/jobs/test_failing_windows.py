"""A window that can't be evaluated stays due, is logged, and holds nobody up."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from monitor.jobs import ensure_baselines, evaluate_due_windows, onboard_models
from monitor.lake import Kind
from monitor.records import PredictionRecord
from tests.jobs.conftest import MakeSite
from tests.jobs.site import HOUR, LEASE, SETTLE, START, Site
from tests.jobs.traffic import calls, hour, hours, settled


def broken_hour(site: Site, index: int) -> Path:
    """Send an hour and cut the file that holds it short; returns the file."""
    site.send(hour(index), settled(index))
    start = START + index * HOUR
    [path] = site.stores.lake.files(site.model, Kind.PREDICTIONS, start, start + HOUR)
    file = Path(path)
    file.with_suffix(".whole").write_bytes(file.read_bytes())
    file.write_bytes(file.read_bytes()[:100])
    return file


def test_a_window_that_fails_stays_due_is_logged_and_does_not_stop_the_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.send(hour(0), settled(0))
    site.work(settled(0))
    file = broken_hour(site, 1)
    site.send(hours(2, 4), settled(3))
    now = settled(3) + SETTLE
    with caplog.at_level(logging.ERROR):
        report = evaluate_due_windows(site.stores, "w", now)
    assert (report.evaluated, report.failed, report.lost) == (2, 1, 0)
    broken = site.windows()[START + HOUR]
    assert f"window {broken.id} could not be evaluated; it stays due" in caplog.text
    assert (broken.evaluated_revision, broken.revision) == (0, 1)
    # Not at the next tick: its lease has to run out first.
    assert evaluate_due_windows(site.stores, "w", now).failed == 0
    assert evaluate_due_windows(site.stores, "w", now + 2 * LEASE).failed == 1
    file.write_bytes(file.with_suffix(".whole").read_bytes())
    assert evaluate_due_windows(site.stores, "w", now + 4 * LEASE).evaluated == 1
    assert site.due(now + 24 * HOUR) == []


def test_a_model_whose_rows_cant_be_read_keeps_no_other_model_from_its_baseline(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    healthy = make_site(baseline_rows=100)
    broken = Site(healthy.stores, model="a-broken-one")
    broken_hour(broken, 0)
    healthy.send(hour(0), settled(0))
    with caplog.at_level(logging.ERROR):
        assert ensure_baselines(healthy.stores, settled(0)) == 1
        assert onboard_models(healthy.stores, settled(0)) == 9
    assert "no baseline could be made for model 'a-broken-one'" in caplog.text
    assert "model 'a-broken-one' could not be onboarded" in caplog.text
    assert evaluate_due_windows(healthy.stores, "w", settled(0) + SETTLE).evaluated == 1


def test_values_at_the_edge_of_what_numbers_can_be_are_evaluated(site: Site) -> None:
    """Infinite, huge, tiny and not-a-number features, and predictions that are words or beyond any bucket."""
    odd = [float("inf"), float("-inf"), float("nan"), 1e308, -1e308, 5e-324, 2**63, None]

    def strange(records: list[PredictionRecord]) -> list[PredictionRecord]:
        for i, record in enumerate(records):
            record.features = {"x": odd[i % len(odd)], 'it\'s "odd"; DROP TABLE w': f"category '{i % 3}' %\\"}
            record.score = [1e300, -1e300, 0.5][i % 3]
            record.prediction = ["inf", "nan", "1e400"][i % 3]
        return records

    site.send(strange(hours(0, 7)), settled(6))
    assert site.work(settled(6)) == 7
    for monitor in ("feature_drift", "prediction_drift", "error_rate"):
        assert {e.verdict for e in site.evaluations(monitor)} == {"ok"}


def test_a_class_that_no_database_can_spell_is_told_all_the_same(site: Site) -> None:
    """PostgreSQL keeps no NUL in a text; a class may also be as long as a book."""
    site.send([r for index in range(6) for r in calls(["a", "b", "c"] * 40, index, HOUR / 120)], settled(5))
    site.work(settled(5))
    for index in range(6, 9):
        site.send(calls(["\x00" + "long" * 5000] * 120, index, HOUR / 120), settled(index))
        site.work(settled(index))
    [incident] = [each for each in site.incidents() if each.metric == "prediction_drift"]
    assert len(incident.evidence["summary"]) < 200
    assert "\x00" not in incident.evidence["summary"]
