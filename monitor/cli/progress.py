"""A progress bar that is there only for people, and only when they would wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from monitor.cli.output import err

_PATIENCE_S = 2.0


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Yields what to call after each of `total` steps, with its name; on a terminal a bar appears after two seconds."""
    start, done = time.monotonic(), 0
    bar = Progress(console=err, transient=True)
    task = bar.add_task(title, total=total)

    def tick(name: str) -> None:
        nonlocal done
        done += 1
        if err.is_terminal and time.monotonic() - start > _PATIENCE_S:
            if not bar.live.is_started:
                bar.start()
            bar.update(task, completed=done, description=f"{title}: {name}")

    try:
        yield tick
    finally:
        if bar.live.is_started:
            bar.stop()
