"""Data quality: what is wrong with a window's rows, beside drift: missing, out of range, unseen, repeated, late."""

from monitor.quality.finding import QualityFinding, QualityRule
from monitor.quality.judge import judge_quality, quality_summary
from monitor.quality.limits import learn_limits
from monitor.quality.outliers import learn_outliers, numeric_rows
from monitor.quality.points import quality_points
from monitor.quality.volume import Rhythm, learn_rhythm, rhythm_starts, volume_point

__all__ = [
    "QualityFinding",
    "QualityRule",
    "Rhythm",
    "judge_quality",
    "learn_limits",
    "learn_outliers",
    "learn_rhythm",
    "numeric_rows",
    "quality_points",
    "quality_summary",
    "rhythm_starts",
    "volume_point",
]
