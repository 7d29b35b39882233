"""Target drift: whether the labels themselves came in other shares, or with another mean, than in the baseline."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from monitor.baselines import BaselineProfile, CategoryBins
from monitor.drift.dispersion import LEAST_BLOCKS
from monitor.drift.judge import ColumnVerdict, DriftRule, judge_columns
from monitor.identity_cache import IdentityCache
from monitor.points import Status
from monitor.profiles import CategoricalProfile, WindowProfile

NAME = "target"
_labels: IdentityCache[BaselineProfile] = IdentityCache()


def judge_target(baseline: BaselineProfile, window: WindowProfile, rule: DriftRule) -> ColumnVerdict | None:
    """The verdict on the labels that have come for a window; None where the baseline has none.

    Classes are judged as a categorical column is, with the baseline's blocks. Of a regression's labels only moments are
    kept, so their mean is judged: value = |difference| / the baseline's standard deviation.
    """
    if baseline.whole.labelled.confusion:
        return _classes(baseline, window, rule)
    return _mean(baseline, window, rule) if baseline.whole.labelled.errors.labels.n else None


def label_counts(profile: WindowProfile) -> dict[str, int]:
    """Labelled rows by label."""
    return {label: sum(row.values()) for label, row in profile.labelled.confusion.items()}


def _classes(baseline: BaselineProfile, window: WindowProfile, rule: DriftRule) -> ColumnVerdict:
    known = tuple(sorted(label_counts(baseline.whole)))

    def as_baseline() -> BaselineProfile:
        blocks = tuple(_as_column(block, known) for block in baseline.blocks)
        return BaselineProfile({NAME: CategoryBins(known)}, None, _as_column(baseline.whole, known), blocks)

    return judge_columns(_labels.get(baseline, None, as_baseline), _as_column(window, known), rule)[0]


def _as_column(profile: WindowProfile, known: tuple[str, ...]) -> WindowProfile:
    counts = label_counts(profile)
    unseen = sum(count for label, count in counts.items() if label not in known)
    column = CategoricalProfile(known, tuple(counts.get(label, 0) for label in known), unseen)
    return WindowProfile(columns={NAME: column})


def _mean(baseline: BaselineProfile, window: WindowProfile, rule: DriftRule) -> ColumnVerdict:
    before, after = baseline.whole.labelled.errors.labels, window.labelled.errors.labels
    if after.n < rule.min_rows:
        why = f"{after.n} labelled rows, {rule.min_rows} needed"
        return ColumnVerdict(NAME, None, after.n, rule.smallest, None, False, Status.INSUFFICIENT, why)
    deviation = math.sqrt(before.m2 / before.n)
    if not 0 < deviation < math.inf or not math.isfinite(after.mean) or not math.isfinite(after.m2):
        why = "the baseline's labels are all equal, or the labels are too large to compare"
        return ColumnVerdict(NAME, None, after.n, rule.smallest, None, False, Status.UNDEFINED, why)
    shift = after.mean - before.mean
    error = math.sqrt(before.m2 / before.n**2 + after.m2 / after.n**2)
    p_chance = float(2 * special.ndtr(-abs(shift) / error)) if error > 0 else float(shift == 0)
    p_value = max(p_chance, _over_time(baseline, after.mean, rule.min_rows))
    value = abs(shift) / deviation
    breach = value >= rule.smallest and p_value <= rule.rate
    why = f"mean label {before.mean:.4g} → {after.mean:.4g}"
    return ColumnVerdict(NAME, value, after.n, rule.smallest, p_value, breach, Status.OK, why)


def _over_time(baseline: BaselineProfile, mean: float, least: int) -> float:
    """Chance that one more block's mean is this far out (Student's prediction interval); 0 without three blocks."""
    found = [block.labelled.errors.labels for block in baseline.blocks]
    means = np.array([labels.mean for labels in found if labels.n >= least])
    if means.size < LEAST_BLOCKS:
        return 0.0
    spread = float(means.std(ddof=1)) * math.sqrt(1 + 1 / means.size)
    if spread <= 0:
        return 0.0
    return float(2 * special.stdtr(means.size - 1, -abs(mean - float(means.mean())) / spread))
