"""A progress bar that is there only for people, and only when they would wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from monitor.cli.output import err

_PATIENCE_S = 2.0


class Show(Protocol):
    """Called with how many steps are done, of how many, and what the last one was."""

    def __call__(self, done: int, total: int, name: str = "") -> None: ...


@contextmanager
def steps(title: str) -> Iterator[Show]:
    """Yields what to call after each step; on a terminal a bar appears after two seconds."""
    start = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=err, transient=True)
    task = bar.add_task(title, total=None)

    def show(done: int, total: int, name: str = "") -> None:
        if err.is_terminal and time.monotonic() - start > _PATIENCE_S:
            if not bar.live.is_started:
                bar.start()
            bar.update(task, completed=done, total=total, description=f"{title}: {name}" if name else title)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Yields what to call after each of `total` steps, with its name."""
    done = 0
    with steps(title) as show:

        def tick(name: str) -> None:
            nonlocal done
            done += 1
            show(done, total, name)

        yield tick
