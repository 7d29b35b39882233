"""`kedge baseline`: what a model is compared with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from monitor.app.control import clock, open_database
from monitor.app.files import baseline_from_file
from monitor.app.stores import open_stores
from monitor.cli.output import JsonFlag, err, out, print_json, print_rows
from monitor.cli.settings import read_settings
from monitor.db import baseline_store, catalog
from monitor.jobs import pin_baseline

app = typer.Typer(no_args_is_help=True, help="Baselines: the frozen reference a model's windows are compared with.")
ModelName = Annotated[str, typer.Option("--model", help="The model's name.")]


@app.command("create")
def create(
    model: ModelName,
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="Training or validation rows: Parquet, CSV, JSON.")
    ],
    name: Annotated[str, typer.Option(help="The baseline's name; the file's otherwise.")] = "",
    format_name: Annotated[str, typer.Option("--format", help="The file's log format; recognised otherwise.")] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """Freeze a baseline from a file and make it the active one.

    Columns named prediction, score, label, event_time, version or prediction_id are what they say; all others are
    features. With labels, performance is compared with the baseline's as well.

        kedge baseline create --model churn --from validation.parquet
    """
    stores = open_stores(read_settings())
    made, records = baseline_from_file(stores, model, name or source.stem, source, format_name, clock())
    if records.refused:
        err.print(f"{records.refused} rows were left out; the first: {records.reason}", markup=False)
    if made.start == made.end:
        err.print("the rows have no event_time, so nothing is known of how they vary from day to day", markup=False)
    if as_json:
        print_json({"model": model, "baseline": made.name, "rows": made.rows, "labels": len(records.labels)})
    else:
        out.print(
            f"baseline {made.name!r} of model {model!r}: {made.rows} rows, {len(records.labels)} labels", markup=False
        )


@app.command("pin")
def pin(
    model: ModelName,
    start: Annotated[datetime, typer.Option("--from", help="First event time (UTC).")],
    end: Annotated[datetime, typer.Option("--to", help="Event times before this (UTC).")],
    name: Annotated[str, typer.Option(help="The baseline's name; its span otherwise.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Freeze a period of the model's own predictions as its baseline and make it the active one.

    kedge baseline pin --model churn --from 2026-01-05 --to 2026-02-02
    """
    first, last = start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    made = pin_baseline(open_stores(read_settings()), model, name, first, last, clock())
    if as_json:
        print_json({"model": model, "baseline": made.name, "rows": made.rows, "from": made.start, "to": made.end})
    else:
        out.print(f"baseline {made.name!r} of model {model!r}: {made.rows} rows", markup=False)


@app.command("list")
def list_baselines(model: ModelName, as_json: JsonFlag = False) -> None:
    """The model's baselines; one is active."""
    with open_database(read_settings()).reading() as session:
        found = catalog.find_model(session, model)
        rows = [
            {"name": b.name, "active": b.active, "origin": b.origin, "rows": b.rows, "from": b.start, "to": b.end}
            for b in baseline_store.list_baselines(session, found.id)
        ]
    print_rows(
        rows, "no baseline yet: the first predictions become one, or make one with `kedge baseline create`", as_json
    )
