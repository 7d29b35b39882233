"""Two profiles on the same frozen bins, as bars that people can read. Pure."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from monitor.baselines import Bins, NumericBins
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile

_TAIL = 0.005
_HEAVY = 0.05


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of the rows that have a value, per bar, of the reference and of the current window.

    `labels` name the bars, in order. `edges` has one number more than there are bars where they cover ranges of a
    number, and is empty for categories and whole values. An empty profile has shares of 0.
    """

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    edges: tuple[float, ...] = ()


EMPTY = Histogram((), (), ())


def histogram(bins: Bins, reference: ColumnProfile | None, current: ColumnProfile | None, most: int = 24) -> Histogram:
    """At most `most` bars. Quantile bins are spread over bars of equal width: all their reference shares are equal by
    construction, so drawn as they are they would hide the shape."""
    if isinstance(bins, NumericBins):
        before = reference if isinstance(reference, NumericProfile) else NumericProfile.zero(bins.edges)
        after = current if isinstance(current, NumericProfile) else NumericProfile.zero(bins.edges)
        if _is_whole_values(before) and len(bins.edges) <= most:
            return _value_bars(before, after)
        return _range_bars(before, after, most)
    first = reference if isinstance(reference, CategoricalProfile) else CategoricalProfile.zero(bins.categories)
    second = current if isinstance(current, CategoricalProfile) else CategoricalProfile.zero(bins.categories)
    return _category_bars(first, second, most)


def format_number(value: float) -> str:
    """A bin's edge, short.

    >>> [format_number(v) for v in (3.0, 0.12345, 1234567.0, -0.5)]
    ['3', '0.123', '1,234,567', '-0.5']
    """
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"


def _is_whole_values(reference: NumericProfile) -> bool:
    """Whether each bin held one value in the reference: its edges are then the values themselves."""
    if not reference.edges or not reference.n:
        return False
    return reference.counts[-1] == 0 and all(count > 0 for count in reference.counts[:-1])


def _value_bars(reference: NumericProfile, current: NumericProfile) -> Histogram:
    labels = [format_number(edge) for edge in reference.edges]
    before, after = list(reference.counts[:-1]), list(current.counts[:-1])
    if current.counts[-1]:
        labels.append(f"> {labels[-1]}")
        before.append(0)
        after.append(current.counts[-1])
    return Histogram(tuple(labels), _shares(before), _shares(after))


def _range_bars(reference: NumericProfile, current: NumericProfile, most: int) -> Histogram:
    known = [profile for profile in (reference, current) if profile.n]
    if not known:
        return EMPTY
    low = min(profile.quantile(_TAIL) for profile in known)
    high = max(profile.quantile(1 - _TAIL) for profile in known)
    if not math.isfinite(high - low) or high <= low:
        return Histogram((format_number(low),), _shares([reference.n]), _shares([current.n]))
    edges = np.linspace(low, high, most + 1)
    labels = [f"{format_number(a)} to {format_number(b)}" for a, b in itertools.pairwise(edges)]
    return Histogram(
        tuple(labels), _spread(reference, edges), _spread(current, edges), tuple(float(edge) for edge in edges)
    )


def _spread(profile: NumericProfile, edges: NDArray[np.float64]) -> tuple[float, ...]:
    """Shares on other edges: each bin's rows taken as even over its width, a heavy tail's as its moments say."""
    if not profile.n or profile.low is None or profile.high is None:
        return (0.0,) * (len(edges) - 1)
    inner = np.clip(np.asarray(profile.edges), profile.low, profile.high)
    at = np.concatenate([[profile.low], inner, [profile.high]])
    counts = np.asarray(profile.counts, dtype=np.float64)
    shares = np.zeros(len(edges) - 1)
    tail = 0 if counts[0] > counts[-1] else len(counts) - 1
    for index, count in enumerate(counts):
        if count:
            left, right = float(at[index]), float(at[index + 1])
            heavy = index == tail and count > _HEAVY * profile.n and right > left
            shape = _tail_shape(profile, at, index) if heavy else None
            shares += count / profile.n * _over(edges, left, right, shape)
    return tuple(float(share) for share in shares)


def _over(
    edges: NDArray[np.float64], left: float, right: float, shape: tuple[float, float] | None
) -> NDArray[np.float64]:
    """How one bin's rows fall on other edges; what lies outside them goes to the outer bars."""
    if right <= left:
        below = (edges >= right).astype(np.float64)
    else:
        below = np.clip((edges - left) / (right - left), 0.0, 1.0)
        if shape is not None:
            below = betainc(*shape, below)
    below[0], below[-1] = 0.0, 1.0
    return np.diff(below)


def _tail_shape(profile: NumericProfile, at: NDArray[np.float64], tail: int) -> tuple[float, float] | None:
    """The beta distribution that the rows of an open-ended bin follow, by the column's mean and deviation.

    A drifted column has much of its mass beyond the baseline's outermost bin: taken as even over that width it would
    look like a plateau that is not there. None where the moments fit no beta distribution.
    """
    middles, counts = (at[:-1] + at[1:]) / 2, np.asarray(profile.counts, dtype=np.float64)
    others = np.arange(len(counts)) != tail
    width, left = at[tail + 1] - at[tail], at[tail]
    first = (profile.n * profile.mean - (counts * middles)[others].sum()) / counts[tail]
    second = (profile.m2 + profile.n * profile.mean**2 - (counts * middles**2)[others].sum()) / counts[tail]
    mean, variance = (first - left) / width, (second - first**2) / width**2
    if not (0.0 < mean < 1.0 and 0.0 < variance < mean * (1 - mean)):
        return None
    strength = mean * (1 - mean) / variance - 1
    return max(1.0, mean * strength), max(1.0, (1 - mean) * strength)


def _category_bars(reference: CategoricalProfile, current: CategoricalProfile, most: int) -> Histogram:
    """The most frequent categories first; the rest together, and values the baseline never had on their own."""
    before, after = _shares([*reference.counts, reference.unseen]), _shares([*current.counts, current.unseen])
    weight = [a + b for a, b in zip(before, after, strict=True)][:-1]
    ranked = sorted(range(len(weight)), key=lambda i: (-weight[i], reference.categories[i]))
    room = most - 2 if len(ranked) > most else len(ranked)
    shown, rest = ranked[:room], ranked[room:]
    labels = [reference.categories[i] for i in shown]
    bars = [(before[i], after[i]) for i in shown]
    if rest:
        labels.append(f"{len(rest)} others")
        bars.append((sum(before[i] for i in rest), sum(after[i] for i in rest)))
    if before[-1] or after[-1]:
        labels.append("never seen before")
        bars.append((before[-1], after[-1]))
    return Histogram(tuple(labels), tuple(bar[0] for bar in bars), tuple(bar[1] for bar in bars))


def _shares(counts: list[int]) -> tuple[float, ...]:
    total = sum(counts)
    return tuple(count / total if total else 0.0 for count in counts)
