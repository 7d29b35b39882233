"""Evidently 0.7.23's tests of one column, by their formulas: its names, thresholds and directions.

Kedge's own methods of the same names differ where Evidently's definition is in doubt: its bins have equal widths over
both sides, `chisquare` takes the reference as exact, and `TVD` gives a p-value. They are kept here as they are, so that
its verdicts can be reproduced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitor.drift.pooled import Pooled
from monitor.drift.presets.evidently_kinds import CAT, NUM, TEXT
from monitor.drift.presets.evidently_text import text_verdict

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any]
Shares = NDArray[np.float64]

_DISTINCT = 20
_PERMUTATIONS = 1000


@dataclass(frozen=True, slots=True)
class EvidentlyTest:
    """One of its tests. `score` takes (reference, current, kind), cleaned; `below` says that less is drift."""

    name: str
    kinds: tuple[str, ...]
    threshold: float
    score: Callable[[Column, Column, str], float]
    below: bool = True
    inclusive: bool = False

    def drifted(self, score: float, threshold: float) -> bool:
        if score == threshold:
            return self.inclusive
        return bool(score < threshold if self.below else score > threshold)


def _tally(reference: Column, current: Column) -> tuple[Shares, Shares]:
    """How often each value of either side occurs in each."""
    before, after = reference.value_counts(), current.value_counts()
    keys = list(set(reference.unique()) | set(current.unique()))
    return tuple(np.array([side.get(key, 0) for key in keys], dtype=np.float64) for side in (before, after))  # type: ignore[return-value]


def _shares(reference: Column, current: Column, kind: str) -> tuple[Shares, Shares]:
    """Numbers with many values in equal-width bins over both sides (Sturges), anything else per value."""
    if kind == NUM and reference.nunique() > _DISTINCT:
        both = np.concatenate([np.asarray(reference), np.asarray(current)])
        edges = np.histogram_bin_edges(both, bins="sturges")
        before, after = (np.histogram(np.asarray(side), edges)[0] for side in (reference, current))
    else:
        before, after = _tally(reference, current)
    return before / len(reference), after / len(current)


def _filled(shares: Shares) -> Shares:
    least = float(shares[shares != 0].min())
    return np.where(shares == 0, least / 1e6 if least <= 1e-4 else 1e-4, shares)


def _psi(reference: Column, current: Column, kind: str) -> float:
    p, q = map(_filled, _shares(reference, current, kind))
    return float(((p - q) * np.log(p / q)).sum())


def _kl_div(reference: Column, current: Column, kind: str) -> float:
    p, q = map(_filled, _shares(reference, current, kind))
    return float(special.rel_entr(p / p.sum(), q / q.sum()).sum())


def _jensenshannon(reference: Column, current: Column, kind: str) -> float:
    p, q = (shares / shares.sum() for shares in _shares(reference, current, kind))
    middle = (p + q) / 2
    return float(np.sqrt(max(float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum()) / 2, 0.0)))


def _hellinger(reference: Column, current: Column, kind: str) -> float:
    if kind == CAT:
        before, after = _tally(reference, current)
        overlap = float(np.sqrt(before / len(reference) * (after / len(current))).sum())
    else:
        distinct = np.union1d(np.asarray(reference), np.asarray(current))
        edges = np.histogram_bin_edges(distinct, bins="sturges")
        width = (edges.max() - edges.min()) / (edges.size - 1)
        p, q = (np.histogram(np.asarray(side), edges, density=True)[0] for side in (reference, current))
        overlap = float(np.sqrt(p * q).sum() * width)
    return float(np.sqrt(1 - np.clip(overlap, 0, 1)))


def _pooled(reference: Column, current: Column) -> Pooled:
    return Pooled.of(np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64))


def _wasserstein(reference: Column, current: Column, kind: str) -> float:
    pooled = _pooled(reference, current)
    distance = float((np.abs(pooled.gaps[:-1]) * np.diff(pooled.values)).sum())
    return distance / max(float(np.std(reference)), 0.001)


def _energy(reference: Column, current: Column, kind: str) -> float:
    pooled = _pooled(reference, current)
    return float(np.sqrt(2 * (pooled.gaps[:-1] ** 2 * np.diff(pooled.values)).sum()))


def _chisquare(reference: Column, current: Column, kind: str) -> float:
    from scipy.stats import chisquare  # slow to import, as everything of scipy.stats

    expected, observed = _tally(reference, current)
    return float(chisquare(observed, expected * (len(current) / len(reference)))[1])


def _g_test(reference: Column, current: Column, kind: str) -> float:
    from scipy.stats import power_divergence

    expected, observed = _tally(reference, current)
    return float(power_divergence(observed, expected, lambda_="log-likelihood")[1])


def _z(reference: Column, current: Column, kind: str) -> float:
    keys = sorted(set(reference.unique()) | set(current.unique()))
    if len(keys) == 1:
        return 1.0
    n, m = len(reference), len(current)
    p, q = (float((side != keys[0]).mean()) for side in (reference, current))
    pooled = (p * n + q * m) / (n + m)
    return float(2 * special.ndtr(-abs((p - q) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)))))


def _fisher_exact(reference: Column, current: Column, kind: str) -> float:
    from scipy.stats import fisher_exact

    if reference.nunique() > 2 or current.nunique() > 2:
        raise ValueError("it compares two values, and there are more")
    if len(reference) != len(current):
        raise ValueError("it takes the same number of rows on both sides")
    keys = list({*reference.unique(), *current.unique()})
    if len(keys) > 2:
        raise ValueError("it compares two values, and there are more")
    ones = [int((side == keys[-1]).sum()) if len(keys) == 2 else 0 for side in (current, reference)]
    return float(fisher_exact([[one, len(reference) - one] for one in ones])[1])


def _tvd(reference: Column, current: Column, kind: str) -> float:
    """The p-value of the total variation distance by 1,000 relabellings, seed 0."""
    before, after = _tally(reference, current)
    keys = {key: i for i, key in enumerate(set(reference.unique()) | set(current.unique()))}
    codes = np.array([keys[value] for value in [*reference.tolist(), *current.tolist()]])
    n, m, total = len(reference), len(current), before + after
    observed = np.abs(before / n - after / m).sum() / 2
    random, passed = np.random.RandomState(0), 0
    for _ in range(_PERMUTATIONS):
        drawn = np.bincount(codes[random.permutation(codes.size)[:n]], minlength=total.size)
        passed += bool(observed <= np.abs(drawn / n - (total - drawn) / m).sum() / 2)
    return passed / _PERMUTATIONS


def _scipy(name: str, **options: Any) -> Callable[[Column, Column, str], float]:
    """The p-value of a two-sample test of scipy.stats."""

    def score(reference: Column, current: Column, kind: str) -> float:
        from scipy import stats

        return float(getattr(stats, name)(np.asarray(reference), np.asarray(current), **options).pvalue)

    return score


def _anderson(reference: Column, current: Column, kind: str) -> float:
    from scipy.stats import anderson_ksamp

    return float(anderson_ksamp([np.asarray(reference), np.asarray(current)]).pvalue)


def _epps_singleton(reference: Column, current: Column, kind: str) -> float:
    from scipy.stats import epps_singleton_2samp, iqr

    if iqr(np.concatenate([np.asarray(reference), np.asarray(current)])) == 0:
        raise ValueError("half of all values are the same")
    return float(epps_singleton_2samp(reference, current).pvalue)


def _distance(name: str, kinds: tuple[str, ...], score: Any, inclusive: bool = True) -> EvidentlyTest:
    return EvidentlyTest(name, kinds, 0.1, score, below=False, inclusive=inclusive)


TESTS = {
    test.name: test
    for test in (
        EvidentlyTest("ks", (NUM,), 0.05, _scipy("ks_2samp"), inclusive=True),
        _distance("wasserstein", (NUM,), _wasserstein),
        EvidentlyTest("chisquare", (CAT,), 0.05, _chisquare),
        EvidentlyTest("z", (CAT,), 0.05, _z),
        _distance("jensenshannon", (CAT, NUM), _jensenshannon),
        _distance("psi", (CAT, NUM), _psi),
        _distance("kl_div", (CAT, NUM), _kl_div),
        _distance("hellinger", (CAT, NUM), _hellinger),
        _distance("ed", (NUM,), _energy, inclusive=False),
        EvidentlyTest("anderson", (NUM,), 0.1, _anderson),
        EvidentlyTest("cramer_von_mises", (NUM,), 0.1, _scipy("cramervonmises_2samp"), inclusive=True),
        EvidentlyTest("es", (NUM,), 0.05, _epps_singleton),
        EvidentlyTest("fisher_exact", (CAT,), 0.1, _fisher_exact),
        EvidentlyTest("g_test", (CAT,), 0.1, _g_test),
        EvidentlyTest("mannw", (NUM,), 0.05, _scipy("mannwhitneyu", alternative="less")),
        EvidentlyTest("t_test", (NUM,), 0.05, _scipy("ttest_ind")),
        EvidentlyTest("TVD", (CAT,), 0.1, _tvd),
    )
}
TEXT_TESTS = {"perc_text_content_drift": 0.95, "abs_text_content_drift": 0.55}
_FEW_ROWS, _FEW_VALUES = 1000, 5


def default_test(reference: Column, current: Column, kind: str) -> str:
    """Evidently's choice by the reference's rows and by the distinct values of both sides, cleaned."""
    import pandas as pd

    few = len(reference) <= _FEW_ROWS
    if kind == TEXT:
        return "perc_text_content_drift" if few else "abs_text_content_drift"
    distinct = pd.concat([reference, current]).nunique()
    if kind == NUM and distinct > _FEW_VALUES:
        return "ks" if few else "wasserstein"
    if not few:
        return "jensenshannon"
    return "chisquare" if distinct > 2 else "z"


def run_test(name: str, reference: Column, current: Column, kind: str, threshold: float) -> tuple[float, bool]:
    """Score and verdict of the named test. Raises ValueError and the like where Evidently does."""
    if name in TEXT_TESTS:
        return text_verdict(reference, current, threshold, calibrate=name.startswith("perc"))
    score = TESTS[name].score(reference, current, kind)
    return score, TESTS[name].drifted(score, threshold)
