"""The lake: every prediction and label, in open Delta tables that the user owns."""

from monitor.lake.lake import Kind, Lake
from monitor.lake.tables import Moments, labels_table, moments, predictions_table

__all__ = ["Kind", "Lake", "Moments", "labels_table", "moments", "predictions_table"]
