"""`kedge drift`: a gate for CI that compares two files and needs no server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from monitor.app.table_files import read_table
from monitor.cli import drift_range
from monitor.cli.junit import junit
from monitor.cli.output import FINDING, USAGE, JsonFlag, err, out, print_json, print_rows, write_file
from monitor.cli.progress import progress
from monitor.drift import get_method
from monitor.drift.presets import Finding, OneMethod, Preset, PresetVerdict, drifted_share, get_preset
from monitor.drift.presets.verdict import not_judged
from monitor.errors import InvalidValue, KedgeError
from monitor.points import Status

app = typer.Typer(no_args_is_help=True, help="Drift between two files, for CI, or of a model over a longer time.")
drift_range.register(app)

TIME = "event_time"
_IDENTITY = ("prediction_id", "model", "label_time", "received_time", "entity_id", "sampling_fraction")
_PANDAS_INDEX = ("__index_level_0__", "")
"""What pandas calls the numbers of its rows in Parquet and in CSV."""
_NOT_COMPARED = (*_IDENTITY, *_PANDAS_INDEX)
_FOR_REPORTS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string)


class PresetName(StrEnum):
    """How it is decided which columns differ."""

    CALIBRATED = "calibrated"
    EVIDENTLY_DEFAULT = "evidently_default"
    NANNYML_DEFAULT = "nannyml_default"


@app.command("check")
def check(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="The rows to compare with: Parquet, CSV, JSON.")],
    current: Annotated[Path, typer.Argument(metavar="CUR", help="The rows to judge: Parquet, CSV, JSON.")],
    preset: Annotated[PresetName, typer.Option(help="How it is decided which columns differ.")] = PresetName.CALIBRATED,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="Judge by this drift method alone, such as psi or wasserstein.")
    ] = "",
    threshold: Annotated[
        float | None,
        typer.Option(min=0, help="When the method's value is drift; its own limit otherwise."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="NAME", help="A column to compare; all otherwise. Repeat it."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A column not to compare, such as an id. Repeat it.")
    ] = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="any|share=X", help="Fail on any column, or from this share of them.")
    ] = "any",
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the verdicts as JUnit XML.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write Evidently's drift report as one page.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare two files column by column; exit status 0 no drift, 1 drift, 2 wrong usage.

    A column that is missing, empty or of another type fails too; a new one is named. An event_time column is not
    compared: it shows how much the reference itself varies over time, which is then no drift.

        kedge drift check train.parquet last_week.parquet --junit drift.xml
        kedge drift check train.parquet last_week.parquet --method psi --threshold 0.2
    """
    limit = _limit(fail_on)
    judge = _judge(preset, method, threshold)
    tables = [read_table(path) for path in (reference, current)]
    ignored = _known(tables, ignore or [])
    names = [name for name in _chosen(tables, column or []) if name not in ignored]
    with progress("comparing", len(names)) as tick:
        judged = judge(names).judge(tables[0], tables[1], tick)
    verdicts = _worst_first([*_reserved(tables, column), *judged])
    share = _failing_share(verdicts)
    compared = bool(_counted(verdicts))
    passed = compared and (share < limit if limit else share == 0)
    by = method or preset.value
    if junit_file:
        write_file(junit_file, junit(f"drift of {current.name} from {reference.name} ({by})", verdicts))
    if html_file:
        _write_report(html_file, tables, names)
    if as_json:
        print_json(_as_json(by, tables, verdicts, passed))
    else:
        print_rows([_row(verdict) for verdict in verdicts], "no column to compare", False)
        _sum_up(verdicts, tables, passed)
    if not compared:
        err.print("no column could be judged, so this is no pass", markup=False)
        raise typer.Exit(USAGE)
    if not passed:
        raise typer.Exit(FINDING)


def _judge(preset: PresetName, method: str, threshold: float | None) -> Callable[[Sequence[str]], Preset]:
    """How columns are judged, given their names."""
    if method and preset is not PresetName.CALIBRATED:
        raise InvalidValue("--preset and --method are two answers to one question; name one of them")
    if threshold is not None and not method:
        raise InvalidValue("--threshold is that of a method; accepted: with --method")
    if method:
        return partial(OneMethod, get_method(method), threshold)
    return partial(get_preset, preset.value)


def _limit(fail_on: str) -> float:
    """The share of failing columns from which the check fails; 0 means any column."""
    if fail_on == "any":
        return 0.0
    kind, _, value = fail_on.partition("=")
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if kind != "share" or not 0 < share <= 1:
        raise InvalidValue(f"--fail-on {fail_on!r} is not known; accepted: any, or share=X with X above 0, at most 1")
    return share


