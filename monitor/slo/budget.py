"""What is left of an error budget."""

from __future__ import annotations

import math

from monitor.slo.events import Events


def budget_left(events: Events, target: float) -> float:
    """The share of the period's error budget that is not spent: 1 untouched, 0 gone, below 0 overspent; nan if unknown.

    The budget is (1 - target) of the calls that the period has had so far. Source: Google, The Site Reliability
    Workbook, chapter 2.
    """
    return 1 - events.bad_share / (1 - target) if events.weight else math.nan
