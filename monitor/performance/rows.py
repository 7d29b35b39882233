"""Labelled rows, and the profile that the definitions give for them: what every engine's must equal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.performance.multilabel import read_classes
from monitor.performance.ranking import request_values
from monitor.performance.ranks import rank_rows
from monitor.performance.spread import SAMPLE_ROWS, calibration_spread, score_spread, set_spread
from monitor.profiles import (
    ErrorProfile,
    LabelledProfile,
    LabelMoments,
    MultilabelProfile,
    ProbabilityProfile,
    RankingProfile,
    ScoreProfile,
    Spread,
)
from monitor.profiles.label_errors import FARTHEST
from monitor.profiles.labelled import CALIBRATION_BINS, CLASS_BINS_PER_UNIT, SCORE_BINS_PER_UNIT
from monitor.schemas import Task

Numbers = NDArray[np.float64]
Texts = NDArray[np.object_]
TINY = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in a log loss, and labels from 0 in a percentage, as in scikit-learn."""
LARGEST_ERROR = 1e150
"""Beyond this an error is a broken value: its square is more than a float can hold."""
LARGEST_SCORE = 1e12
"""Scores are not always probabilities; those that no bucket could number are held back to a trillion."""
MOST_CLASSES = 100
"""Scores per class are followed for so many classes, the first by name."""


@dataclass(frozen=True)
class LabelledRows:
    """Predictions beside their labels, an array per column, all of one length; missing numbers are nan.

    `prediction` and `label` are the classes' texts, the `_value` columns the same as numbers. `scores` has the
    probabilities per class or None, `group` the request of a ranked item. `features` are those that were asked for.
    """

    prediction: Texts
    label: Texts
    prediction_value: Numbers
    label_value: Numbers
    score: Numbers
    scores: Sequence[Mapping[str, float] | None] = ()
    group: Texts | None = None
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def take(self, chosen: NDArray[Any]) -> LabelledRows:
        """The rows of this mask or these indices."""
        places = np.arange(len(self))[chosen]
        return LabelledRows(
            self.prediction[chosen],
            self.label[chosen],
            self.prediction_value[chosen],
            self.label_value[chosen],
            self.score[chosen],
            [self.scores[place] for place in places] if len(self.scores) else (),
            self.group[chosen] if self.group is not None else None,
            {name: values[chosen] for name, values in self.features.items()},
        )


def profile_rows(rows: LabelledRows, task: Task | None, positive: str | None = None) -> LabelledProfile:
    """The labelled profile of these rows; `predicted` is their number, `delay` is empty."""
    n = len(rows)
    match task:
        case Task.REGRESSION:
            return LabelledProfile(n, n, errors=error_profile(rows.prediction_value, rows.label_value))
        case Task.BINARY:
            truth = rows.label == positive
            known = np.isfinite(rows.score) & (positive is not None)
            scores = score_profile(rows.score[known], truth[known])
            probabilities = binary_probabilities(rows.score[known], truth[known])
            return LabelledProfile(n, n, _confusion(rows), scores, probabilities=probabilities)
        case Task.MULTICLASS:
            classes, probabilities = _multiclass(rows)
            spread = class_spread(rows, list(classes))
            return LabelledProfile(n, n, _confusion(rows), probabilities=probabilities, classes=classes, spread=spread)
        case Task.MULTILABEL:
            return LabelledProfile(n, n, multilabel=multilabel_profile(rows))
        case Task.RANKING:
            return LabelledProfile(n, n, ranking=ranking_profile(rows))
        case _:
            return LabelledProfile(n, n)


def error_profile(predicted: Numbers, labels: Numbers) -> ErrorProfile:
    """Sums over the rows whose prediction and label are numbers below 1e150."""
    with np.errstate(over="ignore", invalid="ignore"):
        errors = predicted - labels
    known = (np.abs(errors) < LARGEST_ERROR) & (np.abs(labels) < LARGEST_ERROR)
    error, y = errors[known], labels[known]
    if not len(y):
        return ErrorProfile()
    size = np.abs(error)
    percentage = np.minimum(size / np.maximum(np.abs(y), TINY), LARGEST_ERROR)
    mean = math.fsum(y) / len(y)
    d, held = np.clip(y - mean, -FARTHEST, FARTHEST), np.minimum(size, FARTHEST) ** 2
    m2, m3, m4, cross, cross_square = map(math.fsum, (d**2, d**3, d**4, held * d, held * d**2))
    moments = LabelMoments(len(y), mean, m2, m3, m4, cross, cross_square)
    total, absolute, square, over, fourth = map(
        math.fsum, (error, size, error**2, np.where(error > 0, error**2, 0.0), held**2)
    )
    shares, share_squares = math.fsum(percentage), math.fsum(percentage**2)
    return ErrorProfile(len(y), total, absolute, square, over, fourth, shares, share_squares, moments)


