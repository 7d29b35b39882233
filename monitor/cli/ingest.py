"""`kedge ingest FILE`: a log that is already there."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from collectors.inbox import Inbox
from monitor.app.control import clock
from monitor.app.files import Flushed, Outcome, flush_inbox
from monitor.app.ingesting import Ingest, Step, Tally, Wish
from monitor.app.mapping_file import load_mapping
from monitor.app.stores import open_stores
from monitor.app.understanding import Understood
from monitor.cli.output import FINDING, UNAVAILABLE, JsonFlag, err, fail, out, print_json
from monitor.cli.settings import read_settings
from monitor.lake import Kind
from monitor.records import check_model_name

_NOT_WRITTEN = (
    "the accepted records are safe in the inbox, but could not be written to the lake; "
    "the next `kedge ingest` or `kedge up` does it"
)
_FLUSHED_TOGETHER = 500_000
"""Records after which a long log is written to the lake, so that the inbox stays small."""

_PIPE_WIDTH = 10_000
_PATIENCE = 2.0
"""Seconds before a progress bar is worth its place."""


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)


def ingest(
    file: Annotated[str, typer.Argument(help="The log, or a folder of logs; - is standard input.")],
    model: Annotated[str | None, typer.Option(help="Model of the records that name none.")] = None,
    version: Annotated[str | None, typer.Option(help="Version of the records that name none.")] = None,
    format_name: Annotated[str, typer.Option("--format", help="auto, or one of the log formats.")] = "auto",
    labels: Annotated[bool, typer.Option("--labels", help="The records are labels, not predictions.")] = False,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML or JSON that says where fields and features are.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show how the first record is understood, and store nothing.")
    ] = False,
    ask: Annotated[
        bool,
        typer.Option(
            "--ask/--yes", show_default=False, help="Ask after the first record, where somebody is there to answer."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take in a log file, or every log below a folder, in any format that Kedge knows.

    Refused records go to quarantine, with the reason. Status 1 when some were refused or a folder's file was in no
    known format; 3 when they could not be written to the lake now: they are safe in the inbox.

        kedge ingest predictions.ndjson --model churn
    """
    logging.getLogger("collectors").addHandler(logging.NullHandler())  # what fails is said in one line, below
    if model is not None:
        check_model_name(model)
    settings = read_settings()
    wish = Wish(
        path=None if file == "-" else Path(file),
        kind=Kind.LABELS if labels else Kind.PREDICTIONS,
        mapping=load_mapping(mapping) if mapping else settings.collector.mapping_of(model),
        model=model,
        version=version,
        format_name=format_name,
    )
    explain = preview or ask or (err.is_terminal and not as_json)
    reading = Ingest(wish, settings.collector, clock(), explain)
    if preview:
        _preview(reading, as_json)
        return
    stores = open_stores(settings)
    inbox = Inbox(settings.inbox_path, settings.collector.inbox_max_bytes)
    flushed_at = 0
    try:
        with _progress(as_json) as show:
            for step in reading.run(inbox):
                if step.understood is not None:
                    print_understood(step, step.understood, err)
                    if ask and sys.stdin.isatty() and not typer.confirm("Take it in?", err=True):
                        raise typer.Abort
                show(step, reading.tally)
                if reading.tally.accepted - flushed_at >= _FLUSHED_TOGETHER:
                    flushed_at = reading.tally.accepted
                    flush_inbox(stores, inbox)  # what fails here is tried again, and told of, at the end
        flushed = flush_inbox(stores, inbox)
    finally:
        inbox.close()
    _tell(reading.tally, flushed, as_json)


def print_understood(step: Step, understood: Understood, console: Console) -> None:
    """The first record as a small table: field, value, where it is in the log."""
    heading = f"{step.log.path}: {step.log_format.title}. The first record: {understood.what}"
    console.print(Text(heading, style="bold"))
    if understood.reason:
        console.print(Text(understood.reason))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("field", "value", "from"):
        table.add_column(title, overflow="fold")
    for name, value, origin in understood.rows:
        table.add_row(Text(name), Text(_shown(value)), Text(origin, style="dim"))
    # What is piped into grep must not be broken into lines of 80.
    (console if console.is_terminal else Console(stderr=console.stderr, width=_PIPE_WIDTH)).print(table)


def _preview(reading: Ingest, as_json: bool) -> None:
    for step in reading.preview():
        if step.understood is None:
            continue
        if as_json:
            record = {name: value for name, value, _ in step.understood.rows}
            told = {"file": step.log.path, "format": step.log_format.name, "is": step.understood.what}
            print_json(told | {"record": record, "reason": step.understood.reason})
        else:
            print_understood(step, step.understood, out)
    for path in reading.tally.unrecognised:
        err.print(f"no log format recognises {path!r}", markup=False)


def _tell(tally: Tally, flushed: Flushed, as_json: bool) -> None:
    """The outcome, and the exit status."""
    formats = ", ".join(tally.formats)
    if as_json:
        counts = {
            "accepted": tally.accepted,
            "refused": tally.refused,
            "skipped": tally.skipped,
            "halves": tally.halves,
        }
        files = {"files": tally.files, "unrecognised": tally.unrecognised}
        told = {"format": formats, **counts, "reason": tally.reason, **files}
        print_json(told | {"lake": flushed.outcome, "failures": flushed.failures})
    else:
        extra = f", {tally.skipped} lines skipped" if tally.skipped else ""
        extra += f", {tally.halves} halves of calls" if tally.halves else ""
        files_read = f"; {tally.files} files" if tally.files > 1 else ""
        out.print(
            f"{tally.accepted} records accepted, {tally.refused} refused{extra} ({formats}{files_read})", markup=False
        )
        if tally.refused:
            err.print(f"the first refusal: {tally.reason}", markup=False)
        for path in tally.unrecognised:
            err.print(f"no log format recognises {path!r}; it was left out", markup=False)
        if flushed.outcome is Outcome.HELD:
            out.print("the running collector writes them to the lake")
    if flushed.outcome is Outcome.FAILED:
        fail(f"{_NOT_WRITTEN}: {' '.join('; '.join(flushed.failures).split())}", UNAVAILABLE)
    if tally.refused or tally.unrecognised:
        raise typer.Exit(FINDING)


@contextmanager
def _progress(as_json: bool) -> Iterator[Any]:
    """A function to call after each step; it draws a bar of bytes once that has taken a while."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=err, transient=True)
    bar = progress.add_task("", total=None)
    started, drawn = time.monotonic(), False

    def show(step: Step, tally: Tally) -> None:
        nonlocal drawn
        if not drawn and err.is_terminal and not as_json and time.monotonic() - started > _PATIENCE:
            progress.start()
            drawn = True
        said = f"{Path(step.log.path).name}: {tally.accepted} records taken"
        progress.update(bar, description=said, total=step.log.size, completed=step.log.read_bytes)

    try:
        yield show
    finally:
        if drawn:
            progress.stop()


def _shown(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str("–" if value is None else value)
    return text if len(text) <= 80 else f"{text[:80]}…"
