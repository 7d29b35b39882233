"""Whether a column came in another unit: the change of unit that turns the baseline's values into the window's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.explanation.conversions import KNOWN, Conversion
from monitor.explanation.shape import GRID, Shape, shape_of
from monitor.profiles import NumericProfile

Values = NDArray[np.float64]

CLOSE = 0.15
"""How far the converted baseline may be from the window for a unit change to be named at all; see UnitChange."""
_MOVED = 0.5
_BEST_SHARE = 0.2
_DISJOINT = 0.1
# What sampling explains: within half of its size two conversions are the same, within twice it one fits.
_TIE, _FITS = 0.5, 2.0
_ONE_BLOCK_IN, _CLOSE_TO_BLOCKS = 20, 0.3


class UnitChange(msgspec.Struct, frozen=True):
    """The window's values look like `scale` * f(baseline's values) + `offset`, f being `form` ("x", "log(x)", …).

    `name` says the units, where the factor is that of a known conversion, else "". `before` and `after` are the
    distances of the window from the baseline as it is and as converted: means of |difference between quantiles|, in
    mean deviations of the window's values (of their mean and deviation, where no quantiles are known). `sure` is the
    share of the distance that the conversion explains, from 0 to 1. `certainty` also weighs how likely it is that the
    values really changed so: "almost certainly" (they left the range they had, and the conversion fits as well as
    sampling allows), "probably", or "possibly" (a factor below ten, of values that overlap with those before).
    """

    scale: float
    offset: float
    form: str
    name: str
    before: float
    after: float
    sure: float
    certainty: str


def find_unit_change(
    reference: NumericProfile | Values, current: NumericProfile | Values, blocks: Sequence[NumericProfile] = ()
) -> UnitChange | None:
    """The change of unit that explains how the window's values differ from the baseline's; None where there is none.

    Both may be raw values (NaN and infinite ones are left out), which tell more, or profiles, whose bins may not
    resolve a window that left them; then its mean and deviation have to do. Known conversions are tried first, then any
    factor. Needs 50 values on both sides, at least five different quantiles, and a window that clearly moved.

    A window of a season is narrower than a year of them: where it left the baseline's range, and no conversion of the
    whole fits, one of any of the baseline's `blocks` may.
    """
    before, after = shape_of(reference), shape_of(current)
    if before is None or after is None:
        return None
    moved, noise = distance(_AS_IT_IS, before, after), _noise(before, after)
    if moved < _MOVED:
        return None
    found = _closest(KNOWN, before, after, noise)
    if found is None or not _is_close(found[0], moved, noise):
        found = _any_factor(before, after)
    if found is not None and _is_close(found[0], moved, noise):
        left, c = found
        fits = left <= _FITS * noise
        certainty = _certainty(c, before, after, fits)
        if certainty == "possibly" and not fits:
            return None
    elif seasonal := _of_some_blocks(before, after, blocks):
        left, c, certainty = seasonal
    else:
        return None
    return UnitChange(c.scale, c.offset, c.form, c.name, moved, left, max(0.0, 1 - left / moved), certainty)


def _is_close(left: float, moved: float, noise: float) -> bool:
    return left <= max(CLOSE, _FITS * noise) and left <= _BEST_SHARE * moved


def _certainty(conversion: Conversion, before: Shape, after: Shape, fits: bool) -> str:
    """How sure one may be: real changes seldom leave the old range, and seldom multiply by ten or add 273.15."""
    overlap = before.overlap(after)
    if overlap <= _DISJOINT and conversion.name and not conversion.is_plain_factor:
        return "almost certainly" if fits else "probably"
    if overlap <= _DISJOINT or (overlap <= 0.5 and not conversion.is_plain_factor):
        return "probably" if fits and (conversion.name or conversion.form != "x") else "possibly"
    return "possibly"


def _closest(
    conversions: tuple[Conversion, ...], before: Shape, after: Shape, noise: float
) -> tuple[float, Conversion] | None:
    """The first of the conversions that comes as close as any, give or take what sampling does to distances."""
    found = [(distance(c, before, after), c) for c in conversions if _is_identifiable(c, after)]
    best = min((left for left, _ in found), default=np.inf)
    return next((pair for pair in found if pair[0] <= best + _TIE * noise and np.isfinite(pair[0])), None)


def _of_some_blocks(
    before: Shape, after: Shape, blocks: Sequence[NumericProfile]
) -> tuple[float, Conversion, str] | None:
    """The known conversion that turns some blocks into the window, which has left the range of them all.

    By mean and deviation: two weeks of one season have these in common, and less often the shape. Factors below ten are
    left out: some block times one of them is like anything. Where several conversions will do, the first is possible.
    """
    shapes = [shape for block in blocks if (shape := shape_of(block)) is not None]
    if not shapes or before.overlap(after) > _DISJOINT:
        return None
    after = replace(after, resolved=False)
    found = []
    for conversion in KNOWN:
        if _is_identifiable(conversion, after) and not conversion.is_plain_factor:
            left = sorted(distance(conversion, shape, after) for shape in shapes)[len(shapes) // _ONE_BLOCK_IN]
            if left <= _CLOSE_TO_BLOCKS:
                found.append((left, conversion))
    return (*found[0], "probably" if len(found) == 1 else "possibly") if found else None


def _is_identifiable(conversion: Conversion, after: Shape) -> bool:
    """Whether the offset can be seen: degrees Fahrenheit of an income in dollars can't."""
    return not conversion.offset or abs(conversion.offset) > 0.2 * after.spread