def score_profile(scores: Numbers, positive: NDArray[np.bool_], per_unit: int = SCORE_BINS_PER_UNIT) -> ScoreProfile:
    """The grid of these finite scores, and how exactly they rank."""
    cells = np.floor(np.clip(scores, -LARGEST_SCORE, LARGEST_SCORE) * per_unit).astype(np.int64)
    buckets: dict[int, tuple[int, int]] = {}
    numbers, places = np.unique(cells, return_inverse=True)
    rows = np.bincount(places, minlength=len(numbers))
    hits = np.bincount(places, weights=positive, minlength=len(numbers)).astype(np.int64)
    for number, count, hit in zip(numbers.tolist(), rows.tolist(), hits.tolist(), strict=True):
        buckets[number] = (count - hit, hit)
    return ScoreProfile(buckets, per_unit, rank_rows(scores, positive))


def binary_probabilities(scores: Numbers, positive: NDArray[np.bool_]) -> ProbabilityProfile:
    inside = (scores >= 0) & (scores <= 1)
    p, truth = scores[inside], positive[inside]
    of_truth = np.where(truth, p, 1 - p)
    brier = np.where(truth, p - 1, p) ** 2
    return _probabilities(_log_losses(of_truth), brier, p, truth, brier, int((~inside).sum()))


def _multiclass(rows: LabelledRows) -> tuple[dict[str, ScoreProfile], ProbabilityProfile]:
    columns = zip(rows.scores, rows.label, rows.prediction, strict=False)
    found = [(scores, str(label), str(predicted)) for scores, label, predicted in columns if scores]
    known = [row for row in found if all(0 <= value <= 1 for value in row[0].values())]
    of_label = np.array([scores.get(label, 0.0) for scores, label, _ in known])
    confidence = np.array([scores.get(predicted, 0.0) for scores, _, predicted in known])
    squares = np.array([math.fsum(value * value for value in scores.values()) for scores, _, _ in known])
    hits = np.array([label == predicted for _, label, predicted in known], dtype=bool)
    brier = squares - 2 * of_label + 1
    gaps = (confidence - hits) ** 2
    names = sorted(set().union(*(scores for scores, _, _ in found)))[:MOST_CLASSES]
    truth = np.array([label for _, label, _ in found], dtype=object)
    classes = {
        name: score_profile(_finite([s.get(name, 0.0) for s, _, _ in found]), truth == name, CLASS_BINS_PER_UNIT)
        for name in names
    }
    return classes, _probabilities(_log_losses(of_label), brier, confidence, hits, gaps, len(found) - len(known))


def _finite(values: list[float]) -> Numbers:
    """The values as numbers, 0 for those that are none."""
    numbers = np.array(values, dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, 0.0)


def multilabel_profile(rows: LabelledRows) -> MultilabelProfile:
    predicted, labelled = [read_classes(t) for t in rows.prediction], [read_classes(t) for t in rows.label]
    names = sorted(set().union(*predicted, *labelled))[:MOST_CLASSES]
    counts = {}
    for name in names:
        p = np.array([name in classes for classes in predicted])
        y = np.array([name in classes for classes in labelled])
        counts[name] = (int((p & y).sum()), int((p & ~y).sum()), int((~p & y).sum()))
    exact = sum(p == y for p, y in zip(predicted, labelled, strict=True))
    scored = [(s, y) for s, y in zip(rows.scores, labelled, strict=False) if s]
    keys = sorted(set().union(*(s for s, _ in scored)))[:MOST_CLASSES]
    cells = {
        key: (_finite([s.get(key, 0.0) for s, _ in scored]), np.array([key in y for _, y in scored])) for key in keys
    }
    scores = {key: score_profile(*pair, CLASS_BINS_PER_UNIT) for key, pair in cells.items()}
    spread = label_set_spread(rows, names, keys)
    return MultilabelProfile(len(rows), exact, counts, scores, _cells(cells), spread)


