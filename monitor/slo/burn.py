"""Burn rates over several windows: how fast an error budget is spent, and when that is worth waking somebody.

Source: Google, The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.slo.events import Events, Minutes, total

MINUTE = timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Long window, short window, share of the period's budget that the long one may spend, whether it pages.
_ALERTS = (
    (_HOUR, timedelta(minutes=5), 0.02, True),
    (6 * _HOUR, timedelta(minutes=30), 0.05, True),
    (_DAY, 2 * _HOUR, 0.1, False),
    (3 * _DAY, 6 * _HOUR, 0.1, False),
)
LONGEST = max(long for long, *_ in _ALERTS)
LONGEST_SHORT = max(short for _, short, *_ in _ALERTS)
# Where no call is good, at least so much of the greatest burn rate there can be is an alarm, whatever the target.
_OUTAGE = 0.5


@dataclass(frozen=True, slots=True)
class BurnRule:
    """Both windows must burn at `rate` or more: the long one says that it matters, the short one that it goes on."""

    long: timedelta
    short: timedelta
    rate: float
    pages: bool


@dataclass(frozen=True, slots=True)
class Burn:
    """What one rule found. Rates are nan where a window has no call."""

    rule: BurnRule
    long_rate: float
    short_rate: float
    long_events: Events
    fires: bool


@dataclass(frozen=True, slots=True)
class SloState:
    """What all rules found at `end`; `burns` is empty where nothing recent enough is known."""

    end: datetime | None
    burns: Sequence[Burn] = ()

    @property
    def firing(self) -> Burn | None:
        """The most urgent rule that fires."""
        return next((burn for burn in self.burns if burn.fires), None)

    def of(self, pages: bool) -> SloState:
        """What the rules that page found, or those that don't."""
        return SloState(self.end, tuple(burn for burn in self.burns if burn.rule.pages is pages))

    @property
    def shown(self) -> Burn | None:
        """The rule to tell of: the one that fires, else the most urgent one that has calls."""
        return self.firing or next((burn for burn in self.burns if burn.long_events.rows), None)


def burn_rules(target: float, period: timedelta) -> tuple[BurnRule, ...]:
    """The rules of an objective, the most urgent first: for 30 days 14.4, 6, 3 and 1 times the rate that spends it all.

    For another period the windows stay and the rates change with it, so that an alarm always means the same share of
    the budget; but none is below 1, at which the target is just met, nor above half the rate of a complete outage,
    which a low target would never reach. Windows longer than half of the period are left out.
    """
    most = max(1.0, _OUTAGE / (1 - target))
    return tuple(
        BurnRule(long, short, min(max(1.0, share * (period / long)), most), pages)
        for long, short, share, pages in _ALERTS
        if 2 * long <= period
    )


def burn_rate(events: Events, target: float) -> float:
    """How many times faster the budget is spent than the target allows: 1 spends it just in the period; nan unknown."""
    return events.bad_share / (1 - target)


def judge_slo(
    minutes: Minutes,
    target: float,
    period: timedelta,
    now: datetime,
    least_failures: int = 5,
    paged_until: datetime | None = None,
) -> SloState:
    """Judge all rules over the windows that end with the newest minute that has calls, or now if that is earlier.

    So a log that arrives late is judged when it arrives, by each rule whose long window still reaches the present: a
    page about an hour that was yesterday helps nobody. A rule fires only where its long window has `least_failures` bad
    rows: one failed call in a quiet night is no alarm. What somebody was paged about until `paged_until` is over for
    the rules that don't page: their short windows begin after it.
    """
    if not minutes:
        return SloState(None)
    end = min(max(minutes) + MINUTE, now + MINUTE)
    judged = [rule for rule in burn_rules(target, period) if now - end <= rule.long]
    return SloState(end, tuple(_burn(rule, minutes, end, target, least_failures, paged_until) for rule in judged))


def _burn(
    rule: BurnRule, minutes: Minutes, end: datetime, target: float, least_failures: int, paged_until: datetime | None
) -> Burn:
    since = end - rule.short
    if paged_until is not None and not rule.pages:
        since = max(since, paged_until)
    long, short = _within(minutes, end - rule.long, end), _within(minutes, since, end)
    rates = burn_rate(long, target), burn_rate(short, target)
    # Sums of shares miss exact thresholds by their last digits.
    fires = min(rates, key=_or_zero) >= rule.rate * (1 - 1e-9) and long.bad_rows >= least_failures
    return Burn(rule, *rates, long, fires)


def _within(minutes: Minutes, start: datetime, end: datetime) -> Events:
    return total(events for minute, events in minutes.items() if start <= minute < end)


def _or_zero(rate: float) -> float:
    return 0.0 if math.isnan(rate) else rate
