"""What can be wrong with the rows as a whole: repeated, far from the baseline's pattern, late, too few or too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from monitor.baselines import BaselineProfile
from monitor.profiles import WindowProfile
from monitor.profiles.quality import QualityProfile
from monitor.quality.finding import QualityFinding, QualityRule, finding_text
from monitor.quality.shares import LEAST_BLOCKS, Share, share_p_value

_LATER = 3.0


def row_findings(baseline: BaselineProfile, window: WindowProfile, rule: QualityRule) -> Iterator[QualityFinding]:
    """Repeats, outliers and delays; p-values are those of one look."""
    reference, blocks = baseline.whole.quality, [block.quality for block in baseline.blocks]
    if window.quality.rows < rule.min_rows or not reference.rows:
        return
    yield from _alike(window.quality, reference, blocks, rule)
    yield from _more(
        "repeated_ids", _ids(window.quality), _ids(reference), [_ids(block) for block in blocks], rule,
        "repeated prediction ids: {:.1%} → {:.1%}",
    )  # fmt: skip
    yield from _more(
        "outliers", _far(window.quality), _far(reference), [_far(block) for block in blocks], rule,
        "rows unlike any of the baseline's: {:.1%} → {:.1%}",
    )  # fmt: skip
    yield from _late(window.quality, reference, blocks, rule)


def _ids(quality: QualityProfile) -> Share:
    return Share(quality.repeated, quality.identified)


def _far(quality: QualityProfile) -> Share:
    return Share(quality.outliers, quality.tested)


def _alike(
    window: QualityProfile, reference: QualityProfile, blocks: Sequence[QualityProfile], rule: QualityRule
) -> Iterator[QualityFinding]:
    """Rows with equal features; the more rows, the more of them are alike by chance, so like is compared with like.

    Blocks of more than four times the window's rows can't tell whether equal rows come in a row.
    """
    if not window.compared:
        return
    sizes = [block.compared for block in blocks if block.compared]
    if sizes and median(sizes) > 4 * window.compared:
        return
    as_large = [block for block in blocks if block.compared >= window.compared]
    if len(as_large) >= LEAST_BLOCKS:
        worst = max(as_large, key=lambda block: block.alike / block.compared)
        usual = Share(worst.alike, worst.compared)
    else:
        growth = max(1.0, window.compared / reference.compared) if reference.compared else 1.0
        usual = Share(min(round(reference.alike * growth), reference.compared), reference.compared)
    now = Share(window.alike, window.compared)
    yield from _more("duplicates", now, usual, (), rule, "rows that repeat another's features: {:.1%} → {:.1%}")


def _more(
    kind: str, now: Share, usual: Share, blocks: Sequence[Share], rule: QualityRule, words: str
) -> Iterator[QualityFinding]:
    least = rule.least(kind)
    if now.n >= rule.min_rows and usual.n and now.value - usual.value >= least:
        p = share_p_value(now, usual, blocks)
        why = words.format(usual.value, now.value)
        yield QualityFinding("", kind, now.value, usual.value + least, p, now.n, why)


def _late(
    window: QualityProfile, reference: QualityProfile, blocks: Sequence[QualityProfile], rule: QualityRule
) -> Iterator[QualityFinding]:
    """Rows that take much longer to arrive than in the slowest block of the baseline."""
    timed = [block.delay_seconds(0.95) for block in [*blocks, reference] if block.delay.n >= rule.min_rows]
    if not timed or window.delay.n < rule.min_rows:
        return
    slowest, now = max(timed), window.delay_seconds(0.95)
    limit = max(_LATER * slowest, slowest + rule.least("freshness"))
    if now > limit:
        before, after = (finding_text("freshness", seconds) for seconds in (slowest, now))
        why = f"one row in twenty arrives more than {after} after its event; at most {before} in the baseline"
        yield QualityFinding("", "freshness", now, limit, None, window.delay.n, why)
