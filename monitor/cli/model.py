"""`kedge model`: what is watched."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Annotated

import typer

from monitor import queries
from monitor.app.control import clock, open_database
from monitor.cli.output import FINDING, JsonFlag, out, print_json, print_rows
from monitor.cli.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="What is watched: list the models, show one.")


@app.command("list")
def list_models(as_json: JsonFlag = False) -> None:
    """Every model, worst first."""
    settings = read_settings()
    rows = queries.overview(open_database(settings), clock(), settings.monitoring.baseline_rows)
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    shown = [
        {
            "model": row.name,
            "state": row.state.value,
            "headline": row.headline,
            "version": row.version,
            "per_day": row.predictions_per_day,
            "last_event": row.last_event_time,
        }
        for row in rows
    ]
    print_rows(shown, "no model yet: send predictions to the collector, or run `kedge ingest FILE --model NAME`", False)


@app.command("show")
def show_model(name: Annotated[str, typer.Argument(help="The model's name.")], as_json: JsonFlag = False) -> None:
    """One model: what it predicts, its versions, its schema, its baseline. Status 1 while an incident is open."""
    settings, now = read_settings(), clock()
    database = open_database(settings)
    settle = timedelta(seconds=settings.jobs.settle_seconds)
    summary = queries.model_summary(database, name, now, settings.monitoring.baseline_rows, settle)
    is_broken = bool(queries.incidents(database, name, ["open", "acknowledged"]))
    if as_json:
        print_json(dataclasses.asdict(summary))
    else:
        _print_summary(summary, now)
    if is_broken:
        raise typer.Exit(FINDING)


def _print_summary(summary: queries.ModelSummary, now: datetime) -> None:
    out.print(f"[bold]{summary.row.name}[/bold]  {summary.row.state.value}", highlight=False)
    out.print(summary.row.headline, markup=False)
    out.print(f"task {summary.task or 'not known yet'}, {summary.predictions} predictions, {summary.labels} labels")
    print_rows([dataclasses.asdict(version) for version in summary.versions], "no version has served yet", False)
    out.print(_baseline(summary), markup=False)
    if summary.first_window_closes is not None:
        out.print(queries.first_window(summary.first_window_closes, now), markup=False)
    features = [{"feature": feature, "kind": kind} for feature, kind in summary.features]
    print_rows(features, "no feature has been seen yet", False)


def _baseline(summary: queries.ModelSummary) -> str:
    if summary.baseline:
        return f"baseline {summary.baseline.name} ({summary.baseline.rows} rows)"
    return f"no baseline yet: {queries.baseline_progress(summary.predictions, summary.baseline_rows)}"
