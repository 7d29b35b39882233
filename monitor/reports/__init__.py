"""Reports: pages to hand to somebody, made by well-known tools from the rows themselves."""

from monitor.reports.drift_report import drift_report
from monitor.reports.spans import Spans, choose_spans

__all__ = ["Spans", "choose_spans", "drift_report"]
