"""What a run of the demo came to, and whether all of it was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from monitor.demo.observe import Seen
from monitor.demo.receiver import Received


class IncidentLine(msgspec.Struct, frozen=True):
    model: str
    metric: str
    opened_at: str
    resolved_at: str | None


class ResponseLine(msgspec.Struct, frozen=True):
    kind: str
    status: str
    verified: bool


class Summary(msgspec.Struct, frozen=True):
    """The figures of one run; `missing` names what should have been seen and was not."""

    predictions_sent: int
    predictions_stored: int
    labels_sent: int
    labels_joined: int
    windows_evaluated: int
    incidents: list[IncidentLine]
    notifications_delivered: int
    responses: list[ResponseLine]
    versions_served: list[str]
    seconds_to_first_incident: float | None
    seconds_total: float
    missing: list[str]


def summarise(
    seen: Seen,
    status: dict[str, Any],
    messages: Sequence[Received],
    sent: tuple[int, int],
    started: float,
    ended: float,
) -> Summary:
    """The figures, and what is missing from the story: fault, incident, messages, rollback, recovery, retraining."""
    predictions, labels = sent
    incidents = [
        IncidentLine(i["model"], i["metric"], i["opened_at"], i["resolved_at"])
        for _, i in sorted(seen.incidents.items())
    ]
    responses = [ResponseLine(r["kind"], r["state"], r["verified_at"] is not None) for r in seen.runs.values()]
    return Summary(
        predictions,
        status["predictions_stored"],
        labels,
        status["labels_joined"],
        status["windows_evaluated"],
        incidents,
        sum(message.valid for message in messages),
        responses,
        seen.versions,
        None if seen.first_incident is None else round(seen.first_incident - started, 1),
        round(ended - started, 1),
        missing(seen, status, messages, sent),
    )


def missing(seen: Seen, status: dict[str, Any], messages: Sequence[Received], sent: tuple[int, int]) -> list[str]:
    """What should have been observed and was not; empty when all was."""
    runs = list(seen.runs.values())
    titles = {(m.kind, _event(m)) for m in messages if m.valid}
    expected = {
        "every prediction sent is stored": status["predictions_stored"] == sent[0],
        "labels were joined": status["labels_joined"] > 0,
        "an incident opened and resolved": any(i["state"] == "resolved" for i in seen.incidents.values()),
        "no incident is left open": all(i["state"] == "resolved" for i in seen.incidents.values()),
        "Slack heard of an incident": ("slack", "opened") in titles,
        "the signed webhook told of an opening": ("webhook", "opened") in titles,
        "the signed webhook told of a resolution": ("webhook", "resolved") in titles,
        "every message was valid": all(message.valid for message in messages),
        "one rollback was done": _done(runs, "rollback") == 1,
        "the rollback was verified": _verified(runs, "rollback"),
        "one retraining was done": _done(runs, "retrain") == 1,
        "the retraining was verified": _verified(runs, "retrain"),
        "versions served in the order 1, 2, 1, 3": seen.versions == ["1", "2", "1", "3"],
    }
    return [what for what, happened in expected.items() if not happened]


def _event(message: Received) -> str:
    """opened or resolved, as far as the message tells."""
    if message.kind == "webhook":
        return str(message.body.get("type", "")).rpartition(".")[2]
    return "resolved" if "resolved" in str(message.body).lower() else "opened"


def _done(runs: Sequence[dict[str, Any]], kind: str) -> int:
    return sum(run["kind"] == kind and run["state"] == "done" for run in runs)


def _verified(runs: Sequence[dict[str, Any]], kind: str) -> bool:
    return any(run["kind"] == kind and run["verified_at"] is not None for run in runs)
