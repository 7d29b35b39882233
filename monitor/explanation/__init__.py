"""Why a finding is one: what moved, how much it matters to the model, and whether it looks broken or real."""

from monitor.explanation.explain import Explanation, Fall, dated, explain
from monitor.explanation.importance import learn_importance
from monitor.explanation.segments import SegmentFall, fallen_segments
from monitor.explanation.units import UnitChange, find_unit_change

__all__ = [
    "Explanation",
    "Fall",
    "SegmentFall",
    "UnitChange",
    "dated",
    "explain",
    "fallen_segments",
    "find_unit_change",
    "learn_importance",
]
