"""`kedge pull` and `kedge sources`: logs that Kedge reads by itself."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Annotated

import typer

from monitor.app.control import clock
from monitor.app.pull import Pull, holding_sources, run_pull, source_states
from monitor.cli.output import UNAVAILABLE, JsonFlag, fail, out, print_json, print_rows
from monitor.cli.settings import read_settings

sources_app = typer.Typer(no_args_is_help=True, help="Logs that Kedge reads by itself: see how far each is read.")
DataDir = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder for everything Kedge keeps; .kedge otherwise.")
]


def register(app: typer.Typer) -> None:
    app.command("pull")(pull)
    app.add_typer(sources_app, name="sources")


def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Sources to read; all if none.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Read what is there now, and end.")] = False,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve counters as Prometheus text on this port of this machine.")
    ] = None,
    data: DataDir = None,
    as_json: JsonFlag = False,
) -> None:
    """Read the sources in the settings: files, Kafka, object stores, Delta and SQL tables, Prometheus.

    Goes on until Ctrl-C, each source from where it was. With --once, status 3 when a source could not be read.

        kedge pull --once
    """
    settings = read_settings(data_dir=data)
    if not once:
        run_pull(settings, names or (), metrics_port)
        return
    logging.getLogger("collectors").addHandler(logging.NullHandler())  # what fails is said below
    with holding_sources(settings):
        reading = Pull(settings, names or ())
        before = {state.name: state for state in source_states(settings, clock())}
        try:
            failures = reading.read_once()
            reading.flush()
        finally:
            reading.close()
    rows = [
        {
            "source": state.name,
            "accepted": state.records - before[state.name].records,
            "refused": state.refused - before[state.name].refused,
            "failure": failures.get(state.name, ""),
        }
        for state in source_states(settings, clock())
        if not names or state.name in names
    ]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            out.print(f"{row['source']}: {row['accepted']} records accepted, {row['refused']} refused", markup=False)
    if failures:
        fail("; ".join(f"source {name!r}: {reason}" for name, reason in failures.items()), UNAVAILABLE)


@sources_app.command("list")
def list_sources(data: DataDir = None, as_json: JsonFlag = False) -> None:
    """The configured sources, and how far each is read; --json has their positions too."""
    settings = read_settings(data_dir=data)
    rows = [dataclasses.asdict(state) for state in source_states(settings, clock())]
    if not as_json:
        for row in rows:
            del row["position"]
    print_rows(rows, "no source is configured", as_json)
