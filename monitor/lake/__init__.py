"""The lake: every prediction and label, in open Delta tables that the user owns."""

from monitor.lake.lake import Kind, Lake
from monitor.lake.tables import labels_table, predictions_table

__all__ = ["Kind", "Lake", "labels_table", "predictions_table"]
