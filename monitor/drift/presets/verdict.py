"""What a preset says of one column, and of all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from monitor.points import Status


class Finding(StrEnum):
    """What is to be seen to in a column; NONE is nothing. The last four stop a gate as much as drift does."""

    NONE = ""
    NOT_JUDGED = "not judged"
    NEW = "new column"
    DRIFT = "drift"
    MISSING = "missing column"
    TYPE_CHANGED = "type changed"
    EMPTIED = "no values any more"

    @property
    def fails(self) -> bool:
        return self not in (Finding.NONE, Finding.NOT_JUDGED, Finding.NEW)


class PresetVerdict(msgspec.Struct, frozen=True):
    """One column: the method's value against its threshold, and why; `value` None where there is none to give."""

    name: str
    method: str = ""
    value: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    drifted: bool = False
    status: Status = Status.OK
    why: str = ""
    finding: Finding = Finding.NONE

    @property
    def excess(self) -> float:
        """How far beyond its threshold, for the order of a table: above 1 is beyond; 0 where it can't be told."""
        if self.value is None or not self.threshold:
            return math.inf if self.finding.fails else 0.0
        less_is_worse = self.p_value is not None and self.value == self.p_value
        return self.threshold / max(self.value, 1e-300) if less_is_worse else self.value / self.threshold


def not_judged(name: str, why: str, finding: Finding = Finding.NOT_JUDGED, method: str = "") -> PresetVerdict:
    """A column that has no value, and the reason."""
    return PresetVerdict(name, method, status=Status.UNDEFINED, why=why, finding=finding)


def drifted_share(verdicts: Sequence[PresetVerdict]) -> float:
    """Drifted columns over all columns that were judged; 0 when none was."""
    judged = [verdict for verdict in verdicts if verdict.status is Status.OK]
    return sum(verdict.drifted for verdict in judged) / len(judged) if judged else 0.0
