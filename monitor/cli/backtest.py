"""`kedge monitor backtest`: what a monitor would have said."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Annotated

import typer

from monitor.app.stores import open_stores
from monitor.cli.monitor_options import Judging, ModelName, Preset, Span, build_rule, with_judging
from monitor.cli.output import FINDING, JsonFlag, out, print_json, print_rows
from monitor.cli.progress import steps
from monitor.cli.settings import read_settings
from monitor.errors import InvalidValue
from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from monitor.jobs.backtest_job import Backtest, run_backtest
from monitor.windows import format_size, parse_span


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


@with_judging
def backtest(
    model: ModelName,
    name: Annotated[str, typer.Option("--monitor", help="Replay this one, with what else is said changed.")] = "",
    metric: Annotated[str, typer.Option(help="Or try one that is not there: what it looks at.")] = "",
    preset: Preset = "",
    window: Span = "",
    segment: Annotated[str, typer.Option("--segment", help="all, region=eu, region=*, *.")] = "",
    start: Annotated[datetime | None, typer.Option("--from", help="First window's start (UTC); all otherwise.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Windows that start before this (UTC).")] = None,
    as_json: JsonFlag = False,
    *,
    judging: Judging,
) -> None:
    """Say which alarms a monitor would have raised over the model's history. Nothing is written.

    Status 1 when there would have been one.

        kedge monitor backtest churn --monitor auc --threshold '{"kind": "constant", "low": 0.7}'

        kedge monitor backtest churn --metric drift --preset evidently_default --from 2026-01-01
    """
    stores = open_stores(read_settings())
    if name:
        rule = _changed(monitor_changes.find_rule(stores, model, name), preset, window, segment, judging)
    elif metric or preset:
        rule = build_rule(stores, metric or "drift", "", preset, window, segment or "all", judging)
    else:
        raise InvalidValue("nothing to replay; name a --monitor, a --metric or a --preset")
    monitor_changes.check(stores, model, rule)
    with steps("replaying windows") as show:
        found = run_backtest(stores, model, rule, _utc(start), _utc(end), show)
    _print_backtest(found, as_json)
    if found.alarms:
        raise typer.Exit(FINDING)


def _changed(rule: MonitorRule, preset: str, window: str, segment: str, judging: Judging) -> MonitorRule:
    """The rule with whatever was said otherwise."""
    changes = judging.numbers()
    if judging.threshold or judging.baseline or preset:
        changes["threshold"] = judging.read_threshold(rule.threshold, preset)
    if window:
        changes["window"] = parse_span(window)
    return dataclasses.replace(rule, segment=segment or rule.segment, **changes)


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
