"""`kedge db`: the control database."""

from __future__ import annotations

import typer

from monitor.app.control import using_database
from monitor.cli.output import FINDING, JsonFlag, out, print_json
from monitor.cli.settings import read_settings

app = typer.Typer(no_args_is_help=True, help="The control database: bring it up to date, see where it is.")


@app.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to date. Every Kedge process does this at its start, so this is for doing it beforehand."""
    with using_database(read_settings()) as database:
        before, _ = database.revision()
        database.upgrade()
        after, _ = database.revision()
    out.print(f"at {after} already" if before == after else f"upgraded from {before or 'nothing'} to {after}")


@app.command("current")
def current(as_json: JsonFlag = False) -> None:
    """The revision the tables are at, and the newest one. Status 1 when they differ."""
    with using_database(read_settings()) as database:
        at, newest = database.revision()
    if as_json:
        print_json({"current": at, "newest": newest})
    else:
        out.print(f"at {at or 'nothing'}, the newest is {newest}")
    if at != newest:
        raise typer.Exit(FINDING)
