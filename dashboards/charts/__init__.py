"""Charts: one function each, from read models to an Altair chart that tests compare as a dict."""

from dashboards.charts.distribution import distribution_chart
from dashboards.charts.drifted import drifted_chart
from dashboards.charts.latency import latency_chart
from dashboards.charts.metric import metric_chart
from dashboards.charts.sparkline import sparkline
from dashboards.charts.volume import volume_chart

__all__ = ["distribution_chart", "drifted_chart", "latency_chart", "metric_chart", "sparkline", "volume_chart"]
