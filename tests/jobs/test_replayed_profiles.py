"""A backtest reads rows once for many windows, and only what its monitor looks at; it says the same all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from monitor.db.database import Database
from monitor.engines import ProfileRequest
from monitor.evaluation import MonitorRule
from monitor.jobs import replayed_profiles
from monitor.jobs.backtest_job import run_backtest
from tests.jobs.site import HOUR, Site, open_site
from tests.jobs.test_segments_and_sizes import WATCHED, regional
from tests.jobs.traffic import hours, labels, settled

# No stored size divides it, so every window is read from its rows.
ODD = timedelta(minutes=50)
BASELINE = {"kind": "baseline", "direction": "both", "sigmas": 1}
RULES = {
    "service": MonitorRule("m", "error_rate", ODD, BASELINE, 1, 1, 1, 5, segment="region=*"),
    "volume": MonitorRule("m", "volume", ODD, {"kind": "constant", "low": 0.9}, 1, 1, 1, 5),
    "drift": MonitorRule("m", "drift", ODD, {"kind": "calibrated"}, 1, 1, 1, 5, segment="*"),
    "predictions": MonitorRule("m", "prediction_drift", ODD, {"kind": "calibrated"}, 1, 1, 1, 5),
    "performance": MonitorRule("m", "auc", ODD, BASELINE, 1, 1, 1, 5, segment="region=eu"),
    "estimates": MonitorRule("m", "estimated_accuracy", ODD, BASELINE, 1, 1, 1, 5, segment="region=*"),
    "labels": MonitorRule("m", "target_drift", ODD, {"kind": "calibrated"}, 1, 1, 1, 5),
    "quality": MonitorRule("m", "data_quality", ODD, {"kind": "quality"}, 1, 1, 1, 5, segment="*"),
    "rows": MonitorRule("m", "multivariate_drift", ODD, {"kind": "many_columns"}, 1, 1, 1, 5),
    "preset": MonitorRule("m", "drift", ODD, {"kind": "preset", "name": "evidently_default"}, 1, 1, 1, 5),
    "sequence": MonitorRule("m", "latency_p95", ODD, {"kind": "sequence"}, 1, 1, 1, 5),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Eight hours of three regions, the last two of which drift and fail; tests only read it."""
    folder = tmp_path_factory.mktemp("replayed")
    database = Database(f"sqlite:///{folder / 'control.sqlite'}")
    database.upgrade()
    made = open_site(database, folder, **WATCHED)
    for rows in (hours(0, 6, rows=60), hours(6, 8, rows=60, shift=30.0, errors=20)):
        made.send(regional(rows), settled(8))
        made.label(labels(rows), settled(8))
    made.work(settled(8))
    yield made
    database.close()


@pytest.mark.parametrize("name", RULES)
def test_what_a_monitor_does_not_look_at_changes_nothing_it_says(
    site: Site, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = run_backtest(site.stores, "churn", RULES[name])
    monkeypatch.setattr(replayed_profiles, "_needed", lambda request, rule: request)
    monkeypatch.setattr(replayed_profiles, "_is_looked_at", lambda rule, cut: True)
    monkeypatch.setattr(replayed_profiles, "MOST_VALUES", 0)  # each window from its files
    slow = run_backtest(site.stores, "churn", RULES[name])
    assert quick == slow
    assert quick.windows == 11
    assert quick.verdicts["ok"] + quick.verdicts["breach"] + quick.verdicts["undefined"] > 0


def test_the_lake_is_read_once_for_many_windows(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ProfileRequest] = []
    loads: list[int] = []
    engine = type(site.stores.engine)
    profiles, load = engine.profiles, engine.load

    def noted(self: Any, request: ProfileRequest, slicings: Any = ()) -> Any:
        asked.append(request)
        return profiles(self, request, slicings)

    def counted(self: Any, *told: Any) -> Any:
        loads.append(1)
        return load(self, *told)

    monkeypatch.setattr(engine, "profiles", noted)
    monkeypatch.setattr(engine, "load", counted)
    rule = MonitorRule("m", "error_rate", ODD, {"kind": "constant", "high": 1}, segment="region=*")
    run_backtest(site.stores, "churn", rule)
    assert (len(loads), len(asked)) == (1, 11)
    assert {len(request.predictions.files) + len(request.labels.files) for request in asked} == {0}


def test_windows_of_many_rows_are_read_fewer_at_a_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = MonitorRule("m", "error_rate", HOUR / 2, {"kind": "constant", "high": 0.1}, 1, 1, 1, 5)
    whole = run_backtest(site.stores, "churn", rule)
    for most in (1, 600, 2000):
        monkeypatch.setattr(replayed_profiles, "MOST_VALUES", most)
        assert run_backtest(site.stores, "churn", rule) == whole
    assert len(whole.alarms) == 2
