"""`kedge ingest FILE`: a log that is already there."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from collectors.collector import Request
from collectors.inbox import Inbox
from monitor.app.files import Outcome, choose_format, flush_inbox, ingest_file, read_file
from monitor.app.stores import clock, open_stores
from monitor.cli.output import FINDING, UNAVAILABLE, JsonFlag, err, fail, out, print_json
from monitor.cli.settings import read_settings
from monitor.lake import Kind
from monitor.records import check_model_name

_NOT_WRITTEN = (
    "the accepted records are safe in the inbox, but could not be written to the lake; "
    "the next `kedge ingest` or `kedge up` does it"
)


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)


def ingest(
    file: Annotated[str, typer.Argument(help="The log; - is standard input.")],
    model: Annotated[str | None, typer.Option(help="Model of the records that name none.")] = None,
    version: Annotated[str | None, typer.Option(help="Version of the records that name none.")] = None,
    format_name: Annotated[str, typer.Option("--format", help="auto, or one of the log formats.")] = "auto",
    labels: Annotated[bool, typer.Option("--labels", help="The records are labels, not predictions.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take in a log file: JSON, NDJSON, CSV or Parquet. Refused records go to quarantine, with the reason.

    Status 1 when some were refused; 3 when they could not be written to the lake now: they are safe in the inbox.

        kedge ingest predictions.ndjson --model churn
    """
    logging.getLogger("collectors").addHandler(logging.NullHandler())  # what fails is said in one line, below
    if model is not None:
        check_model_name(model)
    stores = open_stores(read_settings())
    body = sys.stdin.buffer.read() if file == "-" else read_file(Path(file))
    log_format = choose_format(body, format_name, file)
    kind = Kind.LABELS if labels else Kind.PREDICTIONS
    source = "file:-" if file == "-" else f"file:{Path(file).name}"
    request = Request(kind, clock(), source, model, version)
    inbox = Inbox(stores.settings.inbox_path, stores.settings.collector.inbox_max_bytes)
    accepted = refused = 0
    reason = ""
    try:
        with Progress(console=err, transient=True, disable=as_json or not err.is_terminal) as progress:
            bar = progress.add_task(f"reading {log_format.name}", total=None)
            for taken in ingest_file(stores, inbox, request, body, log_format):
                accepted, refused = accepted + taken.accepted, refused + taken.refused
                reason = reason or (taken.delivery.refusals[0].reason if taken.delivery.refusals else "")
                progress.update(bar, description=f"{accepted} records taken")
        flushed = flush_inbox(stores, inbox)
    finally:
        inbox.close()
    if as_json:
        told = {"format": log_format.name, "accepted": accepted, "refused": refused, "reason": reason}
        print_json(told | {"lake": flushed.outcome, "failures": flushed.failures})
    else:
        out.print(f"{accepted} records accepted, {refused} refused ({log_format.name})", markup=False)
        if refused:
            err.print(f"the first refusal: {reason}", markup=False)
        if flushed.outcome is Outcome.HELD:
            out.print("the running collector writes them to the lake")
    if flushed.outcome is Outcome.FAILED:
        fail(f"{_NOT_WRITTEN}: {' '.join('; '.join(flushed.failures).split())}", UNAVAILABLE)
    if refused:
        raise typer.Exit(FINDING)
