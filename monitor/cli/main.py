"""The `kedge` command: its subcommands, and how errors end it.

Exit status: 0 fine, 1 something was found, 2 wrong usage or settings, 3 something can't be reached, 4 a fault of
Kedge's own, which a gate must not take for a finding.
"""

from __future__ import annotations

import os
import traceback
from typing import Annotated

import typer

from monitor import __version__
from monitor.cli import (
    baseline,
    config,
    db,
    demo,
    drift,
    incident,
    ingest,
    key,
    model,
    processes,
    proxy,
    pull,
    quarantine,
    report,
)
from monitor.cli import monitor as monitor_command
from monitor.cli.help_text import flow_help
from monitor.cli.output import FAULT, UNAVAILABLE, USAGE, fail
from monitor.errors import KedgeError, Unavailable

app = typer.Typer(
    name="kedge",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Watch deployed models: point an endpoint's prediction log at Kedge, and it tells when the model has drifted "
    "or broken, and rolls back or retrains it.\n\nBegin with `kedge demo`, or `kedge up` for your own endpoint.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kedge {__version__}")
        raise typer.Exit


@app.callback()
def options(
    config_path: Annotated[
        str, typer.Option("--config", metavar="FILE", help="Settings file; kedge.toml in this folder otherwise.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    if config_path:
        os.environ["KEDGE_CONFIG"] = config_path


demo.register(app)
processes.register(app)
ingest.register(app)
proxy.register(app)
pull.register(app)
report.register(app)
app.add_typer(model.app, name="model")
app.add_typer(baseline.app, name="baseline")
app.add_typer(monitor_command.app, name="monitor")
app.add_typer(drift.app, name="drift")
app.add_typer(incident.app, name="incident")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(key.app, name="key")
app.add_typer(db.app, name="db")
app.add_typer(config.app, name="config")
flow_help(app)


def main() -> None:
    """Run the command; a known error is one line on standard error, an unknown one has its traceback there."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        app()
    except Unavailable as error:
        _end(str(error), UNAVAILABLE)
    except KedgeError as error:
        _end(str(error), USAGE)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception:  # Python itself would end with 1
        traceback.print_exc()
        raise SystemExit(FAULT) from None


def _end(message: str, code: int) -> None:
    try:
        fail(message, code)
    except typer.Exit as done:
        raise SystemExit(done.exit_code) from None


if __name__ == "__main__":
    main()
