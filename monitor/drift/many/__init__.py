"""Drift of many columns together: what no single column shows, at 1 % false alarms."""

from monitor.drift.many.method import FittedMethod, ManyColumnMethod, ManyVerdict, get_many_column_method

__all__ = ["FittedMethod", "ManyColumnMethod", "ManyVerdict", "get_many_column_method"]
