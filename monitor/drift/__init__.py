"""Drift: how far a window is from its baseline, whether that is chance, and what moved, in words."""

from monitor.drift.judge import ColumnVerdict, DriftRule, judge_columns, judge_prediction
from monitor.drift.methods import DriftMethod, get_method

__all__ = ["ColumnVerdict", "DriftMethod", "DriftRule", "get_method", "judge_columns", "judge_prediction"]
