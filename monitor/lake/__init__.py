"""The lake: every prediction and label, in open Delta tables that the user owns."""

from monitor.lake.lake import Kind, Lake
from monitor.lake.tables import (
    ARROW_TYPES,
    MEASURES,
    TIME,
    Moments,
    complete_table,
    labels_table,
    moments,
    predictions_table,
)

__all__ = [
    "ARROW_TYPES",
    "MEASURES",
    "TIME",
    "complete_table",
    "Kind",
    "Lake",
    "Moments",
    "labels_table",
    "moments",
    "predictions_table",
]
