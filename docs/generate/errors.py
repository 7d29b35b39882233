"""docs/reference/errors.md, from the classes that descend from KedgeError, found in the sources."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.generate.markdown import code, join, table
from monitor import errors
from monitor.api import application
from monitor.cli.output import UNAVAILABLE, USAGE

ROOT = Path(__file__).parents[2]
PACKAGES = ("monitor", "collectors", "alerts", "dashboards")


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """One class of the tree, as the source has it."""

    name: str
    bases: tuple[str, ...]
    module: str
    meaning: str


def page() -> str:
    known = error_classes()
    rows = [
        [code(e.name), code(e.module), _http(e.name, known), str(_exit(e.name, known)), " ".join(e.meaning.split())]
        for e in known.values()
    ]
    return join(
        "# Errors",
        "Everything Kedge raises on purpose descends from `KedgeError`. A message names the thing, the value it had "
        "and what is accepted. The command line turns each into one line and an exit status, the API into "
        '`{"error": "…"}` and an HTTP status; anything else is a bug.',
        "```\n" + "\n".join(_tree("KedgeError", known, "")) + "\n```",
        table(["error", "module", "HTTP", "exit status", "meaning"], rows),
        "`collectors.client` raises `ValueError` when it is built with an argument it can't use, and nothing "
        "afterwards. What the collector answers to a request is in [Records and answers](../records.md#the-answers).",
    )


def error_classes() -> dict[str, ErrorClass]:
    """KedgeError and all that descend from it, by name, parents first."""
    waiting = {found.name: found for package in PACKAGES for found in _classes(ROOT / package)}
    known = {"KedgeError": waiting.pop("KedgeError")}
    while more := {name: found for name, found in waiting.items() if set(found.bases) & known.keys()}:
        known |= more
        waiting = {name: found for name, found in waiting.items() if name not in more}
    return known


def _classes(folder: Path) -> Iterator[ErrorClass]:
    for file in sorted(folder.rglob("*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
                yield ErrorClass(node.name, bases, module, inspect.cleandoc(ast.get_docstring(node) or ""))


def _tree(name: str, known: dict[str, ErrorClass], indent: str) -> Iterator[str]:
    yield f"{indent}{name}"
    for child in known.values():
        if name in child.bases:
            yield from _tree(child.name, known, indent + "    ")


def _ancestors(name: str, known: dict[str, ErrorClass]) -> set[str]:
    found = {name}
    for base in known[name].bases:
        found |= _ancestors(base, known) if base in known else set()
    return found


def _http(name: str, known: dict[str, ErrorClass]) -> str:
    if name == "AccessDenied":
        return "401 or 403"
    codes = {kind.__name__: status for kind, status in application._STATUS.items()}
    return str(next((codes[each] for each in _ancestors(name, known) if each in codes), 500))


def _exit(name: str, known: dict[str, ErrorClass]) -> int:
    return UNAVAILABLE if errors.Unavailable.__name__ in _ancestors(name, known) else USAGE
