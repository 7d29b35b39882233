"""An objective's state in a sentence."""

from __future__ import annotations

import math

from monitor.metrics import format_value
from monitor.slo.burn import Burn
from monitor.slo_settings import SloSettings
from monitor.windows import format_duration


def in_words(name: str, slo: SloSettings, burn: Burn, left: float) -> str:
    """How many calls were bad, and what that does to the error budget, of which the share `left` is left.

    "1.2 % of the calls failed in the last 1 h (62 of 5,166): the error budget of checkout (99.9 % over 30d) is spent
    12 times as fast as it may be; 83 % of it is left"
    """
    events = burn.long_events
    did = "failed" if slo.latency_ms is None else f"took longer than {format_value('latency_p95', slo.latency_ms)}"
    share = f"{events.bad_share * 100:.3g} % of the calls {did} in the last {format_duration(burn.rule.long)}"
    promise = f"{name} ({slo.target * 100:.6g} % over {slo.period})"
    rest = "" if math.isnan(left) else f"; {left * 100:.3g} % of it is left" if left > 0 else "; nothing of it is left"
    return (
        f"{share} ({events.bad_weight:,.0f} of {events.weight:,.0f}): the error budget of {promise} is spent "
        f"{burn.long_rate:.3g} times as fast as it may be{rest}"
    )
