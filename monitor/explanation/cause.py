"""A broken pipeline or a changed world: what speaks for which."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from monitor.explanation.ranking import RankedColumn

_BROKEN = {
    "missing": "values are missing",
    "schema": "the schema changed",
    "constant": "a column became constant, or ceased to be",
    "type_errors": "values are of another kind",
}
SEVERAL = 3


class Cause(StrEnum):
    """What most likely happened. `unclear` says so rather than guess."""

    PIPELINE = "pipeline"
    WORLD = "world"
    UNCLEAR = "unclear"


def likely_cause(columns: Sequence[RankedColumn], moved: int, of: int) -> tuple[Cause, str]:
    """The likely cause and what speaks for it, given the columns that matter most, how many moved, and of how many.

    A change of unit or spelling, missing values, constants and new or lost columns are a pipeline's. Three columns or
    more that moved, none of them broken and each over bins it already had, are the world's. All else is unclear.
    """
    signs = [sign for column in columns if (sign := sign_of_breakage(column))]
    broken = sum(column.weight for column in columns if sign_of_breakage(column))
    if signs and broken >= 0.5:
        return Cause.PIPELINE, _listed(signs)
    if signs:
        return Cause.UNCLEAR, f"{_listed(signs)}, but most of what moved is not broken"
    if not columns:
        return Cause.UNCLEAR, "no column moved"
    beyond = [column for column in columns if column.fault in ("out_of_range", "unseen_category")]
    if moved >= SEVERAL and len(beyond) * 2 < moved:
        return Cause.WORLD, f"{moved} of {of} columns moved together, over values they had before, and none is broken"
    if beyond:
        return Cause.UNCLEAR, "values were not seen before, and no change of unit or spelling explains them"
    return Cause.UNCLEAR, "nothing looks broken, and few columns moved"


def sign_of_breakage(column: RankedColumn) -> str:
    """What speaks for a broken pipeline in this column; empty where nothing does."""
    if column.unit is not None and column.unit.certainty != "possibly":
        return "a change of unit fits"
    if column.spelling is not None:
        return "categories are spelt otherwise"
    return _BROKEN.get(column.fault, "")


def _listed(signs: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(signs))
