"""Performance metrics of one window, from the labels that have arrived."""

from monitor.performance.metric import PERFORMANCE_METRICS, performance_points, primary_metric

__all__ = ["PERFORMANCE_METRICS", "performance_points", "primary_metric"]
