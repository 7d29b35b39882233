"""Whether a window has as many rows as is usual at its time: against the same hour of earlier weeks, robustly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from monitor.points import Point, undefined
from monitor.profiles import WindowProfile
from monitor.quality.finding import QualityFinding, QualityRule
from monitor.windows import Window

LEAST_WEEKS = 3
LEAST_DAYS = 5
LEAST_WINDOWS = 12
_DEVIATIONS = 5.0
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The rows that windows of this kind usually have: their median, and the largest and smallest that were seen.

    `sigma` is a normal distribution's deviation from the median absolute one, and at least that of counts (Poisson).
    `what` says which windows these are.
    """

    usual: float
    sigma: float
    lowest: float
    highest: float
    what: str


def rhythm_starts(window: Window) -> list[datetime]:
    """The starts of the earlier windows that a rhythm is learnt from: eight weeks, fourteen days, thirty windows."""
    steps = [(timedelta(days=7), 8), (timedelta(days=1), 14), (window.size, 30)]
    usable = [(step, most) for step, most in steps if step >= window.size]
    return sorted({window.start - at * step for step, most in usable for at in range(1, most + 1)})


def learn_rhythm(earlier: Sequence[tuple[datetime, float]], window: Window) -> Rhythm | None:
    """From the rows of earlier windows of the same size, given by their start.

    The same time of the week in at least three earlier weeks; else the same time of day on at least five days; else at
    least twelve windows of any time; else None.
    """
    choices = (
        (timedelta(days=7), LEAST_WEEKS, "the same time of earlier weeks"),
        (timedelta(days=1), LEAST_DAYS, "the same time of earlier days"),
        (window.size, LEAST_WINDOWS, "earlier windows"),
    )
    for period, least, what in choices:
        rows = [count for start, count in earlier if _is_earlier(start, window, period)]
        if period >= window.size and len(rows) >= least:
            return _rhythm(rows, what)
    return None


def _is_earlier(start: datetime, window: Window, period: timedelta) -> bool:
    return start < window.start and (window.start - start) % period == timedelta(0)


def _rhythm(rows: Sequence[float], what: str) -> Rhythm:
    usual = median(rows)
    sigma = _MAD_TO_SIGMA * median(abs(count - usual) for count in rows)
    return Rhythm(usual, max(sigma, usual**0.5, 1.0), min(rows), max(rows), what)


def volume_point(rows: float, rhythm: Rhythm | None, n: int) -> Point:
    """`volume`: the window's rows as a share of the usual number, 1 being usual."""
    if rhythm is None:
        return undefined("volume", n, "too few earlier windows to know the usual number of rows")
    if not rhythm.usual:
        return undefined("volume", n, f"{rhythm.what} had no rows")
    return Point("volume", rows / rhythm.usual, n)


def volume_finding(profile: WindowProfile, rhythm: Rhythm, rule: QualityRule) -> Iterator[QualityFinding]:
    """A number of rows below half or above twice the usual one, five deviations from it, and beyond any seen before."""
    rows, least = profile.service.weight or float(profile.service.rows), rule.least("volume")
    if rhythm.usual < rule.min_rows:
        return
    low = min(least * rhythm.usual, rhythm.usual - _DEVIATIONS * rhythm.sigma, rhythm.lowest)
    high = max(rhythm.usual / least, rhythm.usual + _DEVIATIONS * rhythm.sigma, rhythm.highest)
    if rows < low or rows > high:
        why = f"{rows:,.0f} rows where {rhythm.usual:,.0f} are usual ({rhythm.what})"
        limit = low if rows < low else high
        yield QualityFinding("", "volume", rows / rhythm.usual, limit / rhythm.usual, None, profile.service.rows, why)
