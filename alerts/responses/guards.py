"""The guards of a response: what must hold at the moment it runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from alerts.messages import format_time
from alerts.responses.plans import Blocked, Decision, plan
from monitor.config import ResponseSettings
from monitor.db.models import Incident, ModelVersion, ResponseRun
from monitor.windows import format_duration

_DAY: Final = timedelta(days=1)


def decide(
    run: ResponseRun,
    incident: Incident,
    versions: Sequence[ModelVersion],
    runs: Sequence[ResponseRun],
    settings: ResponseSettings,
    now: datetime,
) -> Decision | Blocked:
    """What `run` does, or why it does nothing: first whether it would help, then whether it may."""
    decision = plan(incident, versions, settings)
    if isinstance(decision, Blocked):
        return decision
    obstacle = guard(run, incident, decision, runs, settings, now)
    return decision if obstacle is None else Blocked(obstacle)


def guard(
    run: ResponseRun,
    incident: Incident,
    decision: Decision,
    runs: Sequence[ResponseRun],
    settings: ResponseSettings,
    now: datetime,
) -> str | None:
    """Why `run` may not start now; None when it may. `runs` are the model's runs, of every response."""
    others = [other for other in runs if other.id != run.id]
    if incident.state == "resolved":
        return "the incident was resolved before the run began"
    if running := next((other for other in others if other.state == "running"), None):
        return f"response {running.response} is running for this model; one at a time"
    own = [other for other in others if other.response == run.response and _counts(other, settings)]
    return (
        _cooling_down(own, settings, now) or _over_budget(own, settings, now) or _rolled_back_already(others, decision)
    )


def _counts(run: ResponseRun, settings: ResponseSettings) -> bool:
    # A dry run is guarded like a real one, by dry runs; it never holds up a real one. A failed run may have had effect.
    return run.state in ("done", "failed") or (settings.dry_run and run.state == "dry_run")


def _cooling_down(own: Sequence[ResponseRun], settings: ResponseSettings, now: datetime) -> str | None:
    last = max((_ended(run) for run in own), default=None)
    cooldown = timedelta(seconds=settings.cooldown_seconds)
    if last is None or now - last >= cooldown:
        return None
    return (
        f"cooldown: the last run ended {format_duration(now - last)} ago, the least time between two is "
        f"{format_duration(cooldown)}"
    )


def _over_budget(own: Sequence[ResponseRun], settings: ResponseSettings, now: datetime) -> str | None:
    today = sum(now - _ended(run) < _DAY for run in own)
    if today < settings.daily_budget:
        return None
    return f"daily budget: {today} of {settings.daily_budget} runs in the last 24 h are used"


def _rolled_back_already(others: Sequence[ResponseRun], decision: Decision) -> str | None:
    """A second incident of the same bad version needs no second rollback, however long it goes on."""
    if decision.target_version is None:
        return None
    for run in others:
        if run.kind == "rollback" and run.state == "done" and run.plan.get("version") == decision.version:
            return f"version {decision.version} was rolled back on {format_time(_ended(run))} already"
    return None


def _ended(run: ResponseRun) -> datetime:
    return run.finished_at or run.created_at
