"""`kedge quarantine`: what was refused, and why."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from monitor import queries
from monitor.app.stores import open_database
from monitor.cli.output import LARGEST_ID, JsonFlag, out, print_json, print_rows
from monitor.cli.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="What was refused, and why: list records or reasons, show one record.")
NOTHING = "nothing is in quarantine"


@app.command("list")
def list_quarantine(
    model: Annotated[str | None, typer.Option(help="Only records that name this model.")] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="One row per reason with counts, most frequent first.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows to print.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """Refused records, the newest first."""
    database = open_database(read_settings())
    if reasons:
        counts = queries.quarantine_reasons(database, model, limit)
        print_rows([dataclasses.asdict(count) for count in counts], NOTHING, as_json)
        return
    records = queries.quarantine(database, model, limit)
    if as_json:
        print_json([dataclasses.asdict(record) for record in records])
        return
    shown = [
        {"id": r.id, "received": r.received_at, "model": r.model, "kind": r.kind, "source": r.source,
         "reason": r.reason}
        for r in records
    ]  # fmt: skip
    print_rows(shown, NOTHING, False)


@app.command("show")
def show_record(
    record_id: Annotated[
        int, typer.Argument(min=1, max=LARGEST_ID, help="Its number, as `kedge quarantine list` shows it.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """One refused record: the reason, and what the sender sent."""
    record = queries.quarantine_record(open_database(read_settings()), record_id)
    if as_json:
        print_json(dataclasses.asdict(record))
        return
    out.print(f"refused: {record.reason}", markup=False, highlight=False)
    named = f"model {record.model}" if record.model else "no model named"
    received = f"{record.received_at:%Y-%m-%d %H:%M:%S} UTC"
    out.print(f"{record.kind} from {record.source}, {named}, received {received}", markup=False, highlight=False)
    size = f"{record.payload_bytes:,} bytes"
    out.print(f"what was sent ({size}{', the beginning' if record.is_cut else ''}):", markup=False, highlight=False)
    typer.echo(record.payload)
