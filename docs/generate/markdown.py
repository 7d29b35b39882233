"""The little Markdown that generated pages need."""

from __future__ import annotations

import inspect
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, or nothing when there are no rows."""
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """The text as code; nothing for nothing.

    >>> code("drift"), code("")
    ('`drift`', '')
    """
    return f"`{text}`" if str(text) else ""


def doc_of(thing: object) -> str:
    """The docstring, its paragraphs as they are."""
    return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def join(*parts: str) -> str:
    """The parts that are not empty, a blank line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
