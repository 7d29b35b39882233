"""Help as a terminal writes it: lines that docstrings break where code ends are joined again."""

from __future__ import annotations

import inspect

import typer


def flow_help(app: typer.Typer) -> None:
    """Give every command of `app`, and of the groups in it, its docstring with one line per paragraph."""
    for command in app.registered_commands:
        command.help = flowing(command.help or getattr(command.callback, "__doc__", None) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            flow_help(group.typer_instance)


def flowing(text: str) -> str:
    r"""The text with each paragraph on one line; examples, which are indented or begin with `kedge`, stay as they are.

    >>> flowing("Read it.\n\n    One line\n    of two.\n\n        kedge pull --once")
    'Read it.\n\nOne line of two.\n\n    kedge pull --once'
    """
    return "\n\n".join(_flowing(paragraph) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _flowing(paragraph: str) -> str:
    if paragraph.startswith(" "):
        return paragraph
    # The margin of a text whose only other lines are an example is the example's own.
    return f"    {paragraph}" if paragraph.startswith("kedge ") else " ".join(paragraph.split("\n"))