def _chosen(tables: Sequence[pa.Table], columns: Sequence[str]) -> list[str]:
    """The columns to judge, in the reference's order, and those that are new in the current rows."""
    if TIME in columns:
        raise InvalidValue(f"{TIME} is not compared: it puts the reference's rows in order of time")
    named = _known(tables, columns)
    return named or [name for name in _every(tables) if name not in (TIME, *_NOT_COMPARED)]


def _known(tables: Sequence[pa.Table], columns: Sequence[str]) -> list[str]:
    """These columns, each once. Raises InvalidValue for one that neither file has."""
    every = _every(tables)
    for name in columns:
        if name not in every:
            raise InvalidValue(f"neither file has a column {name!r}; there are: {', '.join(every)}")
    return list(dict.fromkeys(columns))


def _every(tables: Sequence[pa.Table]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table.column_names))


def _reserved(tables: Sequence[pa.Table], columns: Sequence[str] | None) -> list[PresetVerdict]:
    """Columns that say which row it is, not what it holds: named, not judged."""
    if columns:
        return []
    found = [name for name in _NOT_COMPARED if any(name in table.column_names for table in tables)]
    return [not_judged(name, "tells which row it is, not what it holds") for name in found]


def _worst_first(verdicts: Sequence[PresetVerdict]) -> list[PresetVerdict]:
    return sorted(verdicts, key=lambda verdict: (not verdict.finding.fails, -verdict.excess, verdict.name))


def _failing_share(verdicts: Sequence[PresetVerdict]) -> float:
    """Columns that fail over those that count."""
    counted = _counted(verdicts)
    return sum(verdict.finding.fails for verdict in counted) / len(counted) if counted else 0.0


def _counted(verdicts: Sequence[PresetVerdict]) -> list[PresetVerdict]:
    """Columns that were judged, or fail for another reason."""
    return [verdict for verdict in verdicts if verdict.status is Status.OK or verdict.finding.fails]


def _row(verdict: PresetVerdict) -> dict[str, Any]:
    found = verdict.finding.value or "no"
    if verdict.status is Status.INSUFFICIENT:
        found = "too few rows"
    return {
        "column": verdict.name,
        "drift": "yes" if verdict.finding is Finding.DRIFT else found,
        "value": verdict.value,
        "limit": verdict.threshold if verdict.value is not None else None,
        "p_value": verdict.p_value,
        "why": verdict.why,
    }


def _sum_up(verdicts: Sequence[PresetVerdict], tables: Sequence[pa.Table], passed: bool) -> None:
    counted = _counted(verdicts)
    failing = sum(verdict.finding.fails for verdict in counted)
    said = f"drift in {failing or 'none'} of {len(counted)} columns"
    told = f"{'passed' if passed else 'failed'}: {said}" if counted else "not judged: no column could be compared"
    rows = f"{tables[1].num_rows} rows against {tables[0].num_rows}"
    out.print(f"{told}; {rows}", markup=False, highlight=False)


def _as_json(by: str, tables: Sequence[pa.Table], verdicts: Sequence[PresetVerdict], passed: bool) -> Any:
    return {
        "passed": passed,
        "preset": by,
        "reference_rows": tables[0].num_rows,
        "current_rows": tables[1].num_rows,
        "drifted_share": drifted_share(verdicts),
        "failing": sum(verdict.finding.fails for verdict in verdicts),
        "columns": verdicts,
    }


def _write_report(path: Path, tables: Sequence[pa.Table], names: Sequence[str]) -> None:
    """Evidently's page; where it can't be made, the verdicts still count."""
    from monitor.reports import drift_report
    from monitor.schemas import Feature, FeatureKind

    schemas = [table.schema for table in tables]
    usable = [
        name
        for name in names
        if all(name in s.names and any(fits(s.field(name).type) for fits in _FOR_REPORTS) for s in schemas)
    ]
    numeric = {name for name in usable if all(_is_number(s.field(name).type) for s in schemas)}
    features = {
        name: Feature(name, FeatureKind.NUMERIC if name in numeric else FeatureKind.CATEGORICAL, name)
        for name in usable
    }
    try:
        page = drift_report(tables[0].select(usable), tables[1].select(usable), features)
    except KedgeError as error:
        err.print(f"no report: {error}", markup=False)
    except Exception as error:  # Evidently stops at data that it can't draw
        err.print(f"no report, as Evidently can't make one of these rows: {error}", markup=False)
    else:
        write_file(path, page.encode())


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
