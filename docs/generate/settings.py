"""docs/reference/settings.md, from the fields of monitor.config."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.markdown import code, doc_of, join, table
from monitor.config import DEFAULT_FILE, Settings

_TYPES = {
    bool: "true or false",
    int: "integer",
    float: "number",
    str: "text",
    Path: "folder",
    list[str]: "list of texts",
}
_LIMITS = {"ge": "from {}", "gt": "above {}", "le": "up to {}", "lt": "below {}"}
_INTRO = f"""# Settings

Settings come from the command line's options, then the environment, then a file, then the defaults. The file is
`{DEFAULT_FILE}` in the working directory; `KEDGE_CONFIG` or `kedge --config FILE` names another. A setting of a table
is written `collector.flush_seconds` here: `flush_seconds` under `[collector]` in the file, and
`KEDGE_COLLECTOR__FLUSH_SECONDS` in the environment.

Secrets are written `env:NAME` or `file:PATH`: the text is looked up when it is used, so it is in no file, output or
log. An unknown setting, and a value that can't be used, end the start with status 2 and a line that names it.
`kedge config show` prints what is in force and where it came from."""
_OTHERS = """## Other variables of the environment

| variable | meaning |
| --- | --- |
| `KEDGE_CONFIG` | The settings file. It must exist. |
| `KEDGE_API_KEY` | The key that `collectors.client` sends when it is given none. |
| `DO_NOT_TRACK` | Every Kedge process sets it to 1 for the libraries it uses. Kedge itself sends nothing anywhere. |"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the page; `path` has the tables it is in."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        return "KEDGE_" + "__".join(self.path).upper()

    @property
    def default(self) -> Any:
        return self.field.default


def page() -> str:
    parts = [_INTRO, "## Top level", _table(list(_plain(Settings, ())))]
    for name, field in Settings.model_fields.items():
        if (nested := _nested(field)) is not None:
            path = (name,) if get_origin(field.annotation) is not dict else (name, "NAME")
            title = name if len(path) == 1 else f"{name}.NAME"
            parts += [f"## {title}", field.description or "", doc_of(nested), _table(list(_plain(nested, path)))]
    return join(*parts, _OTHERS)


def settings() -> Iterator[Setting]:
    """Every setting, those of tables included."""
    yield from _plain(Settings, ())
    for name, field in Settings.model_fields.items():
        if (nested := _nested(field)) is not None:
            yield from _plain(nested, (name,) if get_origin(field.annotation) is not dict else (name, "NAME"))


def _plain(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        if _nested(field) is None:
            yield Setting((*path, name), field)


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    """The model behind a table, or behind each of a table of tables."""
    annotation = get_args(field.annotation)[1] if get_origin(field.annotation) is dict else field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _table(rows: list[Setting]) -> str:
    return table(
        ["setting", "type", "default", "environment", "meaning"],
        [[code(s.name), _type(s.field), _default(s.field), code(s.variable), s.field.description or ""] for s in rows],
    )


def _type(field: FieldInfo) -> str:
    limits = [
        text.format(f"{getattr(rule, word):g}" if getattr(rule, word) < 1e6 else getattr(rule, word))
        for rule in field.metadata
        for word, text in _LIMITS.items()
        if hasattr(rule, word)
    ]
    known = _TYPES[field.annotation]  # type: ignore[index]  # a type that is not known must be given words above
    return ", ".join([known, *limits])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = str(field.default) if isinstance(field.default, Path) else field.default
    return code(json.dumps(value))
