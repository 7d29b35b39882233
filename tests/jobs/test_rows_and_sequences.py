"""What no single column and no single window shows, through the real worker: rows, sequences, labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from monitor.db.models import Baseline, MetricPoint
from monitor.engines.duckdb_engine import DuckDbEngine
from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from monitor.jobs.backtest_job import Backtest, run_backtest
from monitor.records import LabelRecord, PredictionRecord
from tests.jobs.conftest import MakeSite
from tests.jobs.site import HOUR, START, Site
from tests.jobs.traffic import label, settled

ROWS = 200
CHANGED = 8
"""The hour from which something is different; the baseline is hours 0 to 4."""


def pair(index: int, rows: int = ROWS, **changed: Any) -> list[PredictionRecord]:
    """An hour of two numbers that go together, four more that make an embedding, a note and an id."""
    random = np.random.default_rng([3, index])
    sign = changed.get("sign", 1.0)
    made = []
    for i in range(rows):
        x, score = random.normal(), random.uniform()
        features = {
            "x": x,
            "y": sign * 0.9 * x + np.sqrt(1 - 0.81) * random.normal(),
            **{f"e{k}": random.normal() + changed.get("moved", 0.0) for k in range(4)},
            "note": " ".join(random.choice(changed.get("words", WORDS), 6)),
            "request": f"{random.integers(1 << 50):x}",
        }
        made.append(
            PredictionRecord(
                model="churn",
                prediction_id=f"p{index}-{i}",
                event_time=START + index * HOUR + i * HOUR / rows,
                received_time=START + (index + 1) * HOUR,
                prediction=int(score > 0.5),
                score=score,
                features={name: each if isinstance(each, str) else float(each) for name, each in features.items()},
            )
        )
    return made


WORDS = [f"word{i}" for i in range(40)]


def truth(records: Sequence[PredictionRecord], right: float = 0.8, yes: float = 0.5) -> list[LabelRecord]:
    """Labels of which `right` are as predicted, where `yes` is one half; else so many are 1, whatever was predicted."""
    random = np.random.default_rng([5, int(records[0].event_time.timestamp())])
    return [
        label(r.prediction_id, _one(bool(r.prediction), random.uniform(), right, yes), r.event_time + HOUR)
        for r in records
    ]


def _one(predicted: bool, chance: float, right: float, yes: float) -> int:
    return int(predicted != (chance > right)) if yes == 0.5 else int(chance < yes)


def watch(site: Site, metric: str, threshold: dict[str, Any] | None = None, name: str = "m") -> MonitorRule:
    """Add a monitor that opens at its first breach."""
    rule = MonitorRule(name, metric, HOUR, threshold or {}, 1, 1, 1)
    monitor_changes.add_monitor(site.stores, "churn", rule, "test", settled(0))
    return rule


def opened(site: Site, name: str = "m") -> list[Any]:
    ident = site.monitors()[name].id
    return [incident for incident in site.incidents() if incident.monitor_id == ident]


def replayed(site: Site, rule: MonitorRule) -> Backtest:
    return run_backtest(site.stores, "churn", rule)


def points(site: Site, metric: str) -> list[MetricPoint]:
    return [point for point in site.read(MetricPoint, MetricPoint.start) if point.metric == metric]


@pytest.fixture
def quiet(make_site: MakeSite) -> Site:
    """Eight hours without a change, of which the first five are the baseline."""
    site = make_site(baseline_rows=5 * ROWS)
    site.send([record for index in range(CHANGED) for record in pair(index)], settled(4))
    site.onboard(settled(4))
    return site


@pytest.mark.parametrize("method", ["correlation_change", "domain_classifier"])
def test_two_features_that_came_apart_are_an_incident(quiet: Site, method: str) -> None:
    rule = watch(quiet, "multivariate_drift", {"kind": "many_columns", "method": method})
    quiet.send([record for index in range(CHANGED, CHANGED + 3) for record in pair(index, sign=-1.0)], settled(10))
    quiet.work(settled(10))
    verdicts = [evaluation.verdict for evaluation in quiet.evaluations("m")]
    assert verdicts[-3:] == ["breach"] * 3
    assert "breach" not in verdicts[:CHANGED]
    (incident,) = opened(quiet)
    assert incident.since == START + CHANGED * HOUR
    assert incident.title == "churn: features drifted together"
    named = {column["name"] for column in incident.evidence["columns"]}
    assert {"x", "y"} <= named or (method == "domain_classifier" and named)  # it names what moved by itself
    assert "Features differ together from the baseline" in incident.evidence["summary"]
    assert not opened(quiet, "feature_drift")  # no single column shows it
    (found,) = replayed(quiet, rule).alarms
    assert (found.since, found.reason) == (incident.since, quiet.evaluations("m")[CHANGED].reason)
    assert {point.metric_column for point in points(quiet, "multivariate_drift")} == {""}


def test_rows_are_read_once_a_window_and_only_when_a_monitor_asks(quiet: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[datetime] = []
    rows = DuckDbEngine.rows

    def counted(self: DuckDbEngine, *given: Any) -> Any:
        read.append(given[1])
        return rows(self, *given)

    monkeypatch.setattr(DuckDbEngine, "rows", counted)
    assert quiet.work(settled(7)) == CHANGED
    assert read == []
    watch(quiet, "multivariate_drift", {"kind": "many_columns", "method": "pca_reconstruction"}, "a")
    watch(quiet, "multivariate_drift", {"kind": "many_columns", "method": "centroid"}, "b")
    watch(quiet, "embedding_drift", {"kind": "embedding"}, "c")
    watch(quiet, "text_drift", {"kind": "text"}, "d")
    quiet.send(pair(CHANGED), settled(CHANGED))
    quiet.work(settled(CHANGED))
    assert sorted(read) == sorted(set(read))
    assert START + CHANGED * HOUR in read
    assert quiet.evaluations("a")[-1].value != quiet.evaluations("b")[-1].value
    (first,) = [point for point in points(quiet, "multivariate_drift") if point.start == START + CHANGED * HOUR]
    assert first.value == quiet.evaluations("a")[-1].value  # the first of two decides the point


def test_embeddings_and_texts_are_judged_and_identifiers_are_not(quiet: Site) -> None:
    watch(quiet, "embedding_drift", {"kind": "embedding"}, "embedding")
    watch(quiet, "text_drift", {"kind": "text"}, "text")
    watch(quiet, "text_new_words", {"kind": "text", "columns": ["note"]}, "words")
    new = [f"other{i}" for i in range(40)]
    quiet.send(pair(CHANGED, moved=1.0, words=new), settled(CHANGED))
    quiet.work(settled(CHANGED))
    for name in ("embedding", "text", "words"):
        assert [e.verdict for e in quiet.evaluations(name)] == ["ok"] * CHANGED + ["breach"], name
    moved = quiet.evaluations("embedding")[-1]
    assert moved.evidence["columns"]
    assert moved.evidence["looks"][0]["name"] == "e"
    words = quiet.evaluations("words")[-1]
    assert words.value == 1.0
    assert "note: new words 100 %" in words.reason
    text = quiet.evaluations("text")[-1]
    assert "other" not in text.reason  # a message quotes no value
    assert {look["name"] for look in text.evidence["looks"]} == {"note"}
    assert {point.metric for point in points(quiet, "text_length")} == {"text_length"}


def test_nannymls_chunks_are_the_baselines_rows_in_order_of_time(make_site: MakeSite) -> None:
    """Each hour has a level of its own; rows come in the order of their hashes."""
    site = make_site(baseline_rows=5 * ROWS)
    levels = [0.0, 1.0, -1.0, 0.6, -0.6, 0.5]
    site.send([record for hour, level in enumerate(levels) for record in pair(hour, moved=level)], settled(4))
    site.onboard(settled(4))
    watch(site, "drift", {"kind": "preset", "name": "nannyml_default"})
    site.send(pair(6, moved=4.0), settled(6))
    site.work(settled(6))
    looks = [{c["name"]: c["breach"] for c in e.evidence["all_columns"]} for e in site.evaluations("m")[5:]]
    assert [look["e0"] for look in looks] == [False, True]


@pytest.mark.parametrize(("method", "falls"), [("wasserstein", False), ("anderson", True)])
def test_any_drift_method_judges_windows_by_a_limit_of_ones_own(quiet: Site, method: str, falls: bool) -> None:
    watch(quiet, "drift", {"kind": "method", "method": method, "threshold": 0.002 if falls else 0.5})
    quiet.send(pair(CHANGED, moved=4.0), settled(CHANGED))
    quiet.work(settled(CHANGED))
    looks = quiet.evaluations("m")
    assert [look.verdict for look in looks] == ["ok"] * CHANGED + ["breach"]
    newest = looks[-1]
    assert {column["name"] for column in newest.evidence["columns"]} == {"e0", "e1", "e2", "e3"}
    bounds = (newest.low, newest.high)
    assert bounds == ((0.002, None) if falls else (None, 0.5))  # of a test, less is further


def test_what_cannot_be_judged_says_why(quiet: Site) -> None:
    watch(quiet, "text_drift", {"kind": "text", "columns": ["x", "absent"]}, "numbers")
    watch(quiet, "embedding_drift", {"kind": "embedding", "prefixes": ["request"]}, "one group")
    watch(quiet, "multivariate_drift", {"kind": "many_columns", "columns": ["absent"]}, "no column")
    quiet.work(settled(7))
    said = {name: quiet.evaluations(name)[-1] for name in ("numbers", "one group", "no column")}
    assert said["numbers"].verdict == "undefined"
    assert said["one group"].verdict == "ok"  # e0 … e3 are one, whatever else is named
    assert said["no column"].verdict == "undefined"
    with quiet.stores.db.session() as session:
        session.execute(update(Baseline).values(sample=None))
    quiet.send(pair(CHANGED), settled(CHANGED))
    quiet.work(settled(CHANGED))
    for name in said:
        newest = quiet.evaluations(name)[-1]
        assert (newest.verdict, newest.reason) == ("undefined", "the baseline keeps no rows; make a new one")


def test_without_a_baseline_or_rows_enough_nothing_is_said(plain_site: Site) -> None:
    plain_site.send(pair(0, rows=100), settled(0))
    plain_site.onboard(settled(0))
    watch(plain_site, "multivariate_drift", {"kind": "many_columns"}, "many")
    watch(plain_site, "accuracy", {"kind": "sequence"}, "sequence")
    watch(plain_site, "target_drift", {"kind": "calibrated"}, "target")
    assert plain_site.work(settled(0)) == 1
    for name, verdict, reason in (
        ("many", "undefined", "there is no baseline yet"),
        ("sequence", "insufficient", "0 labelled rows, 50 needed"),
        ("target", "undefined", "there is no baseline yet"),
    ):
        (evaluation,) = plain_site.evaluations(name)
        assert (evaluation.verdict, evaluation.reason) == (verdict, reason)


def labelled_site(make_site: MakeSite, blocks: int = 24) -> Site:
    """A day of labelled hours as a baseline."""
    site = make_site(baseline_rows=blocks * 100)
    feed(site, 0, blocks)
    site.onboard(settled(blocks - 1))
    return site


def feed(site: Site, first: int, last: int, **changed: Any) -> None:
    """Hours of a hundred rows each, with their labels."""
    for index in range(first, last):
        records = pair(index, rows=100)
        site.send(records, settled(index))
        site.label(truth(records, **changed), settled(index))


def test_a_slow_fall_is_found_by_its_sequence(make_site: MakeSite) -> None:
    site = labelled_site(make_site)
    rule = watch(site, "accuracy", {"kind": "sequence", "method": "cusum", "expected_run_length": 200})
    watch(site, "accuracy", {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.2}, "threshold")
    feed(site, 24, 30)
    feed(site, 30, 42, right=0.74)
    site.work(settled(41))
    verdicts = [evaluation.verdict for evaluation in site.evaluations("m")]
    assert set(verdicts[:24]) == {"undefined"}
    assert "breach" not in verdicts[:30]
    assert verdicts[-1] == "breach"
    assert "breach" not in [evaluation.verdict for evaluation in site.evaluations("threshold")]
    (incident,) = opened(site)
    assert incident.title == "churn: Accuracy changed its level"
    newest = site.evaluations("m")[-1].evidence
    sequence = newest["sequence"]
    assert (
        START + 29 * HOUR
        <= np.datetime64(sequence["began"][:19]).astype(object).replace(tzinfo=START.tzinfo)
        <= START + 32 * HOUR
    )
    assert sequence["statistic"] > sequence["limit"]
    assert sequence["before"] == pytest.approx(0.8, abs=0.03)
    assert sequence["level"] == pytest.approx(0.74, abs=0.03)
    assert newest["summary"].startswith("Accuracy went from 80.")
    (alarm,) = replayed(site, rule).alarms
    assert (alarm.since, alarm.until) == (incident.since, None)


def test_what_the_baseline_cannot_say_is_learnt_from_the_first_windows(make_site: MakeSite) -> None:
    site = make_site(baseline_rows=500)
    rule = watch_later(site)
    verdicts = [evaluation.verdict for evaluation in site.evaluations("m")]
    assert set(verdicts[: 5 + 20]) == {"undefined"}
    assert set(verdicts[5 + 20 : 30]) == {"ok"}
    assert verdicts[-1] == "breach"
    assert "20 windows that say what is usual have come" in site.evaluations("m")[10].reason
    found = replayed(site, rule)
    assert found.verdicts["breach"] == verdicts.count("breach")


def watch_later(site: Site) -> MonitorRule:
    """Drift of all features, which a baseline has no value of: 30 quiet hours and five in which some moved."""
    site.send([record for index in range(5) for record in pair(index, rows=100)], settled(4))
    site.onboard(settled(4))
    rule = watch(site, "drift", {"kind": "sequence", "method": "cusum", "expected_run_length": 100})
    site.send([record for index in range(5, 30) for record in pair(index, rows=100)], settled(29))
    site.send([record for index in range(30, 35) for record in pair(index, rows=100, moved=0.8)], settled(34))
    site.work(settled(34))
    return rule


def test_labels_in_other_shares_are_an_incident(make_site: MakeSite) -> None:
    site = labelled_site(make_site, blocks=6)
    rule = watch(site, "target_drift", {"kind": "calibrated"})
    feed(site, 6, 8)
    feed(site, 8, 10, yes=0.95)
    site.send(pair(10, rows=100), settled(10))
    site.work(settled(10))
    assert [evaluation.verdict for evaluation in site.evaluations("m")[6:]] == [
        "ok",
        "ok",
        "breach",
        "breach",
        "insufficient",
    ]
    assert site.evaluations("m")[-1].reason == "0 labelled rows, 50 needed"
    (incident,) = opened(site)
    assert (incident.title, incident.since) == ("churn: labels drifted", START + 8 * HOUR)
    assert incident.evidence["summary"].startswith("Labels drifted (")
    assert len(points(site, "target_drift")) == 10  # a point of every window that has labels
    (alarm,) = replayed(site, replace(rule, breaches=2, looks=2)).alarms
    assert alarm.since == incident.since
