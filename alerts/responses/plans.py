"""What a response would do about an incident, and why not. Pure: rows and settings in, a decision out.

The deployment to blame is the version that most recently began to serve before or within the breach; the one that
served before it is where a rollback goes back to. Retraining waits while a rollback would help, and leaves alone what
looks like a broken pipeline: a model would learn it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.evidence import shareable
from alerts.links import incident_link
from alerts.messages import breach_end, format_time
from alerts.responses.base import ResponsePlan
from monitor.config import ResponseSettings
from monitor.db.models import Incident, ModelVersion, ResponseRun
from monitor.windows import format_duration, span_of


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing is done, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why: `version` is to blame or to be retrained, `target_version` the one to go back to."""

    reason: str
    version: str | None
    target_version: str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version that began to serve, and the one that served before it."""

    version: ModelVersion
    before: ModelVersion | None


def plan_rollback(
    incident: Incident, versions: Sequence[ModelVersion], settings: ResponseSettings
) -> Decision | Blocked:
    """Go back to the version before the deployment to blame."""
    deployment = recent_deployment(incident, versions, settings.recent_seconds)
    if deployment is None:
        span = format_duration(timedelta(seconds=settings.recent_seconds))
        return Blocked(f"no deployment in the {span} before the breach; a rollback would not help")
    began = format_time(deployment.version.first_event_time)
    if deployment.before is None:
        return Blocked(
            f"version {deployment.version.name} (since {began}) is the first one seen; there is none to go back to"
        )
    return Decision(
        f"version {deployment.version.name} began to serve on {began}; {deployment.before.name} served before it",
        deployment.version.name,
        deployment.before.name,
    )


def plan_retrain(
    incident: Incident, versions: Sequence[ModelVersion], settings: ResponseSettings
) -> Decision | Blocked:
    """Train the serving version anew, unless a deployment or a broken pipeline is to blame."""
    deployment = recent_deployment(incident, versions, settings.recent_seconds)
    if deployment is not None and deployment.before is not None:
        began = format_time(deployment.version.first_event_time)
        return Blocked(f"version {deployment.version.name}, deployed on {began}, is to blame; a rollback comes first")
    if broken := broken_pipeline(incident):
        return Blocked(f"it looks like a broken pipeline ({broken}); a model trained on that would learn it")
    serving = max(versions, key=lambda version: version.last_event_time, default=None)
    return Decision("no recent deployment is to blame; the data has changed", serving.name if serving else None)


def plan(incident: Incident, versions: Sequence[ModelVersion], settings: ResponseSettings) -> Decision | Blocked:
    planner = plan_rollback if settings.kind == "rollback" else plan_retrain
    return planner(incident, versions, settings)


def fix_plan(
    run: ResponseRun, incident: Incident, model: str, decision: Decision, public_url: str, now: datetime
) -> ResponsePlan:
    """The plan as it is stored and handed to the target."""
    return ResponsePlan(
        id=run.id,
        idempotency_key=run.idempotency_key,
        response=run.response,
        kind=run.kind,
        model=model,
        version=decision.version,
        target_version=decision.target_version,
        reason=decision.reason,
        incident_id=incident.id,
        incident_url=incident_link(public_url, incident.id),
        metric=incident.metric,
        segment=incident.segment,
        severity=incident.severity,
        title=incident.title,
        since=incident.since,
        columns=[column["name"] for column in shareable(incident.evidence)["columns"]],
        planned_at=now,
    )


def recent_deployment(incident: Incident, versions: Sequence[ModelVersion], recent_seconds: float) -> Deployment | None:
    """The deployment to blame: recent enough, not after the last window in breach, and still serving in the breach."""
    earliest = incident.since - timedelta(seconds=recent_seconds)
    latest = last_breach(incident)
    candidates = [
        version
        for version in versions
        if earliest <= version.first_event_time < latest and version.last_event_time >= incident.since
    ]
    if not candidates:
        return None
    blamed = max(candidates, key=lambda version: (version.first_event_time, version.name))
    return Deployment(blamed, _served_before(blamed, versions))


def broken_pipeline(incident: Incident) -> str:
    """What speaks for a broken pipeline, where the incident's explanation finds that the likely cause; else empty."""
    explanation = incident.evidence.get("explanation")
    if not isinstance(explanation, Mapping) or explanation.get("cause") != "pipeline":
        return ""
    return str(explanation.get("reason") or "no reason given")


def last_breach(incident: Incident) -> datetime:
    """The end of the last window in breach that the incident knows of."""
    evidence = shareable(incident.evidence)
    window = span_of(evidence, timedelta.resolution)
    return max(incident.until or incident.since, breach_end(evidence, incident.since, window))


def _served_before(blamed: ModelVersion, versions: Sequence[ModelVersion]) -> ModelVersion | None:
    # Of several that served up to the deployment (a champion and its shadow, say) it is the one with the most traffic.
    earlier = [version for version in versions if version.first_event_time < blamed.first_event_time]
    return max(
        earlier,
        key=lambda version: (min(version.last_event_time, blamed.first_event_time), version.predictions),
        default=None,
    )
