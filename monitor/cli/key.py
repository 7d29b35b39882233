"""`kedge key`: API keys."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from monitor.app.control import clock, open_database
from monitor.cli.output import LARGEST_ID, JsonFlag, out, print_json, print_rows
from monitor.cli.settings import read_settings
from monitor.db import audit, keys
from monitor.db.keys import Role

app = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke. A key is shown once, when it is made.")


@app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What it may do: send records, read, or everything.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Make a key and print it."""
    now = clock()
    with open_database(read_settings()).session() as session:
        key = keys.create_key(session, name or f"{role} key", role, now)
        audit.record_action(session, now, getpass.getuser(), "key.created", name or f"{role} key", role=role.value)
    if as_json:
        print_json({"key": key, "role": role.value})
    else:
        typer.echo(key)


@app.command("list")
def list_keys(as_json: JsonFlag = False) -> None:
    """Every key's name, role and beginning."""
    with open_database(read_settings()).reading() as session:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "role": key.role,
                "begins_with": key.prefix,
                "created": key.created_at,
                "revoked": key.revoked_at,
            }
            for key in keys.list_keys(session)
        ]
    print_rows(rows, "no key yet; `kedge up` makes the first two", as_json)


@app.command("revoke")
def revoke(
    key_id: Annotated[int, typer.Argument(min=1, max=LARGEST_ID, help="Its number, as `kedge key list` shows it.")],
) -> None:
    """End a key; collectors notice within seconds."""
    now = clock()
    with open_database(read_settings()).session() as session:
        keys.revoke_key(session, key_id, now)
        audit.record_action(session, now, getpass.getuser(), "key.revoked", f"key {key_id}")
    out.print(f"key {key_id} is revoked")
