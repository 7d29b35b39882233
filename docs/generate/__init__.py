"""The reference pages, generated from the code so that they can't be wrong about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate import api, cli, errors, metrics, plugins, settings

FOLDER = Path(__file__).parents[1] / "reference"
COMMAND = "python -m docs.generate"
PAGES: Mapping[str, Callable[[], str]] = {
    "api.md": api.page,
    "cli.md": cli.page,
    "errors.md": errors.page,
    "metrics.md": metrics.page,
    "plugins.md": plugins.page,
    "settings.md": settings.page,
}
_NOTE = f"<!-- Generated from the code by `{COMMAND}`; edit the code, not this page. -->\n\n"


def render(name: str) -> str:
    """The page as it should be."""
    return _NOTE + PAGES[name]().rstrip() + "\n"


def is_stale(name: str) -> bool:
    """Whether the page in the folder differs from the code."""
    file = FOLDER / name
    return not file.is_file() or file.read_text(encoding="utf-8") != render(name)


def write() -> list[str]:
    """Write the pages that are stale; returns their names."""
    stale = [name for name in PAGES if is_stale(name)]
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(render(name), encoding="utf-8")
    return stale
