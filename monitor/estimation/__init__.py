"""Estimated performance, before labels come: CBPE for classes, DLE for numbers, and how good the estimates were."""

from monitor.estimation.cbpe import BinaryCbpe, Estimate, MulticlassCbpe, fit_cbpe, realised_band
from monitor.estimation.errors import PREDICTION, ErrorModel, fit_dle
from monitor.estimation.estimator import Estimator, decode_estimator, encode_estimator
from monitor.estimation.points import (
    ESTIMATED_METRICS,
    THRESHOLDS,
    estimated_points,
    estimation_error_points,
    realised_metric,
)

__all__ = [
    "ESTIMATED_METRICS",
    "PREDICTION",
    "THRESHOLDS",
    "BinaryCbpe",
    "ErrorModel",
    "Estimate",
    "Estimator",
    "MulticlassCbpe",
    "decode_estimator",
    "encode_estimator",
    "estimated_points",
    "estimation_error_points",
    "fit_cbpe",
    "fit_dle",
    "realised_band",
    "realised_metric",
]
