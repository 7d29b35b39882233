"""A model's weekly rhythm: how long nothing had come, at each hour of the week, when all was well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from monitor.windows import MONDAY

HOUR = timedelta(hours=1)
WEEK_HOURS = 168
MEMORY = timedelta(weeks=8)
"""How far back the rhythm is learnt from: far enough to be sure of it, near enough to follow when it changes."""

LEAST_WEEKS = 3
# A model that rests so long every week follows the days of people, who have holidays too.
_WEEKEND = 36.0, 100.0
# What comes within so many hours of what was missed belongs to the same day's work.
_SAME_DAY = 12.0
# A run that comes after a rest may be late by this share of it.
_LATE_SHARE = 0.05

Quiet = tuple[datetime, float]
"""An hour, and for how many seconds nothing had come at its end."""
Hours = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is usual.

    `allowed` is, per hour of the week (UTC, from Monday), the longest that nothing had come in earlier weeks, in hours,
    nan where fewer than three weeks know it; the hours before and after count too. A model is overdue while it is quiet
    for longer than that; `overdue` is for how many hours on end one week was, by what the others allowed, at most.
    `rests`: there is a weekend in it.
    """

    allowed: Hours
    overdue: int
    rests: bool

    def is_silent(self, last: datetime, now: datetime, factor: float) -> bool:
        """Whether nothing since `last` is more than a holiday, a late run or chance explains.

        That is when the model has been overdue for more than `factor` times as long as it ever was, an hour at least,
        and longer than a twentieth of the rest before. Where it rests at weekends, two days' work must be missed: a
        public holiday is no defect.
        """
        late = [t for t in _hours(last, now) if (t - last) / HOUR > self.allowed_at(t) + 1]
        if not late or late[-1] != now:
            return False
        rest = max((self.allowed_at(t) for t in _hours(last, late[0]) if t != late[0]), default=0.0)
        usual = max(factor * max(self.overdue, 1), _LATE_SHARE * rest if np.isfinite(rest) else 0.0)
        if (now - late[0]) / HOUR < usual:
            return False
        next_day = late[0] + _SAME_DAY * HOUR
        return not self.rests or any((t - next_day) / HOUR > self.allowed_at(t) + 1 for t in late)

    def allowed_at(self, moment: datetime) -> float:
        """In hours; infinite where it is not known."""
        allowed = float(self.allowed[(moment - MONDAY) // HOUR % WEEK_HOURS])
        return np.inf if np.isnan(allowed) else allowed


def learn_rhythm(quiet: Sequence[Quiet], last: datetime) -> Rhythm | None:
    """The rhythm up to `last`, when the present gap began; None while fewer than three weeks are known."""
    weeks = _by_week([(hour, seconds / 3600) for hour, seconds in quiet if hour + HOUR <= last])
    if len(weeks) < LEAST_WEEKS:
        return None
    around = _widened(weeks)
    known = (~np.isnan(around)).sum(axis=0) >= LEAST_WEEKS
    filled = np.where(np.isnan(around), -np.inf, around)
    second, most = np.sort(filled, axis=0)[-2:]
    others = np.where(known & (filled == most), second, most)
    # Any moment of an hour is looked at: how long it had been when the hour began counts for it too.
    reached = np.fmax(weeks, _shifted(weeks, 1))
    late = known & (reached > others) & np.isfinite(others)
    longest = max((len(list(run)) for is_late, run in groupby(late.ravel().tolist()) if is_late), default=0)
    usual = [
        float(np.median(column[~np.isnan(column)])) for column in weeks.T if (~np.isnan(column)).sum() >= LEAST_WEEKS
    ]
    low, high = _WEEKEND
    return Rhythm(np.where(known, most, np.nan), longest, low <= max(usual, default=0.0) <= high)


def _by_week(quiet: Sequence[tuple[datetime, float]]) -> Hours:
    """Hours of quiet as weeks x hours of the week, nan where nobody looked."""
    if not quiet:
        return np.empty((0, WEEK_HOURS))
    hours = np.array([(moment - MONDAY) // HOUR for moment, _ in quiet])
    first = int(hours.min()) // WEEK_HOURS
    weeks = np.full((int(hours.max()) // WEEK_HOURS - first + 1, WEEK_HOURS), np.nan)
    weeks[hours // WEEK_HOURS - first, hours % WEEK_HOURS] = [lasted for _, lasted in quiet]
    return weeks


def _widened(weeks: Hours) -> Hours:
    """Each hour's largest value of itself and its neighbours."""
    return np.fmax(np.fmax(_shifted(weeks, 1), weeks), _shifted(weeks, -1))


def _shifted(weeks: Hours, by: int) -> Hours:
    """What was so many hours before."""
    line = np.full(weeks.size, np.nan)
    if by > 0:
        line[by:] = weeks.ravel()[:-by]
    else:
        line[:by] = weeks.ravel()[-by:]
    return line.reshape(weeks.shape)


def _hours(last: datetime, now: datetime) -> Iterator[datetime]:
    moment = last + HOUR
    while moment < now:
        yield moment
        moment += HOUR
    yield now
