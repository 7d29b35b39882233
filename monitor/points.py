"""A metric's value about one window, as every stage passes it on."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec


class Status(StrEnum):
    """Whether the value means something: `insufficient` is too few rows, `undefined` has its reason in words."""

    OK = "ok"
    INSUFFICIENT = "insufficient"
    UNDEFINED = "undefined"


class Point(msgspec.Struct, frozen=True):
    """A named number about a window; `column` names the feature it is about, or is empty.

    `low` and `high` are the 95 % interval where there is one. `n` is the number of rows behind the value.
    """

    metric: str
    value: float | None
    n: int
    column: str = ""
    low: float | None = None
    high: float | None = None
    status: Status = Status.OK
    reason: str = ""


def undefined(metric: str, n: int, reason: str, column: str = "") -> Point:
    return Point(metric, None, n, column, status=Status.UNDEFINED, reason=reason)


def point(metric: str, value: float, n: int, column: str = "", error: float | None = None) -> Point:
    """A point; `error` is the value's standard error, from which its 95 % interval is made. nan gives `undefined`."""
    if math.isnan(value):
        return undefined(metric, n, "no rows to compute it from", column)
    if error is None or math.isnan(error):
        return Point(metric, value, n, column)
    return Point(metric, value, n, column, value - 1.96 * error, value + 1.96 * error)


def share_point(metric: str, hits: int, n: int, column: str = "") -> Point:
    """A share hits / n with its Wilson interval (Wilson 1927), which stays inside [0, 1] and is fair at small n."""
    if n == 0:
        return undefined(metric, 0, "no rows to compute it from", column)
    return Point(metric, hits / n, n, column, *share_interval(hits / n, n))


def share_interval(p: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of `n` rows (Wilson 1927), n > 0; `n` may be an effective number of rows."""
    z = 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # Rounding must not leave a share of 0 or 1 outside of its own interval.
    return min(max(0.0, centre - half), p), max(min(1.0, centre + half), p)
