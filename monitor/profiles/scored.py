"""The scores of all predictions, labelled or not: what performance is estimated from before labels come."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS_PER_UNIT = 128
"""Cells per unit of log-odds: about 1/512 wide around a score of a half, 1 % of the score near 0, and so near 1."""
LARGEST_LOG_ODDS = 20
UNITS_PER_SCORE = 2**30
"""Sums are of whole units, so that they are the same in whatever order rows come and windows merge."""
_INNER = CELLS_PER_UNIT * LARGEST_LOG_ODDS
SAMPLE_ROWS = 1000
SAMPLE_NUMBERS = 6000
"""The most scores a sample holds: with more than six classes it has fewer rows, with more than a hundred none."""
MOST_CLASSES = 100


def sample_rows(classes: int) -> int:
    """How many rows a sample of so many classes may have."""
    return min(SAMPLE_ROWS, SAMPLE_NUMBERS // max(classes, 1)) if classes <= MOST_CLASSES else 0


def score_cells(scores: Floats) -> NDArray[np.int64]:
    """The cell of each finite score; cells are numbered in the order of scores.

    Cells of scores within [0, 1] are equally wide in log-odds, those of others (margins) in the logarithm of their
    distance from it, so that a rare class and a sure model are told as finely as a model that is in doubt.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.clip(np.log(scores / (1 - scores)), -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
        inside = np.floor(odds * CELLS_PER_UNIT)
        below = -_INNER - 1 - np.floor(np.log1p(np.maximum(-scores, 0.0)) * CELLS_PER_UNIT)
        above = _INNER + 1 + np.floor(np.log1p(np.maximum(scores - 1, 0.0)) * CELLS_PER_UNIT)
    cells = np.where(scores < 0, below, np.where(scores > 1, above, inside))
    return np.asarray(cells, np.int64)


def is_margin(cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the cell's scores are outside of [0, 1]."""
    return np.abs(cells) > _INNER


def cell_edges(cells: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The lowest and the highest score of each cell."""
    return _lowest(cells), np.where(cells == _INNER, 1.0, _lowest(cells + 1))


def _lowest(cells: NDArray[np.int64]) -> Floats:
    steps = cells / CELLS_PER_UNIT
    inside = np.where(cells <= -_INNER, 0.0, 1 / (1 + np.exp(-np.clip(steps, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS))))
    with np.errstate(over="ignore"):
        below = -np.expm1(np.maximum(-(cells + _INNER) / CELLS_PER_UNIT, 0.0))
        above = 1 + np.expm1(np.maximum((cells - _INNER - 1) / CELLS_PER_UNIT, 0.0))
    return np.where(cells < -_INNER, below, np.where(cells > _INNER, above, inside))


class ScoreCells(msgspec.Struct, frozen=True):
    """Scores on the fixed grid: cell → how many rows, and the sum of their scores in units of 2^-30.

    In a sum, scores below 0 count as 0 and those above 1 as 1: of margins their cell alone is known.
    """

    cells: dict[int, tuple[int, int]] = {}

    @classmethod
    def of(cls, scores: Floats) -> ScoreCells:
        """Cells of raw scores; the definition that every engine agrees with. Those that are not finite are left out."""
        finite = scores[np.isfinite(scores)]
        distinct, at = np.unique(score_cells(finite), return_inverse=True)
        rows, totals = np.bincount(at, minlength=distinct.size), np.zeros(distinct.size, np.int64)
        np.add.at(totals, at, np.floor(np.clip(finite, 0.0, 1.0) * UNITS_PER_SCORE + 0.5).astype(np.int64))
        return cls(dict(zip(distinct.tolist(), zip(rows.tolist(), totals.tolist(), strict=True), strict=True)))

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.cells.values())

    def merge(self, other: ScoreCells) -> ScoreCells:
        cells = dict(self.cells)
        for cell, (rows, total) in other.cells.items():
            old = cells.get(cell, (0, 0))
            cells[cell] = (old[0] + rows, old[1] + total)
        return ScoreCells(cells)


class ScoreSample(msgspec.Struct, frozen=True):
    """At most `sample_rows` predictions with their scores per class: those whose ids have the smallest hashes.

    The same rows are chosen whatever the order of merging, and they are a fair sample: hashes know nothing of scores.
    A class that a row has no score of is nan. `rows` is how many predictions the sample stands for.
    """

    hashes: tuple[int, ...] = ()
    predictions: tuple[str, ...] = ()
    scores: dict[str, tuple[float, ...]] = {}
    rows: int = 0

    def merge(self, other: ScoreSample) -> ScoreSample:
        classes = sorted({*self.scores, *other.scores})
        both = [*self._by_row(classes), *other._by_row(classes)]
        kept = sorted(both, key=_repeatable)[: sample_rows(len(classes))]
        return ScoreSample(
            tuple(row[0] for row in kept),
            tuple(row[1] for row in kept),
            {name: tuple(row[2][i] for row in kept) for i, name in enumerate(classes)},
            self.rows + other.rows,
        )

    def _by_row(self, classes: list[str]) -> list[tuple[int, str, tuple[float, ...]]]:
        absent = (math.nan,) * len(self.hashes)
        columns = [self.scores.get(name, absent) for name in classes]
        scores = zip(*columns, strict=True) if columns else [()] * len(self.hashes)
        return list(zip(self.hashes, self.predictions, scores, strict=True))


class ScoredProfile(msgspec.Struct, frozen=True):
    """Predictions beside their scores: on the grid by whether the positive class was predicted (binary), or as a
    sample (multiclass, where the scores of a row belong together). `unscored` predictions had no finite score."""

    positive: ScoreCells = ScoreCells()
    negative: ScoreCells = ScoreCells()
    unscored: int = 0
    sample: ScoreSample = ScoreSample()

    @property
    def rows(self) -> int:
        """How many predictions have scores."""
        return self.positive.rows + self.negative.rows + self.sample.rows

    def merge(self, other: ScoredProfile) -> ScoredProfile:
        return ScoredProfile(
            self.positive.merge(other.positive),
            self.negative.merge(other.negative),
            self.unscored + other.unscored,
            self.sample.merge(other.sample),
        )


def _repeatable(row: tuple[int, str, tuple[float, ...]]) -> tuple[int, str, tuple[float, ...]]:
    """Order of rows in a sample; nan, which compares to nothing, counts as the smallest."""
    return row[0], row[1], tuple(-math.inf if math.isnan(score) else score for score in row[2])