def class_spread(rows: LabelledRows, names: Sequence[str]) -> Spread:
    """How far the first 2,000 rows that have scores move the means over the classes (multiclass)."""
    scored = [(s, label) for s, label in zip(rows.scores, rows.label, strict=False) if s][:SAMPLE_ROWS]
    truth = np.array([[label == name for name in names] for _, label in scored], dtype=bool)
    return score_spread(np.array([_finite([s.get(name, 0.0) for name in names]) for s, _ in scored]), truth)


def label_set_spread(rows: LabelledRows, names: Sequence[str], scored: Sequence[str]) -> Spread:
    """How far the first 2,000 rows move the means over the classes (multilabel); `scored` are those with scores."""
    predicted = [read_classes(text) for text in rows.prediction[:SAMPLE_ROWS]]
    labelled = [read_classes(text) for text in rows.label[:SAMPLE_ROWS]]
    sets = set_spread(
        np.array([[name in found for name in names] for found in predicted], dtype=bool),
        np.array([[name in found for name in names] for found in labelled], dtype=bool),
    )
    known = [(s, found) for s, found in zip(rows.scores[:SAMPLE_ROWS], labelled, strict=False) if s]
    truth = np.array([[name in found for name in scored] for _, found in known], dtype=bool)
    values = np.array([_finite([s.get(name, 0.0) for name in scored]) for s, _ in known])
    scores, calibration = score_spread(values, truth), calibration_spread(np.clip(values, 0, 1), truth)
    return Spread(sets.n, {**sets.squares, **scores.squares, **calibration.squares})


def _cells(cells: Mapping[str, tuple[Numbers, NDArray[np.bool_]]]) -> ProbabilityProfile:
    """Each row's losses are means over the classes; the calibration counts every class of every row."""
    if not cells:
        return ProbabilityProfile()
    p, truth = (np.array([pair[i] for pair in cells.values()]) for i in (0, 1))
    known = ((p >= 0) & (p <= 1)).all(axis=0)
    p, truth = p[:, known], truth[:, known]
    brier = np.where(truth, p - 1, p) ** 2
    losses = _log_losses(np.where(truth, p, 1 - p)).mean(axis=0)
    rows = _probabilities(losses, brier.mean(axis=0), p.ravel(), truth.ravel(), brier.mean(axis=0), int((~known).sum()))
    return rows


def ranking_profile(rows: LabelledRows) -> RankingProfile:
    assert rows.group is not None, "a ranking's rows say which request they are of"
    score = np.where(np.isfinite(rows.score), rows.score, rows.prediction_value)
    known = np.isfinite(score) & np.isfinite(rows.label_value)
    by_request: dict[str, list[int]] = {}
    for place in np.flatnonzero(known):
        by_request.setdefault(rows.group[place], []).append(int(place))
    found = [request_values(score[p], rows.label_value[p]) for p in by_request.values() if len(p) > 1]
    if not found:
        return RankingProfile()
    ndcg, average, reciprocal, hits = (np.array(values, dtype=np.float64) for values in zip(*found, strict=True))
    a, b, c, d, e, f = (math.fsum(x) for values in (ndcg, average, reciprocal) for x in (values, values**2))
    return RankingProfile(len(found), a, b, c, d, e, f, int(hits.sum()))


def _log_losses(of_truth: Numbers) -> Numbers:
    return np.asarray(-np.log(np.clip(of_truth, TINY, 1 - TINY)))


def _probabilities(
    losses: Numbers, brier: Numbers, confidence: Numbers, hits: NDArray[np.bool_], gaps: Numbers, outside: int
) -> ProbabilityProfile:
    places = np.minimum(np.floor(confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    bins = {
        int(b): (int(here.sum()), math.fsum(confidence[here]), int(hits[here].sum()))
        for b in np.unique(places)
        if (here := places == b).any()
    }
    a, b, c, d = map(math.fsum, (losses, losses**2, brier, brier**2))
    return ProbabilityProfile(len(losses), outside, a, b, c, d, bins, math.fsum(gaps))


def _confusion(rows: LabelledRows) -> dict[str, dict[str, int]]:
    confusion: dict[str, dict[str, int]] = {}
    for label, prediction in zip(rows.label, rows.prediction, strict=True):
        row = confusion.setdefault(label, {})
        row[prediction] = row.get(prediction, 0) + 1
    return confusion
