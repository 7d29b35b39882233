"""`kedge drift range`: how a model's features and answers over days or weeks differ from its baseline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer

from monitor import queries
from monitor.app.control import clock, open_database
from monitor.baselines import decode_baseline
from monitor.cli.output import FINDING, USAGE, JsonFlag, err, out, print_json, print_rows
from monitor.cli.settings import read_settings
from monitor.drift import ColumnVerdict, DriftRule, judge_columns, judge_prediction
from monitor.points import Status
from monitor.segments import segment_baseline
from monitor.windows import format_size, parse_size

USUAL = timedelta(days=30)
_ANSWERS = "(predictions)"


def register(app: typer.Typer) -> None:
    app.command("range")(drift_range)


def drift_range(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.")],
    start: Annotated[datetime | None, typer.Option("--from", help="First window's start (UTC); 30 days back.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="Windows that start before this (UTC); now.")] = None,
    window: Annotated[str, typer.Option(help="Size of the stored windows; the one that is mostly watched.")] = "",
    segment: Annotated[str, typer.Option(help="all, or one segment such as region=eu.")] = "all",
    as_json: JsonFlag = False,
) -> None:
    """How a model's features and predictions over a longer time differ from its baseline.

    The range is merged from the profiles of its windows, so a month takes as long as an hour, however many rows it has.
    Status 1 when something drifted, 2 when nothing could be compared.

        kedge drift range churn --from 2026-02-01 --to 2026-03-01
    """
    until = end.replace(tzinfo=UTC) if end else clock()
    since = start.replace(tzinfo=UTC) if start else until - USUAL
    size = parse_size(window) if window else None
    found = queries.range_profile(open_database(read_settings()), model, since, until, size, segment)
    verdicts = _judge(found, segment)
    if as_json:
        told = {"windows": found.windows, "window": format_size(found.size), "rows": found.profile.service.rows}
        print_json({"model": model, "from": since, "to": until, "segment": segment, **told, "columns": verdicts})
    else:
        print_rows([_row(verdict) for verdict in verdicts], "nothing to compare: no baseline or no windows", False)
        drifted = sum(verdict.breach for verdict in verdicts)
        windows = f"{found.windows} windows of {format_size(found.size)}, {found.profile.service.rows} rows"
        out.print(f"drift in {drifted} of {len(verdicts)}; {windows}", markup=False, highlight=False)
        if found.left_out:
            err.print(f"{len(found.left_out)} windows of an earlier baseline are left out", markup=False)
    if any(verdict.breach for verdict in verdicts):
        raise typer.Exit(FINDING)
    if not any(verdict.status is Status.OK for verdict in verdicts):
        raise typer.Exit(USAGE)


def _judge(found: queries.RangeProfile, segment: str) -> list[ColumnVerdict]:
    """The verdicts on the features and the predictions, the most drifted first."""
    baseline = segment_baseline(decode_baseline(found.baseline) if found.baseline else None, segment)
    if baseline is None:
        return []
    answers = judge_prediction(baseline, found.profile, DriftRule())
    verdicts = judge_columns(baseline, found.profile, DriftRule())
    if answers is not None:
        verdicts.append(msgspec.structs.replace(answers, name=_ANSWERS))
    return sorted(verdicts, key=lambda verdict: (not verdict.breach, -(verdict.value or 0.0), verdict.name))


def _row(verdict: ColumnVerdict) -> dict[str, Any]:
    return {
        "column": verdict.name,
        "drift": ("yes" if verdict.breach else "no") if verdict.status is Status.OK else verdict.status.value,
        "value": verdict.value,
        "limit": verdict.limit if verdict.value is not None else None,
        "p_value": verdict.p_value,
        "why": verdict.why,
    }
