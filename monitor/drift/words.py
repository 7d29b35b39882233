"""What changed in a column, in words a person can act on."""

from __future__ import annotations

from collections.abc import Callable

from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.columns import bin_counts

_LONGEST = 60


def _figure(value: float) -> str:
    return f"{value:.4g}"


def describe_change(
    reference: ColumnProfile, current: ColumnProfile, names: bool = True, show: Callable[[float], str] = _figure
) -> str:
    """The largest change of one column: missing values, unseen or shifted categories, the median, or the spread.

    Without `names` no category is quoted: they are values of features, which messages must not carry. `show` writes a
    median, where the column's numbers are something else, such as times.
    """
    missing = _missing_change(reference, current)
    if missing:
        return missing
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        return _numeric_change(reference, current, show)
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        return _categorical_change(reference, current, names)
    return "the column changed its kind"


def _missing_change(reference: ColumnProfile, current: ColumnProfile) -> str:
    before = reference.missing / reference.rows if reference.rows else 0.0
    after = current.missing / current.rows if current.rows else 0.0
    if after - before > 0.1:
        return f"missing {before:.1%} → {after:.1%}"
    return ""


def _numeric_change(reference: NumericProfile, current: NumericProfile, show: Callable[[float], str]) -> str:
    if not reference.n or not current.n:
        return "no values to compare"
    before, after = reference.quantile(0.5), current.quantile(0.5)
    if abs(after - before) > 0.2 * (reference.std or abs(before) or 1.0):
        return f"moved {'up' if after > before else 'down'}: median {show(before)} → {show(after)}"
    if reference.std > 0 and not 0.8 < current.std / reference.std < 1.25:
        wider = current.std > reference.std
        return f"{'wider' if wider else 'narrower'}: standard deviation {reference.std:.4g} → {current.std:.4g}"
    return f"the shape changed; median {show(after)}"


def _categorical_change(reference: CategoricalProfile, current: CategoricalProfile, quote: bool) -> str:
    if not reference.n or not current.n:
        return "no values to compare"
    names = (*reference.categories, "unseen categories")
    before, after = bin_counts(reference) / reference.n, bin_counts(current) / current.n
    most = max(range(len(names)), key=lambda i: abs(after[i] - before[i]))
    named = shown(names[most]) if quote or most == len(names) - 1 else "one category"
    return f"{named}: {before[most]:.1%} → {after[most]:.1%}"


def shown(name: str) -> str:
    """A category as messages and every database can carry it: its beginning, signs that can't be printed spelt out."""
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return short if short.isprintable() else repr(short)
