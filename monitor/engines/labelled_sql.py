"""Predictions beside their latest labels, by SQL; monitor.performance.rows has the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from monitor.engines.answers_sql import Window, class_type, create_answers, read_window
from monitor.engines.custom_sql import read_custom, read_rows
from monitor.engines.engine import ProfileRequest
from monitor.engines.exact_sql import Sum, exact_sums
from monitor.engines.group_sql import group_column
from monitor.engines.ranking_sql import item_columns, read_ranking
from monitor.engines.score_sql import (
    Losses,
    class_names,
    log_loss,
    read_classes,
    read_probabilities,
    read_scores,
    score_of,
)
from monitor.engines.sql import Connection, literal, one_row
from monitor.performance.multilabel import read_classes as read_set
from monitor.performance.rows import LARGEST_ERROR, MOST_CLASSES, TINY, class_spread, label_set_spread
from monitor.performance.spread import SAMPLE_ROWS
from monitor.profiles import (
    ErrorProfile,
    LabelledProfile,
    LabelMoments,
    LatencySketch,
    MultilabelProfile,
    ProbabilityProfile,
)
from monitor.profiles.label_errors import FARTHEST
from monitor.profiles.labelled import CLASS_BINS_PER_UNIT
from monitor.profiles.service import GAMMA, LOG_GAMMA, SMALLEST_MS
from monitor.schemas import Task

_DELAY = f"""ceil(ln(greatest((epoch_us(l.labelled_at) - epoch_us(p.event_time)) / 1e6, {SMALLEST_MS})) / {LOG_GAMMA!r})
  ::SMALLINT"""
LabelledSets = tuple[frozenset[str], frozenset[str], int]
"""The classes of the label, those of the prediction, and how many rows have these."""
_SCORED = "(SELECT * FROM answers WHERE scored AND inside)"


def read_labelled(connection: Connection, request: ProfileRequest, present: frozenset[str]) -> LabelledProfile:
    """The labelled rows of the window `w`, as counts and sums that merge."""
    if request.labels.empty:
        (predicted,) = one_row(connection.execute("SELECT count(prediction) FROM w"))
        return LabelledProfile(0, predicted)
    connection.execute("DROP TABLE IF EXISTS answers")  # another segment's
    window = read_window(connection, present)
    if not window.labels or not window.predicted:
        return LabelledProfile(0, window.predicted)
    rows = create_answers(connection, window, {"delay": _DELAY, **_columns(connection, window, request)})
    found = LabelledProfile(rows, window.predicted, delay=_delays(connection))
    if rows:
        found = _compared(connection, window, request, rows, found)
    return read_custom(connection, window, request, found)


def _columns(connection: Connection, window: Window, request: ProfileRequest) -> dict[str, str]:
    """What the task compares: a column per part of an answer or a label that it needs."""
    match request.task:
        case Task.REGRESSION:
            return {"predicted": "p.prediction_value", "label": "l.label_value"}
        case Task.BINARY:
            kind = class_type(connection, window)
            positive = literal(request.positive_class) if request.positive_class is not None else "NULL"
            score = "p.score"
            if window.unscored and request.positive_class is not None and "scores" in window.columns:
                score = f"coalesce(p.score, p.scores[{positive}])"
            return {
                "prediction": f"CAST(p.prediction AS {kind})",
                "label": f"CAST(l.label AS {kind})",
                "selected": f"coalesce(p.prediction = {positive}, false)",
                "positive": f"coalesce(l.label = {positive}, false)",
                "score": f"CASE WHEN isfinite({score}) THEN {score} END",
                **group_column(connection, window, request),
            }
        case Task.MULTICLASS:
            kind = class_type(connection, window)
            classes = {"prediction": f"CAST(p.prediction AS {kind})", "label": f"CAST(l.label AS {kind})"}
            if "scores" not in window.columns:
                return classes
            return classes | {
                "scored": "p.scores IS NOT NULL AND cardinality(p.scores) > 0",
                "inside": "list_min(map_values(p.scores)) >= 0 AND list_max(map_values(p.scores)) <= 1",
                "of_label": "coalesce(p.scores[l.label], 0)",
                "confidence": "coalesce(p.scores[p.prediction], 0)",
                "square": "list_sum(list_transform(map_values(p.scores), lambda x: x * x))",
                "hit": "l.label = p.prediction",
            }
        case Task.MULTILABEL:
            return {"prediction": "p.prediction", "label": "l.label"}
        case Task.RANKING:
            return item_columns(window)
        case _:
            return {}


def _compared(
    connection: Connection, window: Window, request: ProfileRequest, rows: int, found: LabelledProfile
) -> LabelledProfile:
    counted = (found.labelled, found.predicted)
    match request.task:
        case Task.REGRESSION:
            return LabelledProfile(*counted, errors=_errors(connection), delay=found.delay)
        case Task.BINARY:
            confusion, delay = _confusion(connection), found.delay
            if request.positive_class is None:
                return LabelledProfile(*counted, confusion, delay=delay)
            scores = read_scores(connection, "answers", "score", "positive")
            return LabelledProfile(*counted, confusion, scores, probabilities=_binary(connection), delay=delay)
        case Task.MULTICLASS:
            names, confusion, delay = class_names(connection, window), _confusion(connection), found.delay
            if not names:
                return LabelledProfile(*counted, confusion, delay=delay)
            return LabelledProfile(
                *counted,
                confusion,
                probabilities=_multiclass(connection),
                classes=read_classes(connection, window, names),
                spread=class_spread(read_rows(connection, window, request, rows, SAMPLE_ROWS), names),
                delay=delay,
            )
        case Task.MULTILABEL:
            return LabelledProfile(*counted, multilabel=_multilabel(connection, window, request), delay=found.delay)
        case Task.RANKING:
            return LabelledProfile(*counted, ranking=read_ranking(connection, rows), delay=found.delay)
        case _:
            return found


def _delays(connection: Connection) -> LatencySketch:
    rows = connection.execute("SELECT delay, count(*) FROM answers GROUP BY 1 ORDER BY 1").fetchall()
    return LatencySketch(dict(rows), GAMMA ** rows[-1][0] if rows else 0.0)


def _confusion(connection: Connection) -> dict[str, dict[str, int]]:
    confusion: dict[str, dict[str, int]] = {}
    query = "SELECT label::VARCHAR, prediction::VARCHAR, count(*) FROM answers GROUP BY ALL ORDER BY ALL"
    for label, prediction, count in connection.execute(query).fetchall():
        confusion.setdefault(label, {})[prediction] = count
    return confusion


def _errors(connection: Connection) -> ErrorProfile:
    known = f"abs(predicted - label) < {LARGEST_ERROR:e} AND abs(label) < {LARGEST_ERROR:e}"
    rows = f"(SELECT predicted - label AS e, label AS y FROM answers WHERE {known})"
    share = f"least(abs(e) / greatest(abs(y), {TINY:.17e}), {LARGEST_ERROR:e})"
    n, largest, most, worst = one_row(
        connection.execute(f"SELECT count(*), max(abs(e)), max(abs(y)), max({share}) FROM {rows}")
    )
    if not n:
        return ErrorProfile()
    held, small = f"least(abs(e), {FARTHEST:e}) ** 2", min(largest, FARTHEST)
    signed, absolute, square, over, fourth, shares, share_squares, total = exact_sums(
        connection,
        rows,
        [
            Sum("e", largest),
            Sum("abs(e)", largest),
            Sum("e * e", largest**2),
            Sum("CASE WHEN e > 0 THEN e * e END", largest**2),
            Sum(f"({held}) ** 2", small**4),
            Sum(share, worst),
            Sum(f"({share}) ** 2", worst**2),
            Sum("y", most),
        ],
        n,
    )
    mean = total / n
    far, d = min(2 * most, FARTHEST), f"greatest(least(y - {mean:.17e}, {FARTHEST:e}), -{FARTHEST:e})"
    about = f"(SELECT {held} AS h, {d} AS d FROM {rows})"
    products = [
        Sum("d * d", far**2),
        Sum("d ** 3", far**3),
        Sum("d ** 4", far**4),
        Sum("h * d", small**2 * far),
        Sum("h * d * d", small**2 * far**2),
    ]
    m2, m3, m4, cross, cross_square = exact_sums(connection, about, products, n)
    moments = LabelMoments(n, mean, m2, m3, m4, cross, cross_square)
    return ErrorProfile(n, signed, absolute, square, over, fourth, shares, share_squares, moments)


def _binary(connection: Connection) -> ProbabilityProfile:
    inside = "score BETWEEN 0 AND 1"
    n, outside = one_row(
        connection.execute(
            f"SELECT count(*) FILTER (WHERE {inside}), count(*) FILTER (WHERE NOT ({inside})) FROM answers"
        )
    )
    brier = "CASE WHEN positive THEN (score - 1) * (score - 1) ELSE score * score END"
    losses = Losses(log_loss("CASE WHEN positive THEN score ELSE 1 - score END"), brier, brier)
    source = f"(SELECT * FROM answers WHERE {inside})"
    return read_probabilities(connection, source, losses, [("score", "positive")], n, outside)


def _multiclass(connection: Connection) -> ProbabilityProfile:
    n, outside, most = one_row(
        connection.execute(
            """SELECT count(*) FILTER (WHERE inside), count(*) FILTER (WHERE NOT inside),
            max(square) FILTER (WHERE inside) FROM answers WHERE scored"""
        )
    )
    gap = "(confidence - hit::INTEGER) * (confidence - hit::INTEGER)"
    # Scores of one class each (sigmoids) add up to more than 1.
    losses = Losses(log_loss("of_label"), "square - 2 * of_label + 1", gap, largest_brier=max(2.0, (most or 0.0) + 1))
    return read_probabilities(connection, _SCORED, losses, [("confidence", "hit")], n, outside)


def _multilabel(connection: Connection, window: Window, request: ProfileRequest) -> MultilabelProfile:
    """Texts are taken apart by the same function everywhere, each once."""
    sets = connection.execute("SELECT label, prediction, count(*) FROM answers GROUP BY ALL").fetchall()
    pairs = [(read_set(label), read_set(prediction), count) for label, prediction, count in sets]
    names = sorted(frozenset().union(*(label | predicted for label, predicted, _ in pairs)))[:MOST_CLASSES]
    counts = _class_counts(pairs, names)
    exact = sum(count for label, predicted, count in pairs if label == predicted)
    n = sum(count for _, _, count in pairs)
    scored = class_names(connection, window)
    spread = label_set_spread(read_rows(connection, window, request, n, SAMPLE_ROWS), names, scored)
    if not scored:
        return MultilabelProfile(n, exact, counts, spread=spread)
    texts = sorted({label for label, _, _ in sets if label is not None})
    known = pa.table({"text": texts, "truth": [[name in read_set(text) for name in scored] for text in texts]})
    connection.register("label_sets", known)
    values = ", ".join(score_of(name) for name in scored)
    create_answers(
        connection,
        window,
        {"label": "l.label", "s": f"CASE WHEN cardinality(p.scores) > 0 THEN [{values}] END"},
        "set_scores",
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE class_scores AS SELECT s, truth FROM set_scores
        JOIN label_sets ON label = text WHERE s IS NOT NULL"""
    )
    scores = {
        name: read_scores(connection, "class_scores", f"s[{i}]", f"truth[{i}]", CLASS_BINS_PER_UNIT)
        for i, name in enumerate(scored, 1)
    }
    probabilities = _cells(connection, len(scored))
    connection.execute("DROP TABLE set_scores; DROP TABLE class_scores")
    connection.unregister("label_sets")
    return MultilabelProfile(n, exact, counts, scores, probabilities, spread)


