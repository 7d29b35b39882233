"""Performance metrics of one window, from the labels that have arrived."""

from monitor.performance.metric import performance_points, primary_metric

__all__ = ["performance_points", "primary_metric"]
