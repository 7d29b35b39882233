"""`kedge monitor backtest`: what a monitor would have said."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from monitor.app.stores import open_stores
from monitor.cli.monitor_options import (
    Breaches,
    Compared,
    Looks,
    MinRows,
    ModelName,
    Preset,
    Recoveries,
    SeverityName,
    Span,
    Threshold,
    build_rule,
    given,
    read_threshold,
)
from monitor.cli.output import FINDING, JsonFlag, err, out, print_json, print_rows
from monitor.cli.settings import read_settings
from monitor.errors import InvalidValue
from monitor.jobs import monitor_changes
from monitor.jobs.backtest_job import Backtest, run_backtest
from monitor.windows import format_size, parse_span

_SHOWN_AFTER = 2.0
"""Seconds before a progress bar is worth its place."""


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    model: ModelName,
    name: Annotated[str, typer.Option("--monitor", help="Replay this one, with what else is said changed.")] = "",
    metric: Annotated[str, typer.Option(help="Or try one that is not there: what it looks at.")] = "",
    threshold: Threshold = "",
    baseline: Compared = "",
    preset: Preset = "",
    window: Span = "",
    segment: Annotated[str, typer.Option("--segment", help="all, region=eu, region=*, *.")] = "",
    breaches: Breaches = None,
    looks: Looks = None,
    recoveries: Recoveries = None,
    min_rows: MinRows = None,
    severity: SeverityName = None,
    start: Annotated[datetime | None, typer.Option("--from", help="First window's start (UTC); all otherwise.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Windows that start before this (UTC).")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which alarms a monitor would have raised over the model's history. Nothing is written.

    Status 1 when there would have been one.

        kedge monitor backtest churn --monitor auc --threshold '{"kind": "constant", "low": 0.7}'

        kedge monitor backtest churn --metric drift --preset evidently_default --from 2026-01-01
    """
    stores = open_stores(read_settings())
    numbers = given(breaches=breaches, looks=looks, recoveries=recoveries, min_rows=min_rows, severity=severity)
    if name:
        rule = monitor_changes.find_rule(stores, model, name)
        if threshold or baseline or preset:
            numbers["threshold"] = read_threshold(threshold, baseline, preset, rule.threshold)
        if window:
            numbers["window"] = parse_span(window)
        if segment:
            numbers["segment"] = segment
        rule = dataclasses.replace(rule, **numbers)
    else:
        if not metric and not preset:
            raise InvalidValue("nothing to replay; name a --monitor, a --metric or a --preset")
        rule = build_rule(stores, metric or "drift", "", threshold, baseline, preset, window, segment or "all", numbers)
    monitor_changes.check(stores, model, rule)
    with _progress(as_json) as progress:
        found = run_backtest(stores, model, rule, _utc(start), _utc(end), progress)
    _print_backtest(found, as_json)
    if found.alarms:
        raise typer.Exit(FINDING)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _print_backtest(found: Backtest, as_json: bool) -> None:
    if as_json:
        rule = {**dataclasses.asdict(found.rule), "window": format_size(found.rule.window)}
        print_json({**dataclasses.asdict(found), "rule": rule})
        return
    seen = ", ".join(f"{count} {verdict}" for verdict, count in found.verdicts.items() if count)
    out.print(f"{found.windows} windows of {format_size(found.rule.window)}: {seen or 'none'}", markup=False)
    rows = [
        {
            "since": alarm.since,
            "known_at": alarm.opened_at,
            "until": alarm.until,
            "segment": alarm.segment,
            "severity": alarm.severity.value,
            "windows": alarm.windows_in_breach,
            "reason": alarm.reason,
        }
        for alarm in found.alarms
    ]
    print_rows(rows, "it would have raised no alarm", False)
    for alarm in found.alarms:
        if alarm.explanation:
            out.print(f"{alarm.opened_at:%Y-%m-%d %H:%M}: {alarm.explanation}", markup=False)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, once it has taken two seconds."""
    if quiet or not err.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("replaying windows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=err, transient=True)
    task, began = bar.add_task("", total=None), time.monotonic()

    def show(done: int, total: int) -> None:
        if time.monotonic() - began >= _SHOWN_AFTER:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        bar.stop()
