"""Service level objectives: good and bad calls, burn rates over several windows, what is left of the error budget."""

from monitor.slo.budget import budget_left
from monitor.slo.burn import Burn, BurnRule, SloState, burn_rate, burn_rules, judge_slo
from monitor.slo.events import NO_EVENTS, Events, Minutes, Objective, add_counted, events_of, total

__all__ = [
    "NO_EVENTS",
    "Burn",
    "BurnRule",
    "Events",
    "Minutes",
    "Objective",
    "SloState",
    "add_counted",
    "budget_left",
    "burn_rate",
    "burn_rules",
    "events_of",
    "judge_slo",
    "total",
]
