"""`kedge demo`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo() -> None:
    """A real model drifts, alerts and is rolled back, before your eyes."""
