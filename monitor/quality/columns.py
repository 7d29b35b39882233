"""What can be wrong with one column: missing, out of range, unseen, of another kind, constant, absent or new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from monitor.baselines import BaselineProfile
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile, WindowProfile
from monitor.profiles.columns import bin_counts
from monitor.quality.finding import QualityFinding, QualityRule
from monitor.quality.shares import Share, share_p_value

Counting = Callable[[WindowProfile], Share | None]


def column_findings(baseline: BaselineProfile, window: WindowProfile, rule: QualityRule) -> Iterator[QualityFinding]:
    """Every column of the baseline, and every new one; p-values are those of one look."""
    for name, reference in baseline.whole.columns.items():
        current = window.columns.get(name)
        if current is None or type(current) is not type(reference):
            if window.service.rows >= rule.min_rows or (current is not None and current.rows >= rule.min_rows):
                yield _certain(name, window, "it is absent" if current is None else "it changed its kind")
        elif current.rows >= rule.min_rows:
            yield from _of_column(name, reference, current, baseline, window, rule)
    yield from _appeared(window, rule)


def _of_column(
    name: str,
    reference: ColumnProfile,
    current: ColumnProfile,
    baseline: BaselineProfile,
    window: WindowProfile,
    rule: QualityRule,
) -> Iterator[QualityFinding]:
    yield from _missing(name, baseline, window, rule)
    yield from _share(name, "type_errors", baseline, window, rule, _mistyped(name), "values of another kind: {} → {}")
    if isinstance(current, CategoricalProfile):
        yield from _share(name, "unseen_category", baseline, window, rule, _unseen(name), "unseen categories: {} → {}")
    elif isinstance(reference, NumericProfile) and reference.low == reference.high and reference.n:
        words = "it was constant and varies now: {} → {} of its values differ"
        yield from _share(name, "constant", baseline, window, rule, _outside(name), words)
    else:
        yield from _share(name, "out_of_range", baseline, window, rule, _outside(name), "out of range: {} → {}")
    yield from _constant(name, reference, current, baseline, rule)


def _missing(
    name: str, baseline: BaselineProfile, window: WindowProfile, rule: QualityRule
) -> Iterator[QualityFinding]:
    for finding in _share(name, "missing", baseline, window, rule, _absent_values(name), "missing: {} → {}", both=True):
        if finding.value == 1:
            why = f"no row has a value; missing before: {_percent(finding.limit - rule.least('missing'))}"
            yield QualityFinding(name, "schema", 1.0, finding.limit, finding.p_value, finding.n, why)
        else:
            yield finding


def _share(
    name: str,
    kind: str,
    baseline: BaselineProfile,
    window: WindowProfile,
    rule: QualityRule,
    count: Counting,
    words: str,
    both: bool = False,
) -> Iterator[QualityFinding]:
    """A finding where the share of rows that `count` counts differs from the baseline's by the smallest effect."""
    now, before = count(window), count(baseline.whole)
    if now is None or before is None or not now.n or not before.n:
        return
    change, least = now.value - before.value, rule.least(kind)
    if change >= least or (both and -change >= least):
        blocks = [share for block in baseline.blocks if (share := count(block)) is not None and share.n]
        limit = before.value + (least if change > 0 else -least)
        why = words.format(_percent(before.value), _percent(now.value))
        yield QualityFinding(name, kind, now.value, limit, share_p_value(now, before, blocks), now.n, why)


def _absent_values(name: str) -> Counting:
    return lambda profile: Share(column.missing, column.rows) if (column := profile.columns.get(name)) else None


def _mistyped(name: str) -> Counting:
    return lambda profile: Share(profile.type_errors.get(name, 0), max(profile.service.rows, _rows(profile, name)))


def _rows(profile: WindowProfile, name: str) -> int:
    column = profile.columns.get(name)
    return column.rows if column else 0


def _unseen(name: str) -> Counting:
    def count(profile: WindowProfile) -> Share | None:
        column = profile.columns.get(name)
        return Share(column.unseen, column.n) if isinstance(column, CategoricalProfile) else None

    return count


def _outside(name: str) -> Counting:
    """Values beyond the column's limits, and infinite ones."""

    def count(profile: WindowProfile) -> Share | None:
        column = profile.columns.get(name)
        if not isinstance(column, NumericProfile):
            return None
        return Share(profile.quality.outside.get(name, 0) + column.infinite, column.n + column.infinite)

    return count


def _constant(
    name: str, reference: ColumnProfile, current: ColumnProfile, baseline: BaselineProfile, rule: QualityRule
) -> Iterator[QualityFinding]:
    """A column that has one value and had several, unless the baseline has such blocks too.

    Blocks of more than four times the window's rows can't tell: what changes by the day is constant for an hour.
    """
    if current.n < rule.min_rows or not is_constant(current) or is_constant(reference) or reference.n < 2:
        return
    blocks = [block.columns[name] for block in baseline.blocks if name in block.columns]
    if any(map(is_constant, blocks)) or (blocks and median(block.rows for block in blocks) > 4 * current.rows):
        return
    before, now = bin_counts(reference), bin_counts(current)
    usual = float(before[now.argmax()] + 0.5) / (reference.n + 1)
    why = f"every value is the same; in the baseline at most {_percent(usual)} of them were this one"
    yield QualityFinding(name, "constant", 1.0, usual, min(1.0, usual**current.n), current.n, why)


def is_constant(column: ColumnProfile) -> bool:
    """Whether all values of the column are the same one; unseen categories may be many, so they never are."""
    if isinstance(column, NumericProfile):
        return column.n > 0 and column.low == column.high
    return column.n > 0 and max(column.counts, default=0) == column.n


def _appeared(window: WindowProfile, rule: QualityRule) -> Iterator[QualityFinding]:
    for name, rows in window.quality.appeared.items():
        share = rows / window.quality.rows
        if window.quality.rows >= rule.min_rows and share >= rule.least("schema"):
            why = f"a new feature, which the baseline does not have, in {_percent(share)} of the rows"
            yield QualityFinding(name, "schema", share, 0.0, None, window.quality.rows, why)


def schema_changes(baseline: BaselineProfile, window: WindowProfile) -> Sequence[str]:
    """The features that are absent (no row has a value where rows had), new, or of another kind than the baseline's."""
    changed = [name for name, before in baseline.whole.columns.items() if _is_gone(before, window.columns.get(name))]
    return [*changed, *window.quality.appeared]


def _is_gone(before: ColumnProfile, now: ColumnProfile | None) -> bool:
    if now is None or type(now) is not type(before):
        return True
    return now.missing == now.rows > 0 and before.missing < before.rows


def _certain(name: str, window: WindowProfile, why: str) -> QualityFinding:
    return QualityFinding(name, "schema", 1.0, 0.0, None, window.service.rows, why)


def _percent(share: float) -> str:
    """A share as people write it; a small one keeps a figure that is not 0."""
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{share:.2g}"
