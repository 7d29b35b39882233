"""`kedge db`: the control database."""

from __future__ import annotations

import typer

from monitor.cli.output import FINDING, JsonFlag, out, print_json
from monitor.config import load_settings
from monitor.db.database import Database

app = typer.Typer(no_args_is_help=True, help="The control database: bring it up to date, see where it is.")


@app.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to date. Every Kedge process does this at its start, so this is for doing it beforehand."""
    database = Database(load_settings().control_url)
    before, _ = database.revision()
    database.upgrade()
    after, _ = database.revision()
    out.print(f"at {after} already" if before == after else f"upgraded from {before or 'nothing'} to {after}")


@app.command("current")
def current(as_json: JsonFlag = False) -> None:
    """The revision the tables are at, and the newest one. Status 1 when they differ."""
    at, newest = Database(load_settings().control_url).revision()
    if as_json:
        print_json({"current": at, "newest": newest})
    else:
        out.print(f"at {at or 'nothing'}, the newest is {newest}")
    if at != newest:
        raise typer.Exit(FINDING)
