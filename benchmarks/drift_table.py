"""The drift benchmark's part of docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_TITLE = "# Benchmarks\n"
_METHOD = """\
`make bench-drift` writes this part. Rows have no drift: normal numbers (three columns of four) and six equally frequent
categories. Every figure is a median of several rounds in one run on one machine; every side runs in a process of its
own, the peers in environments of their own with telemetry off.

- **Kedge** goes from a Parquet file of predictions (in the lake's columns, ids and times included) to a verdict per
  column, with service and versions profiled on the way. The baseline, with its ten blocks, is prepared once and not
  timed. Every window is watched for data quality as well (ranges, repeated rows, outliers): that is the next column.
- **Evidently** runs `DataDriftPreset` with its defaults, **NannyML** `UnivariateDriftCalculator` with Jensen-Shannon
  on ten chunks (with and without fitting the reference, which it needs only once), **whylogs** makes the profile of
  the current rows, which it compares with nothing. All three start from data frames in memory: reading the file is not
  counted for them.
- **The floor** is DuckDB's `histogram` of the same columns on the same bins from the same file, with as many threads.
- **Memory** is the peak of a process that does one check and nothing else.
- **Models per core** (`models_per_core`): one worker on one core, with real stores, evaluates windows of 5 minutes, 500
  rows and 20 columns by the monitors that every model gets; how many such models it keeps current, by the processor's
  time: waiting for the disk leaves the core to others.
- **A range** is 30 days of stored hourly profiles: 50 columns, the prediction and service, read from SQLite and
  merged.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One size: seconds by side (None: not run) and Kedge's peak memory in MB."""

    size: str
    seconds: Mapping[str, float | None]
    rss_mb: float


def section(lines: Sequence[Line], versions: Mapping[str, str], figures: Mapping[str, object]) -> str:
    """The text of the part."""
    sides = list(lines[0].seconds)
    names = [f"{side} {versions[side]}" if side in versions else side for side in sides]
    rows = [f"| rows × columns | {' | '.join(names)} | Kedge's memory |", f"|---|{'--:|' * (len(sides) + 1)}"]
    for line in lines:
        cells = [_seconds(line.seconds[side]) for side in sides]
        rows.append(f"| {line.size} | {' | '.join(cells)} | {line.rss_mb:,.0f} MB |")
    facts = [f"| `{name}` | {value} |" for name, value in figures.items()]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}."
    return "\n".join(
        ["## Drift: what a check costs", "", _METHOD, machine, "", *rows, "", "| figure | value |", "|---|--:|", *facts]
    )


def write_part(name: str, text: str, page: Path = PAGE) -> None:
    """Put the text between the markers `<!-- name -->` and `<!-- /name -->`; other parts of the page stay."""
    old = page.read_text() if page.exists() else _TITLE
    part = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    pattern = re.compile(rf"<!-- {re.escape(name)} -->.*?<!-- /{re.escape(name)} -->", re.DOTALL)
    new = pattern.sub(lambda _: part, old) if pattern.search(old) else f"{old.rstrip()}\n\n{part}\n"
    page.write_text(new)


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"