def _class_counts(pairs: Iterable[LabelledSets], names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """How often each class is rightly predicted, wrongly predicted and missed."""
    right, wrong, missed = (dict.fromkeys(names, 0) for _ in range(3))
    for label, predicted, count in pairs:
        for kind, found in ((right, label & predicted), (wrong, predicted - label), (missed, label - predicted)):
            for name in found & kind.keys():
                kind[name] += count
    return {name: (right[name], wrong[name], missed[name]) for name in names}


def _cells(connection: Connection, classes: int) -> ProbabilityProfile:
    places = range(1, classes + 1)
    inside = "list_min(s) >= 0 AND list_max(s) <= 1"
    n, outside = one_row(
        connection.execute(
            f"SELECT count(*) FILTER (WHERE {inside}), count(*) FILTER (WHERE NOT ({inside})) FROM class_scores"
        )
    )
    log = " + ".join(log_loss(f"CASE WHEN truth[{i}] THEN s[{i}] ELSE 1 - s[{i}] END") for i in places)
    brier = " + ".join(f"(s[{i}] - truth[{i}]::INTEGER) * (s[{i}] - truth[{i}]::INTEGER)" for i in places)
    losses = Losses(f"({log}) / {classes}", f"({brier}) / {classes}", f"({brier}) / {classes}")
    source = f"(SELECT * FROM class_scores WHERE {inside})"
    return read_probabilities(connection, source, losses, [(f"s[{i}]", f"truth[{i}]") for i in places], n, outside)
