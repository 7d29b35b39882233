"""`kedge report`: a page to hand to somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status

from monitor.app.stores import open_stores
from monitor.cli.output import err, out, write_file
from monitor.cli.settings import read_settings
from monitor.db import baseline_store, catalog
from monitor.jobs import Stores
from monitor.reports import Spans, choose_spans, drift_report

_MOST_ROWS = 100_000
_TICK = timedelta(microseconds=1)


def register(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    model: Annotated[str, typer.Option("--model", help="The model's name.")],
    to: Annotated[Path, typer.Option("--out", metavar="FILE", help="The HTML file to write.")] = Path("drift.html"),
    window: Annotated[
        datetime | None, typer.Option(help="A time (UTC) in the window to report on; the latest window otherwise.")
    ] = None,
) -> None:
    """Write Evidently's drift report of one window against the baseline's rows, as one HTML page.

    A baseline that came from a file has no rows in the log: then the model's first window is the reference. The
    verdicts on the page are Evidently's; Kedge's own are on the dashboard.

        kedge report --model churn --out churn.html
    """
    stores = open_stores(read_settings())
    with Status("reading the log and writing the report", console=err):
        spans = _spans(stores, model, window.replace(tzinfo=UTC) if window else None)
        with stores.db.reading() as session:
            features = catalog.read_features(session, catalog.find_model(session, model).id)
        sides = [
            stores.engine.rows(stores.predictions(model, start, end), start, end, features, _MOST_ROWS)
            for start, end in (spans.reference, spans.current)
        ]
        write_file(to, drift_report(sides[0], sides[1], features).encode())
    start, end = spans.current
    out.print(
        f"{to}: {sides[1].num_rows} rows of {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC "
        f"against {sides[0].num_rows} of {spans.origin}",
        markup=False,
        highlight=False,
    )


def _spans(stores: Stores, model: str, wanted: datetime | None) -> Spans:
    with stores.db.reading() as session:
        found = catalog.find_model(session, model)
        baseline = baseline_store.active_baseline(session, found.id)
    own = None
    if baseline and baseline.start and baseline.end and not baseline.origin.startswith("file "):
        own = (baseline.start, baseline.end + _TICK)
    windows = stores.engine.windows(stores.predictions(model), stores.window_size)
    return choose_spans(windows, stores.window_size, wanted, own)
