"""What incidents say of their causes, by way of the real worker: a unit, a lost feature, a changed world, a segment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from monitor.db.models import Baseline, Incident
from monitor.evaluation import MonitorRule
from monitor.explanation import Explanation, dated
from monitor.jobs import explaining, monitor_changes
from monitor.jobs.backtest_job import run_backtest
from monitor.records import LabelRecord, PredictionRecord
from tests.jobs.conftest import MakeSite
from tests.jobs.site import HOUR, START, Site, results
from tests.jobs.traffic import label, settled

Features = dict[str, Any]
Change = Callable[[Features], Features]
FIRST, LAST = 6, 10  # hours in which something is wrong: from FIRST on, before LAST


def hour(index: int, change: Change = dict, rows: int = 150) -> list[PredictionRecord]:
    """One hour of a model that lives off `temp`, as the pipeline of that hour delivers it."""
    random = np.random.default_rng([5, index])
    made = []
    for i in range(rows):
        true: Features = {
            "temp": float(random.normal(15, 8)),
            "fare": float(random.lognormal(3, 0.7)),
            "hum": float(random.uniform()),
            "plan": str(random.choice(["basic", "gold", "self-employed"])),
        }
        score = float(1 / (1 + np.exp(-(true["temp"] - 15) / 4 + random.normal(0, 0.3))))
        made.append(
            PredictionRecord(
                model="churn",
                prediction_id=f"h{index}-{i}",
                event_time=START + index * HOUR + i * HOUR / rows,
                received_time=START + (index + 1) * HOUR,
                features=change(true),
                tags={"region": ("eu", "us", "asia")[i % 3]},
                prediction=int(score > 0.5),
                score=score,
            )
        )
    return made


def traffic(change: Change) -> list[PredictionRecord]:
    return [record for index in range(LAST) for record in hour(index, change if index >= FIRST else dict)]


def watched(site: Site, change: Change) -> Site:
    """A site that saw five good hours, and then those that the change broke."""
    site.send([r for r in traffic(change) if r.event_time < START + 5 * HOUR], settled(4))
    site.work(settled(4))
    site.send([r for r in traffic(change) if r.event_time >= START + 5 * HOUR], settled(LAST))
    site.work(settled(LAST))
    return site


def incident(site: Site, metric: str) -> Incident:
    (found,) = [each for each in site.incidents() if each.metric == metric]
    return found


def explained(site: Site, metric: str) -> dict[str, Any]:
    found: dict[str, Any] = incident(site, metric).evidence["explanation"]
    return found


def fahrenheit(row: Features) -> Features:
    return {**row, "temp": 1.8 * row["temp"] + 32}


def warmer(row: Features) -> Features:
    return {**row, "temp": row["temp"] + 6, "hum": row["hum"] ** 3, "fare": row["fare"] ** 0.8}


def without_temp(row: Features) -> Features:
    return {**row, "temp": None}


def warmer_without_plan(row: Features) -> Features:
    return {name: value for name, value in warmer(row).items() if name != "plan"}


def shouted(row: Features) -> Features:
    return {**row, "plan": row["plan"].upper()}


def renamed(row: Features) -> Features:
    return {**row, "plan": "platinum" if row["plan"] == "gold" else row["plan"]}


def test_a_change_of_unit_is_named_with_its_column_its_factor_and_since_when(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), fahrenheit)
    found = explained(site, "drift")
    since = START + FIRST * HOUR
    assert incident(site, "drift").since == since
    assert (
        f"`temp` looks multiplied by 1.8 and raised by 32 since {since:%Y-%m-%d %H:%M} UTC: a unit" in found["sentence"]
    )
    assert "(°C → °F) upstream?" in found["sentence"]
    assert "of the model's score" in found["sentence"]
    assert found["cause"] == "pipeline"
    assert found["columns"][0]["unit"]["scale"] == 1.8
    assert found["columns"][0]["importance"] > 0.8
    assert datetime.fromisoformat(found["since"]) == since


def test_a_feature_that_goes_missing_is_a_broken_pipeline(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), without_temp)
    found = explained(site, "data_quality")
    assert found["cause"] == "pipeline"
    assert found["sentence"].startswith("`temp` changed since 2026-02-23 02:00 UTC: no row has a value")
    assert "It looks like a broken pipeline" in found["sentence"]


def test_what_is_broken_explains_a_finding_of_quality_whatever_else_moved(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), warmer_without_plan)
    found = explained(site, "data_quality")
    assert [column["name"] for column in found["columns"]] == ["plan"]
    assert found["cause"] == "pipeline"


def test_many_columns_that_moved_are_a_changed_world(make_site: MakeSite) -> None:
    found = explained(watched(make_site(baseline_rows=750), warmer), "drift")
    assert found["cause"] == "world"
    assert "The world seems to have changed (3 of 4 columns moved together" in found["sentence"]
    assert found["sentence"].startswith("`temp` changed since")


def test_categories_spelt_otherwise_are_told_from_the_rows_and_stay_out_of_messages(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), shouted)
    (found,) = [each.evidence["explanation"] for each in site.incidents() if each.metric != "silence"]
    assert "`plan` is spelt otherwise" in found["sentence"]
    assert "→ " in found["sentence"]
    assert "`plan` is spelt otherwise" in found["message"]
    assert not any(name in found["message"].lower() for name in ("basic", "gold", "self-employed"))


def test_what_the_default_monitor_leaves_to_drift_explains_all_the_same(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), renamed)
    (found,) = [each.evidence["explanation"] for each in site.incidents() if each.metric == "drift"]
    assert "(renamed?)" in found["sentence"]
    assert "values were not seen before" in found["reason"]
    assert not any(name in found["message"] for name in ("gold", "platinum"))


def truths(records: list[PredictionRecord], poor: bool) -> list[LabelRecord]:
    """Right answers of nine in ten; where all is poor, those about Europe are right by chance."""
    random = np.random.default_rng(3)
    found = []
    for record in records:
        is_bad = poor and record.event_time >= START + FIRST * HOUR and record.tags["region"] == "eu"
        wrong = random.uniform() < (0.5 if is_bad else 0.1)
        found.append(label(record.prediction_id, int(bool(record.prediction) != wrong), record.event_time + HOUR / 2))
    return found


def test_a_fall_of_accuracy_names_the_segment_where_it_fell_most(make_site: MakeSite) -> None:
    site = make_site(baseline_rows=750, segments={"*": ["tag:region"]})
    records = traffic(dict)
    site.send(records, settled(LAST))
    site.label(truths(records, poor=True), settled(LAST))
    site.onboard(settled(LAST))
    threshold = {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.05}
    rule = MonitorRule("accuracy now", "accuracy", HOUR, threshold)
    monitor_changes.add_monitor(site.stores, site.model, rule, "test", settled(LAST))
    site.work(settled(LAST))
    found = explained(site, "accuracy")
    assert found["sentence"].startswith("Accuracy went from 89.6 % to ")
    assert "most of all where region=eu (" in found["sentence"]
    assert "None of 4 columns moved" in found["sentence"]
    assert [each["segment"] for each in found["segments"]] == ["region=eu"]


def test_late_rows_give_the_explanations_they_would_have_given_on_time(make_site: MakeSite) -> None:
    site, records = make_site(baseline_rows=750), traffic(fahrenheit)
    early = [r for r in records if r.event_time < START + 5 * HOUR]
    late = [r for r in records if r.event_time >= START + FIRST * HOUR and r.prediction_id.endswith("7")]
    site.send(early, settled(4))
    site.work(settled(4))
    site.send([r for r in records if r not in early and r not in late], settled(LAST))
    site.work(settled(LAST))
    site.send(late, settled(LAST) + HOUR)
    site.work(settled(LAST) + HOUR)
    on_time = watched(make_site(baseline_rows=750), fahrenheit)
    assert results(site)["evaluations"] == results(on_time)["evaluations"]
    told = [e.evidence["explanation"] for e in site.evaluations("feature_drift") if e.verdict == "breach"]
    assert len(told) == LAST - FIRST
    assert {each["since"] for each in told} == {None}  # which is the incident's to say


def test_a_window_is_judged_though_its_explanation_fails(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Explanation:
        raise ValueError("no idea")

    monkeypatch.setattr(explaining, "explain", broken)
    with caplog.at_level(logging.ERROR):
        site = watched(make_site(baseline_rows=750), fahrenheit)
    assert "explanation" not in incident(site, "drift").evidence
    assert "no explanation of feature_drift" in caplog.text


def test_a_baseline_without_sample_or_importance_explains_from_profiles(make_site: MakeSite) -> None:
    site = make_site(baseline_rows=750)
    site.send([r for r in traffic(fahrenheit) if r.event_time < START + 5 * HOUR], settled(4))
    site.work(settled(4))
    with site.stores.db.session() as session:
        (baseline,) = session.query(Baseline).all()
        baseline.sample, baseline.importance = None, None
    site.send([r for r in traffic(fahrenheit) if r.event_time >= START + 5 * HOUR], settled(LAST))
    site.work(settled(LAST))
    assert "`temp` looks multiplied by 1.8 and raised by 32" in explained(site, "drift")["sentence"]


def test_a_backtest_tells_what_the_incident_tells(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), fahrenheit)
    (alarm,) = run_backtest(
        site.stores, "churn", monitor_changes.find_rule(site.stores, "churn", "feature_drift")
    ).alarms
    assert "`temp` looks multiplied by 1.8 and raised by 32 since 2026-02-23 02:00 UTC" in alarm.explanation


def test_an_explanation_says_since_when_it_is_so(make_site: MakeSite) -> None:
    site = watched(make_site(baseline_rows=750), fahrenheit)
    told = next(e for e in site.evaluations("feature_drift") if e.verdict == "breach").evidence["explanation"]
    assert "since" not in told["sentence"]
    later = dated(told, START)
    assert "since 2026-02-22 20:00" in later["sentence"]
    assert dated(later, START) == later
