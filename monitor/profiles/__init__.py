"""Profiles: small mergeable summaries of many rows, from which every metric is computed.

Each is a monoid: `merge` is associative and has a zero, so a longer range or a coarser segment is a merge of stored
profiles and costs the same whatever the number of rows behind them.
"""

from monitor.profiles.columns import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.groups import GroupProfile
from monitor.profiles.labelled import (
    CustomValue,
    ErrorProfile,
    LabelledProfile,
    LabelMoments,
    MultilabelProfile,
    ProbabilityProfile,
    Ranking,
    RankingProfile,
    ScoreProfile,
    Spread,
)
from monitor.profiles.service import LatencySketch, ServiceProfile
from monitor.profiles.stored import MergedWindows, decode_profile, encode_profile, merge_all, merge_stored
from monitor.profiles.window import WindowProfile

__all__ = [
    "CategoricalProfile",
    "ColumnProfile",
    "CustomValue",
    "ErrorProfile",
    "GroupProfile",
    "LabelMoments",
    "LabelledProfile",
    "LatencySketch",
    "MergedWindows",
    "MultilabelProfile",
    "NumericProfile",
    "ProbabilityProfile",
    "Ranking",
    "RankingProfile",
    "ScoreProfile",
    "ServiceProfile",
    "Spread",
    "WindowProfile",
    "decode_profile",
    "encode_profile",
    "merge_all",
    "merge_stored",
]
