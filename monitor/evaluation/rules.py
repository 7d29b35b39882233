"""What a monitor is, without its storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What one look at one window found. Only `ok` and `breach` count towards an incident."""

    OK = "ok"
    BREACH = "breach"
    INSUFFICIENT = "insufficient"
    UNDEFINED = "undefined"


class Severity(StrEnum):
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class MonitorRule:
    """A metric, its window, and when to call it a breach.

    An incident opens at `breaches` breaches among the last `looks` decided windows, the newest being one, and resolves
    after `recoveries` decided windows in a row without one. `segment` is `all`, one segment such as `region=eu`, every
    one of a dimension (`region=*`) or every one there is (`*`); each has incidents of its own. A `window` below zero
    counts rows (`monitor.windows.parse_span`).
    """

    name: str
    metric: str
    window: timedelta
    threshold: dict[str, Any] = field(default_factory=dict)
    breaches: int = 2
    looks: int = 3
    recoveries: int = 2
    min_rows: int = 50
    severity: Severity = Severity.WARNING
    segment: str = "all"
