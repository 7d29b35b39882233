"""`kedge incident`: what is wrong, and who looks after it."""

from __future__ import annotations

import dataclasses
import getpass
from typing import Annotated, Any

import typer

from monitor import queries
from monitor.app.control import clock, open_database
from monitor.cli.output import FINDING, LARGEST_ID, JsonFlag, out, print_json, print_rows
from monitor.cli.settings import read_settings
from monitor.db import incidents as store

app = typer.Typer(no_args_is_help=True, help="What is wrong: list incidents, show one, take one on.")

IncidentId = Annotated[
    int, typer.Argument(min=1, max=LARGEST_ID, help="Its number, as `kedge incident list` shows it.")
]


@app.command("list")
def list_incidents(
    model: Annotated[str | None, typer.Option(help="Only this model's.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Open incidents, the latest first. Status 1 when there is one, so that scripts can ask."""
    states = None if everything else ["open", "acknowledged"]
    rows = queries.incidents(open_database(read_settings()), model, states)
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
    else:
        shown = [
            {"id": r.id, "state": r.state, "severity": r.severity, "title": r.title, "since": r.since} for r in rows
        ]
        print_rows(shown, "nothing is wrong", False)
    if any(row.state != "resolved" for row in rows):
        raise typer.Exit(FINDING)


@app.command("show")
def show_incident(incident_id: IncidentId, as_json: JsonFlag = False) -> None:
    """One incident: evidence, timeline, messages and responses."""
    detail = queries.incident_detail(open_database(read_settings()), incident_id)
    if as_json:
        print_json(dataclasses.asdict(detail))
        return
    out.print(f"{detail.row.title} ({detail.row.severity}, {detail.row.state})", markup=False)
    out.print(detail.row.summary, markup=False)
    lasted = f"{'lasted' if detail.row.until else 'for'} {queries.format_duration(detail.row.lasted)}"
    out.print(f"since {detail.row.since:%Y-%m-%d %H:%M} UTC, {lasted}", markup=False)
    if sentence := detail.evidence.get("explanation", {}).get("sentence"):
        out.print(sentence, markup=False)
    print_rows([dataclasses.asdict(event) for event in detail.events], "no events", False)
    print_rows([_message(row) for row in detail.notifications], "no messages: no channel is configured", False)
    runs = [{"response": r.response, "kind": r.kind, "state": r.state, "reason": r.reason} for r in detail.runs]
    print_rows(runs, "no responses", False)


def _message(row: queries.NotificationRow) -> dict[str, Any]:
    return {
        "about": row.event,
        "channel": row.channel,
        "state": row.state,
        "reason": row.reason,
        "attempts": row.attempts,
        "last_result": row.receipt,
        "next_attempt": row.next_attempt_at,
    }


@app.command("ack")
def acknowledge(
    incident_id: IncidentId,
    by: Annotated[str, typer.Option(help="Who looks after it; your login name otherwise.")] = "",
) -> None:
    """Say that you look after an incident."""
    who = by or getpass.getuser()
    with open_database(read_settings()).session() as session:
        incident = store.acknowledge_incident(session, incident_id, who, clock())
    out.print(f"incident {incident_id} is acknowledged by {incident.acknowledged_by}", markup=False)
