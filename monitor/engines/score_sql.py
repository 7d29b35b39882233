"""Scores beside labels, by SQL: their grid, their exact ranking, and their losses as probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.engines.answers_sql import Window, create_answers
from monitor.engines.exact_sql import Sum, exact_sums, scaled_back
from monitor.engines.sql import Connection, literal
from monitor.performance.ranks import rank
from monitor.performance.rows import LARGEST_SCORE, MOST_CLASSES, TINY
from monitor.profiles import ProbabilityProfile, ScoreProfile
from monitor.profiles.labelled import CALIBRATION_BINS, CLASS_BINS_PER_UNIT, SCORE_BINS_PER_UNIT

# Scores are ranked in ranges that hold about so many rows, the lowest range first.
RANGE_ROWS = 1_000_000
# Scores per class are joined for as many classes at a time as keep the table below so many values.
_MOST_VALUES = 20_000_000
_LARGEST_LOSS = 36.1
_POWER = 64


def read_scores(
    connection: Connection, source: str, score: str, positive: str, per_unit: int = SCORE_BINS_PER_UNIT
) -> ScoreProfile:
    """The score profile of `source`, whose rows have a score (null: none) and are `positive` or not."""
    cell = f"floor(greatest(least({score}, {LARGEST_SCORE:e}), -{LARGEST_SCORE:e}) * {per_unit})::BIGINT"
    counts = f"count(*) FILTER (WHERE NOT {positive}) AS negatives, count(*) FILTER (WHERE {positive}) AS positives"
    rows = connection.execute(f"SELECT {cell}, {counts} FROM {source} WHERE {score} IS NOT NULL GROUP BY 1").fetchall()
    buckets = {index: (negatives, positives) for index, negatives, positives in sorted(rows)}
    grid = ScoreProfile(buckets, per_unit)
    if not grid.negatives or not grid.positives:
        return grid

    def ranges() -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        for first, last in _ranges(buckets):
            inside = f"{score} IS NOT NULL AND {cell} BETWEEN {first} AND {last}"
            query = f"SELECT {score} AS s, {counts} FROM {source} WHERE {inside} GROUP BY 1 ORDER BY 1"
            found = connection.execute(f"SELECT negatives, positives FROM ({query}) ORDER BY s").fetchnumpy()
            yield np.asarray(found["negatives"]), np.asarray(found["positives"])

    return ScoreProfile(buckets, per_unit, rank(ranges(), grid.negatives, grid.positives))


def _ranges(buckets: dict[int, tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last cell of each range; a cell is never cut."""
    first, held, last = None, 0, 0
    for index, pair in buckets.items():
        if first is not None and held + sum(pair) > RANGE_ROWS:
            yield first, last
            first, held = None, 0
        first, held, last = index if first is None else first, held + sum(pair), index
    if first is not None:
        yield first, last


@dataclass(frozen=True, slots=True)
class Losses:
    """Expressions over a row: its log loss, its Brier loss (at most `largest_brier`), (its confidence - whether that
    came true)²."""

    log: str
    brier: str
    gap: str
    largest_brier: float = 2.0


def log_loss(of_truth: str) -> str:
    """The log loss of a row that gave the truth this probability."""
    return f"-ln(least(greatest({of_truth}, {TINY:.17e}), {1 - TINY:.17e}))"


def read_probabilities(
    connection: Connection, source: str, losses: Losses, cells: Sequence[tuple[str, str]], n: int, outside: int
) -> ProbabilityProfile:
    """The profile of the n rows of `source`; `cells` has (confidence, came true) for each class that is calibrated."""
    most = losses.largest_brier
    sums = [Sum("a", _LARGEST_LOSS), Sum("a * a", _LARGEST_LOSS**2), Sum("b", most), Sum("b * b", most**2), Sum("c", 1)]
    rows = f"(SELECT {losses.log} AS a, {losses.brier} AS b, {losses.gap} AS c FROM {source})"
    loss, loss_square, square, fourth, gap = exact_sums(connection, rows, sums, n)
    bins: dict[int, tuple[int, int, int]] = {}
    for confidence, hit in cells:
        for index, rows_in, total, hits in connection.execute(
            f"""SELECT least(floor({confidence} * {CALIBRATION_BINS})::INTEGER, {CALIBRATION_BINS - 1}), count(*),
            sum(({confidence} * {2.0**_POWER:.17e})::HUGEINT), count(*) FILTER (WHERE {hit}) FROM {source} GROUP BY 1"""
        ).fetchall():
            old = bins.get(index, (0, 0, 0))
            bins[index] = (old[0] + rows_in, old[1] + int(total), old[2] + hits)
    found = {index: (count, scaled_back(total, _POWER), hits) for index, (count, total, hits) in sorted(bins.items())}
    return ProbabilityProfile(n, outside, loss, loss_square, square, fourth, found, gap)


def class_names(connection: Connection, window: Window) -> list[str]:
    """The classes that have scores, the first 100 by name."""
    if "scores" not in window.columns:
        return []
    rows = connection.execute(
        f"""SELECT DISTINCT c FROM (SELECT unnest(map_keys(scores)) AS c FROM w WHERE prediction IS NOT NULL)
        ORDER BY 1 LIMIT {MOST_CLASSES}"""
    ).fetchall()
    return [name for (name,) in rows]


def score_of(name: str) -> str:
    """The probability of one class; 0 where the row doesn't name the class or names no number."""
    value = f"p.scores[{literal(name)}]"
    return f"CASE WHEN isfinite({value}) THEN {value} ELSE 0 END"


def read_classes(connection: Connection, window: Window, names: Sequence[str]) -> dict[str, ScoreProfile]:
    """The scores of each class against the rest, of the labelled rows that have scores per class."""
    together = max(1, _MOST_VALUES // max(window.predicted, 1))
    found = {}
    for start in range(0, len(names), together):
        some = names[start : start + together]
        listed = ", ".join(literal(name) for name in some)
        columns = {
            "truth": f"coalesce(list_position([{listed}], l.label), 0)",
            "s": f"CASE WHEN cardinality(p.scores) > 0 THEN [{', '.join(score_of(name) for name in some)}] END",
        }
        create_answers(connection, window, columns, "class_scores")
        for place, name in enumerate(some, 1):
            scored = "(SELECT * FROM class_scores WHERE s IS NOT NULL)"
            found[name] = read_scores(connection, scored, f"s[{place}]", f"(truth = {place})", CLASS_BINS_PER_UNIT)
    connection.execute("DROP TABLE IF EXISTS class_scores")
    return found
