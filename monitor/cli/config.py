"""`kedge config`: the settings in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from pydantic import BaseModel

from monitor.cli.output import JsonFlag, print_rows
from monitor.cli.settings import read_settings
from monitor.config import Settings

app = typer.Typer(no_args_is_help=True, help="Settings: see the ones in force and what each means.")

# Words that make a setting a secret wherever they stand in its name; env: and file: references are no secrets.
_SECRET_WORDS = ("secret", "password", "token", "key")


@app.command("show")
def show(as_json: JsonFlag = False) -> None:
    """Every setting with its value, where that came from, and what it means. Secrets are masked."""
    settings = read_settings()
    defaults = {name: value for name, value, _ in _flatten(Settings.model_construct(), "")}
    rows = [
        {
            "setting": name,
            "value": mask(name, value),
            "origin": "default" if defaults.get(name) == value else "set",
            "meaning": meaning,
        }
        for name, value, meaning in _flatten(settings, "")
    ]
    print_rows(rows, "no settings", as_json)


def mask(name: str, value: Any) -> str:
    """The value as it may be shown: secrets, and addresses that carry one, are hidden.

    >>> mask("channels.oncall.secret", "whsec_abc"), mask("channels.oncall.secret", "env:HOOK"), mask("port", 8600)
    ('****', 'env:HOOK', '8600')
    """
    text = str(value)
    if text.startswith(("env:", "file:")) or not text:
        return text
    last = name.rsplit(".", 1)[-1]
    if any(word in last for word in _SECRET_WORDS):
        return "****"
    if last.endswith("url") and "://" in text:
        scheme, _, rest = text.partition("://")
        if name.startswith(("channels.", "responses.")):
            return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/****"
        if "@" in rest:
            return f"{scheme}://****@{rest.rpartition('@')[2]}"
    return text


def _flatten(model: BaseModel, prefix: str) -> Iterator[tuple[str, Any, str]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        yield from _flatten_value(f"{prefix}{name}", value, field.description or "")
    for name, value in (model.model_extra or {}).items():
        yield from _flatten_value(f"{prefix}{name}", value, "a setting of the plug-in")


def _flatten_value(name: str, value: Any, meaning: str) -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, BaseModel):
        yield from _flatten(value, f"{name}.")
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flatten_value(f"{name}.{key}", item, meaning)
    else:
        yield name, "" if value == {} else value, meaning
