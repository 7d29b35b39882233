"""Applying the state machine's changes to the stored incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from monitor.db import incidents, results, window_store
from monitor.db.database import Session
from monitor.db.models import Evaluation, Incident, Model, Monitor
from monitor.estimation import realised_metric
from monitor.evaluation import Change, Look, MonitorRule, Severity, Transition, Verdict, next_transition
from monitor.evaluation.state_machine import BY_COLUMN, NO_CHANGE, has_left, looks_back
from monitor.evaluation.threshold_kinds import SEQUENCE
from monitor.explanation import dated
from monitor.metrics import describe
from monitor.segments import ALL

_WRONG = {
    "drift": "drifted",
    "prediction_drift": "predictions drifted",
    "data_quality": "the data looks broken",
    "target_drift": "labels drifted",
    "multivariate_drift": "features drifted together",
    "embedding_drift": "embeddings drifted",
    "text_drift": "texts drifted",
    "silence": "no predictions arrive",
    "slo_burn": "error budget is spent too fast",
}


def update_incident(
    session: Session, model: Model, monitor: Monitor, rule: MonitorRule, now: datetime, segment: str = ALL
) -> Transition:
    """Open, escalate or resolve the monitor's incident about a segment as its newest windows ask for; returns what was
    done.

    What another incident tells already waits: a segment while the same metric is broken for the model as a whole,
    drift of columns that look broken (and the other way round), an estimate of what labels show. Nothing opens about a
    segment that has left, and what is open about it ends.
    """
    evaluations = results.latest_evaluations(session, monitor.id, looks_back(rule), segment)
    incident = incidents.active_incident(session, monitor.id, segment)
    active = Severity(incident.severity) if incident else None
    transition = next_transition(active, [_look(evaluation, rule) for evaluation in evaluations], rule)
    if incident is None and transition.change is Change.NONE:
        return transition
    if left := _left_at(session, monitor, rule, segment, evaluations, incident):
        return _end_of_segment(session, incident, left, now)
    if transition.change is Change.OPEN and _is_told_already(session, model, rule, transition, segment):
        return NO_CHANGE
    newest = next((e for e in reversed(evaluations) if e.verdict == Verdict.BREACH), None)
    match transition.change:
        case Change.OPEN:
            assert transition.since is not None
            assert newest is not None
            incidents.open_incident(
                session,
                model_id=model.id,
                monitor_id=monitor.id,
                metric=monitor.metric,
                segment=segment,
                severity=transition.severity.value,
                title=_title(model, rule, transition, segment),
                since=transition.since,
                evidence=_evidence(newest, transition, transition.since),
                now=now,
            )
        case Change.ESCALATE:
            assert incident is not None
            assert newest is not None
            windows = _windows_in_breach(incident, newest)
            evidence = {**_evidence(newest, transition, incident.since), "windows_in_breach": windows}
            incidents.escalate_incident(
                session, incident, severity=transition.severity.value, text=newest.reason, evidence=evidence, now=now
            )
        case Change.RESOLVE:
            assert incident is not None
            assert transition.until is not None
            text = evaluations[-1].reason if evaluations else "recovered"
            incidents.resolve_incident(session, incident, transition.until, text, now)
        case Change.NONE:
            _keep_current(session, incident, newest)
    return transition


def _left_at(
    session: Session,
    monitor: Monitor,
    rule: MonitorRule,
    segment: str,
    evaluations: Sequence[Evaluation],
    incident: Incident | None,
) -> datetime | None:
    """The first window without the segment, where it has left for good."""
    last = evaluations[-1].window_start if evaluations else incident.since if incident else None
    if segment == ALL or last is None:
        return None
    first, newest, windows = window_store.evaluated_after(session, monitor.model_id, monitor.window_seconds, last)
    if first is None or newest is None:
        return None
    return first if has_left(segment, last, newest, windows, rule) else None


def _end_of_segment(session: Session, incident: Incident | None, left: datetime, now: datetime) -> Transition:
    if incident is None:
        return NO_CHANGE
    text = f"{incident.segment} has had no rows since {left:%Y-%m-%d %H:%M}"
    incidents.resolve_incident(session, incident, left, text, now)
    return Transition(Change.RESOLVE, until=left)


def _is_told_already(session: Session, model: Model, rule: MonitorRule, transition: Transition, segment: str) -> bool:
    if segment != ALL and incidents.is_broken_as_a_whole(session, model.id, rule.metric):
        return True
    if rule.metric in BY_COLUMN:
        others = incidents.columns_in_trouble(session, model.id, BY_COLUMN - {rule.metric})
        return bool(transition.columns) and set(transition.columns) <= others
    realised = realised_metric(rule.metric)
    return realised != rule.metric and incidents.is_broken_as_a_whole(session, model.id, realised)


def _keep_current(session: Session, incident: Incident | None, newest: Evaluation | None) -> None:
    """Let a running incident show its newest window in breach."""
    if incident is None or newest is None:
        return
    breaching = _windows_in_breach(incident, newest)
    if breaching > incident.evidence.get("windows_in_breach", 0):
        evidence = {**_dated(newest.evidence, incident.since), "windows_in_breach": breaching}
        incidents.update_evidence(session, incident, evidence)


def _windows_in_breach(incident: Incident, newest: Evaluation) -> int:
    """How many windows the incident has been in breach for: one more if the newest is later than the one it shows."""
    shown = incident.evidence.get("window", {}).get("start", "")
    is_later = newest.window_start.isoformat() > str(shown)
    return int(incident.evidence.get("windows_in_breach", 0)) + is_later


def _look(evaluation: Evaluation, rule: MonitorRule) -> Look:
    has_columns = evaluation.verdict == Verdict.BREACH and rule.metric in BY_COLUMN
    named = tuple(column["name"] for column in evaluation.evidence.get("columns", [])) if has_columns else ()
    severity = Severity(evaluation.evidence.get("severity", Severity.WARNING))
    return Look(evaluation.window_start, Verdict(evaluation.verdict), severity, named)


def _title(model: Model, rule: MonitorRule, transition: Transition, segment: str) -> str:
    where = model.name if segment == ALL else f"{model.name} ({segment})"
    columns = transition.columns
    if columns:
        listed = ", ".join(columns[:3]) + (f" +{len(columns) - 3} more" if len(columns) > 3 else "")
        broken = rule.metric == "data_quality"
        return f"{where}: data looks broken: {listed}" if broken else f"{where}: {listed} drifted"
    name = describe(rule.metric).title
    if rule.threshold.get("kind") == SEQUENCE:
        return f"{where}: {name} changed its level"
    return f"{where}: {_WRONG.get(rule.metric, f'{name} out of bounds')}"


def _evidence(evaluation: Evaluation, transition: Transition, since: datetime) -> dict[str, Any]:
    evidence = {**_dated(evaluation.evidence, since), "windows_in_breach": transition.windows_in_breach}
    if transition.columns:
        kept = [column for column in evidence.get("columns", []) if column["name"] in transition.columns]
        evidence["columns"] = kept or evidence.get("columns", [])
    return evidence


def _dated(evidence: dict[str, Any], since: datetime) -> dict[str, Any]:
    """The evidence with its explanation, if there is one, saying since when it is so."""
    if "explanation" not in evidence:
        return evidence
    try:
        return {**evidence, "explanation": dated(evidence["explanation"], since)}
    except msgspec.ValidationError:  # an explanation of another release
        return evidence
