"""From a model's scores to chances: isotonic regression, kept as its breakpoints.

Scores that already are chances are left as they are: calibration is fitted on a sample and adds noise of its own, so it
is used only where it lowers the expected calibration error on rows it was not fitted on. Scores beyond 0 and 1
(margins, log odds, points) are no chances, and are always calibrated.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPLITS = 10
TEST_SHARE = 0.1
ECE_BINS = 10
SEED = 42


class Calibrator(msgspec.Struct, frozen=True):
    """A non-decreasing map from score to chance, in [0, 1]: straight lines between breakpoints, level outside of them.

    Without breakpoints scores are chances as they are. `ece_before` and `ece_after` are the expected calibration
    errors on held-out rows without and with calibration, None where they were not needed.
    """

    scores: tuple[float, ...] = ()
    chances: tuple[float, ...] = ()
    ece_before: float | None = None
    ece_after: float | None = None

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.scores, self.chances) if self.scores else np.clip(scores, 0.0, 1.0)


def fit_calibrator(scores: Floats, positive: NDArray[np.bool_]) -> Calibrator:
    """The calibrator of these scores, which is the identity where calibrating would not help.

    `scores` and `positive` have shape (n,), without missing values. Definition: NannyML 0.13.1 (ten stratified splits
    with a tenth held out, errors of all held-out rows together in ten bins of equal count), but for models that tell
    the classes apart all but perfectly. NannyML leaves their scores alone, and so takes a timid one (0.6 for every
    positive, 0.4 for every negative) to be right in 60 % of cases.
    """
    if scores.size < 2 * ECE_BINS or positive.all() or not positive.any():
        return Calibrator()
    before, after = held_out_errors(scores, positive)
    are_chances = bool(scores.min() >= 0 and scores.max() <= 1)
    if are_chances and (before is None or after is None or before <= after):
        return Calibrator(ece_before=before, ece_after=after)
    breakpoints, chances = isotonic(scores, positive)
    return Calibrator(tuple(breakpoints.tolist()), tuple(chances.tolist()), before, after)


def isotonic(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Breakpoints of the isotonic regression of the class on the score (Barlow et al. 1972), by scikit-learn."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip", increasing=True).fit(scores, positive.astype(np.float64))
    return np.asarray(fitted.X_thresholds_, np.float64), np.asarray(fitted.y_thresholds_, np.float64)


def held_out_errors(scores: Floats, positive: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """Expected calibration error without and with calibration, on rows that the calibration did not see."""
    from sklearn.model_selection import StratifiedShuffleSplit

    if min(int(positive.sum()), int((~positive).sum())) < 2:
        return None, None
    splits = StratifiedShuffleSplit(n_splits=SPLITS, test_size=TEST_SHARE, random_state=SEED)
    seen, raw, calibrated = [], [], []
    for train, test in splits.split(scores, positive):
        seen.append(positive[test])
        raw.append(scores[test])
        calibrated.append(np.interp(scores[test], *isotonic(scores[train], positive[train])))
    truth = np.concatenate(seen)
    return calibration_error(truth, np.concatenate(raw)), calibration_error(truth, np.concatenate(calibrated))


def calibration_error(positive: NDArray[np.bool_], chances: Floats, bins: int = ECE_BINS) -> float:
    """Expected calibration error over `bins` bins of equal count (Naeini et al. 2015); the last takes the remainder."""
    n = chances.size
    if n <= 2 * bins:
        bins = max(n // 2, 1)
    order = np.argsort(chances)
    chances, truth = chances[order], positive[order].astype(np.float64)
    edges = np.arange(0, n + 1, n // bins)
    edges[-1] = n
    gaps = [
        (right - left) / n * abs(chances[left:right].mean() - truth[left:right].mean())
        for left, right in pairwise(edges.tolist())
    ]
    return float(np.sum(gaps))
