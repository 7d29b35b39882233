"""Two tables side by side: which columns can be compared, and what is wrong with those that can't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from monitor.drift.presets.verdict import Finding, PresetVerdict, not_judged
from monitor.errors import InvalidValue

if TYPE_CHECKING:
    import pandas as pd

    Judge = Callable[[str, "pd.Series[Any]", "pd.Series[Any]"], PresetVerdict]
Table = Any
"""A pandas DataFrame or a pyarrow Table."""
Tick = Callable[[str], None]
"""Called with each column's name once it has been looked at."""


def no_tick(name: str) -> None:
    """Nobody waits for it."""


def as_frame(table: Table) -> pd.DataFrame:
    """The table as pandas has it. Raises InvalidValue where two columns have one name."""
    frame: pd.DataFrame = _to_pandas(table) if hasattr(table, "to_pandas") else table
    if twice := frame.columns[frame.columns.duplicated()].tolist():
        raise InvalidValue(f"two columns are named {twice[0]!r}; accepted: each name once")
    return frame


def _to_pandas(table: Any) -> Any:
    try:
        return table.to_pandas()
    except (ValueError, OverflowError):  # days beyond the years 1 to 9999, which Python's own dates can't be
        return table.to_pandas(date_as_object=False)


def judge_each(
    reference: pd.DataFrame, current: pd.DataFrame, columns: Sequence[str] | None, judge: Judge, tick: Tick
) -> list[PresetVerdict]:
    """`judge` on every column that both have; a missing or new one is a finding. In the reference's order, new last."""
    wanted = (
        list(columns) if columns is not None else [*reference, *(name for name in current if name not in reference)]
    )
    verdicts = []
    for name in wanted:
        if name not in reference and name not in current:
            verdicts.append(not_judged(name, "neither side has the column", Finding.MISSING))
        elif name not in current:
            verdicts.append(not_judged(name, "the current rows have no such column", Finding.MISSING))
        elif name not in reference:
            verdicts.append(not_judged(name, "the reference has no such column", Finding.NEW))
        else:
            verdicts.append(judge(name, reference[name], current[name]))
        tick(name)
    return verdicts
