"""`kedge monitor`: what models are watched for."""

from __future__ import annotations

import dataclasses
import getpass
import json
from typing import Annotated, Any

import typer

from monitor import queries
from monitor.app.control import clock, open_database
from monitor.app.stores import open_stores
from monitor.cli import backtest
from monitor.cli.monitor_options import (
    Judging,
    Metric,
    ModelName,
    MonitorName,
    Preset,
    SegmentName,
    Span,
    build_rule,
    with_judging,
)
from monitor.cli.output import FINDING, JsonFlag, out, print_json, print_rows
from monitor.cli.settings import read_settings
from monitor.errors import InvalidValue
from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from monitor.windows import format_size

app = typer.Typer(no_args_is_help=True, help="What models are watched for: list, add, change and try out monitors.")


@app.command("list")
def list_monitors(model: ModelName, as_json: JsonFlag = False) -> None:
    """What the model is watched for, and each monitor's latest verdict."""
    rows = queries.monitors(open_database(read_settings()), model)
    if as_json:
        print_json([_jsonable(row) for row in rows])
        return
    shown = [
        {
            "name": row.name,
            "metric": row.metric,
            "segment": row.segment,
            "window": format_size(row.size),
            "threshold": json.dumps(row.threshold),
            "enabled": row.enabled,
            "latest": row.latest.verdict if row.latest else None,
        }
        for row in rows
    ]
    print_rows(shown, "no monitor yet: a model gets its first ones by itself, once it has rows", False)


@app.command("show")
def show_monitor(model: ModelName, name: MonitorName, as_json: JsonFlag = False) -> None:
    """One monitor: its settings and its last verdicts. Status 1 when the latest one is a breach."""
    stores = open_stores(read_settings())
    monitor_changes.find_rule(stores, model, name)
    database = stores.db
    (row,) = [each for each in queries.monitors(database, model) if each.name == name]
    verdicts = queries.evaluations(database, model, monitor=name, limit=20)
    if as_json:
        print_json({**_jsonable(row), "evaluations": [dataclasses.asdict(each) for each in verdicts]})
    else:
        out.print(f"{row.name}: {row.metric} of {row.segment} in windows of {format_size(row.size)}", markup=False)
        out.print(f"threshold {json.dumps(row.threshold)}, {row.severity}, at least {row.min_rows} rows", markup=False)
        out.print(
            f"opens at {row.breaches} breaches in {row.looks} windows, ends after {row.recoveries} without one; "
            + ("enabled" if row.enabled else "disabled"),
            markup=False,
        )
        looks = [
            {"window": e.window, "segment": e.segment, "verdict": e.verdict, "n": e.n, "reason": e.reason}
            for e in verdicts
        ]
        print_rows(looks, "no window was judged yet", False)
    if row.latest is not None and row.latest.verdict == "breach":
        raise typer.Exit(FINDING)


@app.command("add")
@with_judging
def add_monitor(
    model: ModelName,
    metric: Metric,
    name: Annotated[str, typer.Option(help="Its name; metric, window and segment otherwise.")] = "",
    preset: Preset = "",
    window: Span = "",
    segment: SegmentName = "all",
    as_json: JsonFlag = False,
    *,
    judging: Judging,
) -> None:
    """Watch a model for something more. Windows that have rows already are judged as well.

    Without a threshold a value is compared with the baseline's own blocks: mean ± 3 standard deviations.

        kedge monitor add churn --metric latency_p95 --window 5m --threshold '{"kind": "constant", "high": 250}'

        kedge monitor add churn --metric auc --window 1d --threshold '{"kind": "relative", "to": "1w", "share": 0.1}'

        kedge monitor add churn --metric drift --segment 'region=*' --baseline '{"kind": "rolling", "span": "28d"}'
    """
    stores = open_stores(read_settings())
    rule = build_rule(stores, metric, name, preset, window, segment, judging)
    monitor_changes.add_monitor(stores, model, rule, getpass.getuser(), clock())
    _say(rule, "is added", as_json)


@app.command("edit")
@with_judging
def edit_monitor(model: ModelName, name: MonitorName, as_json: JsonFlag = False, *, judging: Judging) -> None:
    """Change when a monitor calls it a breach. Verdicts it has given stay; try a change with `backtest` first.

    Its metric, window and segment stay too: for others add a monitor.

        kedge monitor edit churn latency_p95 --threshold '{"kind": "constant", "high": 400}' --looks 5 --breaches 3
    """
    stores = open_stores(read_settings())
    changes = judging.numbers()
    known = monitor_changes.find_rule(stores, model, name)
    if judging.threshold or judging.baseline:
        changes["threshold"] = judging.read_threshold(known.threshold)
    if not changes:
        raise InvalidValue("nothing to change; name a threshold, breaches, looks, recoveries, min-rows or severity")
    rule = monitor_changes.edit_monitor(stores, model, name, changes, getpass.getuser(), clock())
    _say(rule, "is changed", as_json)


@app.command("disable")
def disable_monitor(model: ModelName, name: MonitorName) -> None:
    """Stop a monitor. Its verdicts stay, its open incidents end."""
    monitor_changes.switch_monitor(open_stores(read_settings()), model, name, False, getpass.getuser(), clock())
    out.print(f"monitor {name!r} is disabled", markup=False)


@app.command("enable")
def enable_monitor(model: ModelName, name: MonitorName) -> None:
    """Start a monitor again; the windows that came meanwhile are judged too."""
    monitor_changes.switch_monitor(open_stores(read_settings()), model, name, True, getpass.getuser(), clock())
    out.print(f"monitor {name!r} is enabled", markup=False)


@app.command("remove")
def remove_monitor(model: ModelName, name: MonitorName) -> None:
    """Delete a monitor with its verdicts and incidents. Those that every model gets can only be disabled."""
    monitor_changes.remove_monitor(open_stores(read_settings()), model, name, getpass.getuser(), clock())
    out.print(f"monitor {name!r} is removed", markup=False)


def _jsonable(row: queries.MonitorRow) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "size": format_size(row.size)}


def _say(rule: MonitorRule, what: str, as_json: bool) -> None:
    if as_json:
        print_json({**dataclasses.asdict(rule), "window": format_size(rule.window)})
    else:
        out.print(f"monitor {rule.name!r} {what}: {rule.metric}, {json.dumps(rule.threshold)}", markup=False)


backtest.register(app)
