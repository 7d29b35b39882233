"""Plans and guards: pure decisions over rows and settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.responses.guards import guard
from alerts.responses.plans import Blocked, Decision, plan_retrain, plan_rollback
from monitor.config import ResponseSettings
from monitor.db.models import Incident, ModelVersion, ResponseRun

SINCE = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOW = SINCE + 2 * DAY
ROLLBACK = ResponseSettings(kind="rollback")
RETRAIN = ResponseSettings(kind="retrain")


def version(name: str, first: float, last: float, predictions: int = 100) -> ModelVersion:
    """A version that served from `first` to `last`, in days from the beginning of the breach."""
    return ModelVersion(
        name=name, first_event_time=SINCE + first * DAY, last_event_time=SINCE + last * DAY, predictions=predictions
    )


def incident(**changes: Any) -> Incident:
    window = {"start": (SINCE + DAY).isoformat(), "seconds": 86400}
    facts = {"id": 1, "since": SINCE, "until": None, "state": "open", "evidence": {"window": window}}
    return Incident(**(facts | changes))


@pytest.mark.parametrize(
    ("versions", "blamed", "target"),
    [
        pytest.param([version("1", -30, -1), version("2", -1, 2)], "2", "1", id="deployed before the breach"),
        pytest.param([version("1", -30, 0.5), version("2", 0.5, 2)], "2", "1", id="deployed within the breach"),
        pytest.param([version("1", -30, -6), version("2", -6, -1), version("3", -1, 2)], "3", "2", id="the latest"),
        pytest.param([version("1", -30, -1), version("2", -7, 2)], "2", "1", id="as old as may be"),
        pytest.param(
            [version("1", -30, -1), version("2", -20, -15), version("3", -1, 2)], "3", "1", id="gone back to 1 before"
        ),
        pytest.param(
            [version("1", -30, 0, 9000), version("shadow", -20, 0, 50), version("3", -1, 2)], "3", "1", id="with shadow"
        ),
    ],
)
def test_a_rollback_goes_back_behind_the_latest_deployment(
    versions: list[ModelVersion], blamed: str, target: str
) -> None:
    decision = plan_rollback(incident(), versions, ROLLBACK)
    assert isinstance(decision, Decision)
    assert (decision.version, decision.target_version) == (blamed, target)
    assert isinstance(plan_retrain(incident(), versions, RETRAIN), Blocked)


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param([], id="none seen"),
        pytest.param([version("1", -30, 2)], id="one old version"),
        pytest.param([version("1", -30, -9), version("2", -9, 2)], id="deployed too long before"),
        pytest.param([version("1", -30, 3), version("2", 2, 3)], id="deployed after the last window in breach"),
        pytest.param([version("1", -30, 2), version("2", -3, -1)], id="rolled back before the breach"),
    ],
)
def test_without_a_recent_deployment_a_rollback_would_not_help(versions: list[ModelVersion]) -> None:
    decision = plan_rollback(incident(), versions, ROLLBACK)
    assert decision == Blocked("no deployment in the 7 d before the breach; a rollback would not help")
    assert isinstance(plan_retrain(incident(), versions, RETRAIN), Decision)


def test_the_first_version_has_nothing_before_it() -> None:
    versions = [version("1", -1, 2)]
    decision = plan_rollback(incident(), versions, ROLLBACK)
    assert isinstance(decision, Blocked)
    assert "version 1" in decision.reason
    retrain = plan_retrain(incident(), versions, RETRAIN)
    assert isinstance(retrain, Decision)
    assert retrain.version == "1"


def test_how_recent_is_a_setting() -> None:
    versions = [version("1", -30, -1), version("2", -1, 2)]
    short = ResponseSettings(kind="rollback", recent_seconds=3600)
    decision = plan_rollback(incident(), versions, short)
    assert decision == Blocked("no deployment in the 1 h before the breach; a rollback would not help")


def test_retraining_says_what_comes_first() -> None:
    decision = plan_retrain(incident(), [version("1", -30, -1), version("2", -1, 2)], RETRAIN)
    assert decision == Blocked("version 2, deployed on 1 Mar 2026 00:00 UTC, is to blame; a rollback comes first")


def test_what_looks_like_a_broken_pipeline_is_not_trained_on() -> None:
    def decided(cause: str) -> Decision | Blocked:
        evidence = {"explanation": {"cause": cause, "reason": "values are missing", "message": "`age` changed"}}
        return plan_retrain(incident(evidence=evidence), [version("1", -30, 2)], RETRAIN)

    why = "it looks like a broken pipeline (values are missing); a model trained on that would learn it"
    assert decided("pipeline") == Blocked(why)
    assert isinstance(decided("world"), Decision)
    assert isinstance(decided("unclear"), Decision)
    versions = [version("1", -30, -1), version("2", -1, 2)]
    broken = incident(evidence={"explanation": {"cause": "pipeline", "reason": "values are missing"}})
    assert isinstance(plan_rollback(broken, versions, ROLLBACK), Decision)  # the new version may have broken it


@pytest.mark.parametrize("evidence", [{}, {"window": None}, {"window": {"start": "soon", "seconds": "long"}}])
def test_evidence_without_a_window_counts_the_beginning_as_the_end(evidence: dict[str, Any]) -> None:
    at_once = plan_rollback(incident(evidence=evidence), [version("1", -30, 0), version("2", 0, 2)], ROLLBACK)
    assert isinstance(at_once, Decision)
    later = plan_rollback(incident(evidence=evidence), [version("1", -30, 0), version("2", 1, 2)], ROLLBACK)
    assert isinstance(later, Blocked)


def past(state: str, ended: timedelta, response: str = "undo", **changes: Any) -> ResponseRun:
    facts = {
        "id": f"run_{state}_{ended}",
        "response": response,
        "kind": "rollback",
        "state": state,
        "plan": {"version": "7"},
        "created_at": NOW - ended,
        "finished_at": None if state in ("pending", "running") else NOW - ended,
    }
    return ResponseRun(**(facts | changes))


def judged(runs: list[ResponseRun], settings: ResponseSettings = ROLLBACK, **changes: Any) -> str | None:
    run = past("pending", timedelta(), id="run_now")
    return guard(run, incident(**changes), Decision("", "2", "1"), [run, *runs], settings, NOW)


def test_nothing_before_is_no_obstacle() -> None:
    assert judged([]) is None


@pytest.mark.parametrize(
    ("runs", "obstacle"),
    [
        ([past("done", timedelta(minutes=20))], "cooldown: the last run ended 20 min ago"),
        ([past("failed", timedelta(minutes=20))], "cooldown"),
        ([past("done", HOUR)], None),
        ([past("done", timedelta(minutes=20), response="other")], None),
        ([past("blocked", timedelta(minutes=20))], None),
        ([past("dry_run", timedelta(minutes=20))], None),
        ([past("running", timedelta(minutes=1), response="other")], "response other is running for this model"),
        ([past("pending", timedelta(minutes=1), response="other")], None),
        ([past("done", timedelta(hours=hours)) for hours in (2, 3, 4, 5)], "daily budget: 4 of 4"),
        ([past("done", timedelta(hours=hours)) for hours in (2, 3, 4, 24)], None),
        ([past("done", 5 * DAY, plan={"version": "2"})], "version 2 was rolled back on 27 Feb 2026 00:00 UTC already"),
        ([past("done", 5 * DAY, plan={"version": "2"}, kind="retrain")], None),
    ],
)
def test_the_guards(runs: list[ResponseRun], obstacle: str | None) -> None:
    reason = judged(runs)
    assert (reason is None) if obstacle is None else (reason is not None and obstacle in reason)


def test_a_resolved_incident_needs_nothing() -> None:
    assert judged([], state="resolved") == "the incident was resolved before the run began"


def test_a_dry_run_is_guarded_by_dry_runs_like_a_real_one() -> None:
    dry = ResponseSettings(kind="rollback", dry_run=True)
    assert "cooldown" in (judged([past("dry_run", timedelta(minutes=20))], dry) or "")


def test_a_budget_of_nothing_allows_nothing() -> None:
    assert "daily budget: 0 of 0" in (judged([], ResponseSettings(kind="rollback", daily_budget=0)) or "")
