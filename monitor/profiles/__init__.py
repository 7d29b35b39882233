"""Profiles: small mergeable summaries of many rows, from which every metric is computed.

Each is a monoid: `merge` is associative and has a zero, so a longer range or a coarser segment is a merge of stored
profiles and costs the same whatever the number of rows behind them.
"""

from monitor.profiles.columns import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.labelled import ErrorProfile, LabelledProfile, ScoreProfile
from monitor.profiles.service import LatencySketch, ServiceProfile
from monitor.profiles.window import WindowProfile, decode_profile, encode_profile

__all__ = [
    "CategoricalProfile",
    "ColumnProfile",
    "ErrorProfile",
    "LabelledProfile",
    "LatencySketch",
    "NumericProfile",
    "ScoreProfile",
    "ServiceProfile",
    "WindowProfile",
    "decode_profile",
    "encode_profile",
]
