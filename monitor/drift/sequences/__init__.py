"""Changes in a sequence of numbers, one metric value per window, with a known time between false alarms."""

from monitor.drift.sequences.calibration import calibrate
from monitor.drift.sequences.method import SequenceMethod, get_sequence_method
from monitor.drift.sequences.watch import Watched, watch

__all__ = ["SequenceMethod", "Watched", "calibrate", "get_sequence_method", "watch"]
