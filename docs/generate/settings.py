"""docs/reference/settings.md, from the fields of monitor.config."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.markdown import code, doc_of, join, table
from monitor.config import DEFAULT_FILE, Settings

_TYPES = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "folder"}
_LIMITS = {"ge": "from {}", "gt": "above {}", "le": "up to {}", "lt": "below {}"}
_INTRO = f"""# Settings

Settings come from the command line's options, then the environment, then a file, then the defaults. The file is
`{DEFAULT_FILE}` in the working directory; `KEDGE_CONFIG` or `kedge --config FILE` names another. A setting of a table
is written `collector.flush_seconds` here: `flush_seconds` under `[collector]` in the file, and
`KEDGE_COLLECTOR__FLUSH_SECONDS` in the environment. NAME stands for a name of yours, as in the table
`[collector.sources.NAME]` of the file. In the environment lists and tables are JSON, and names are in lower case.

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
    for path, field, model in _tables(Settings, ()):
        parts += [f"{'#' * min(len(path) + 1, 3)} {'.'.join(path)}", field.description or "", doc_of(model)]
        parts.append(_table(list(_plain(model, path))))
    return join(*parts, _OTHERS)


def settings() -> Iterator[Setting]:
    """Every setting, those of tables included."""
    yield from _plain(Settings, ())
    for path, _, model in _tables(Settings, ()):
        yield from _plain(model, path)


def _tables(
    model: type[BaseModel], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], FieldInfo, type[BaseModel]]]:
    """Every table below, with its path (NAME where there is one table per name), tables of tables included."""
    for name, field in model.model_fields.items():
        if (nested := _nested(field)) is not None:
            below = (*path, name) if get_origin(field.annotation) is not dict else (*path, name, "NAME")
            yield below, field, nested
            yield from _tables(nested, below)


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


def options_table(options: type[BaseModel]) -> str:
    """The settings that are a plug-in's own, which have no variable in the environment."""
    return table(
        ["setting", "type", "default", "meaning"],
        [
            [code(name), _type(field), _default(field), field.description or ""]
            for name, field in options.model_fields.items()
        ],
    )


def _type(field: FieldInfo) -> str:
    limits = [
        text.format(f"{getattr(rule, word):g}" if getattr(rule, word) < 1e6 else getattr(rule, word))
        for rule in field.metadata
        for word, text in _LIMITS.items()
        if hasattr(rule, word)
    ]
    return ", ".join([type_in_words(field.annotation), *limits])


def type_in_words(kind: Any) -> str:
    """A setting's type as people say it. A type that is not known fails: it must be given words here.

    >>> type_in_words(tuple[Literal["a", "b"], ...]), type_in_words(dict[str, float | None])
    ('list of a, b', 'table of numbers')
    >>> type_in_words(dict[str, dict[str, float]]), type_in_words(dict[str, list[str]])
    ('table of tables of numbers', 'table of lists of texts')
    """
    inner = get_args(kind)
    match get_origin(kind):
        case None if issubclass(kind, Enum):
            return ", ".join(str(member.value) for member in kind)
        case None:
            return _TYPES[kind]
        case origin if origin is Literal:
            return ", ".join(map(str, inner))
        case origin if origin in (Union, UnionType):
            return " or ".join(type_in_words(each) for each in inner if each is not NoneType)
        case origin if origin is dict:
            return f"table of {_several(inner[1])}"
        case _:
            return f"list of {_several(inner[0])}"


def _several(kind: Any) -> str:
    said = type_in_words(kind)
    if get_origin(kind) is Literal:
        return said
    if get_origin(kind) in (dict, list, tuple):  # a table of tables, a list of lists
        return said.replace(" ", "s ", 1)
    return " or ".join(f"{each}s" for each in said.split(" or "))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = str(field.default) if isinstance(field.default, Path) else field.default
    return "" if value is None else code(json.dumps(value))