def _any_factor(before: Shape, after: Shape) -> tuple[float, Conversion] | None:
    """The factor, without an offset, that brings the baseline closest; only for positive values, far from 1.

    With an offset as well, any bell would fit any other.
    """
    old, new = before.quantiles, after.quantiles
    if old[0] <= 0 or new[0] <= 0:
        return None
    factor = float(np.exp(np.log(new / old).mean())) if after.resolved else after.mean / before.mean
    if not np.isfinite(factor) or 2 / 3 < factor < 1.5:
        return None
    conversion = Conversion("", factor)
    return distance(conversion, before, after), conversion


def distance(conversion: Conversion, before: Shape, after: Shape) -> float:
    """How far the converted baseline is from the window; inf where it can't be converted."""
    if before.quantiles[0] < conversion.low or before.quantiles[-1] > conversion.high:
        return np.inf
    with np.errstate(all="ignore"):
        converted = np.sort(conversion(before.quantiles))
        if not np.isfinite(converted).all() or converted[0] == converted[-1]:
            return np.inf
        if after.resolved and before.spans_orders and after.quantiles[0] > 0:
            logs = _log_shape(after)
            return float(np.nan_to_num(np.abs(np.log(converted) - logs.quantiles).mean() / logs.spread, nan=np.inf))
        if after.resolved:
            return float(np.abs(converted - after.quantiles).mean() / after.spread)
        if conversion.form == "x":
            mean, std = conversion.scale * before.mean + conversion.offset, abs(conversion.scale) * before.std
        else:
            mean, std = float(converted.mean()), float(converted.std())
        return float(max(abs(mean - after.mean), abs(std - after.std)) / after.std)


def _noise(before: Shape, after: Shape) -> float:
    """The distance that sampling alone makes between two sets of rows as large as these, on average."""
    sampling = float(np.sqrt(2 / np.pi * (1 / before.n + 1 / after.n)))
    if not after.resolved:
        return 2 * sampling
    if before.spans_orders and after.quantiles[0] > 0:
        after = _log_shape(after)
    density = np.gradient(after.quantiles, GRID)
    return sampling * float((np.sqrt(GRID * (1 - GRID)) * density).mean() / after.spread)


def _log_shape(shape: Shape) -> Shape:
    return Shape(shape.n, np.log(shape.quantiles), shape.mean, shape.std)


_AS_IT_IS = Conversion("")
