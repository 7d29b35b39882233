"""Fitting what estimates a model's performance before labels come, once per baseline and again as its labels come."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa

from monitor.baselines import Bins
from monitor.engines import Engine, ProfileRequest
from monitor.errors import InvalidValue
from monitor.estimation import PREDICTION, Estimator, fit_cbpe, fit_dle
from monitor.schemas import Task

log = logging.getLogger(__name__)

LEAST_LABELLED = 200
MOST_LABELLED = 50_000


def fit_estimator(engine: Engine, request: ProfileRequest) -> Estimator | None:
    """The estimator of the baseline whose profile is asked for, from its labelled rows, at most 50,000 of them.

    None where nothing can be estimated: fewer than 200 labelled rows, no scores, labels of one class only, or a task
    that has no estimate. It is fitted on whatever labels there are, so it is the same in whatever order they came.
    """
    if request.task not in (Task.BINARY, Task.MULTICLASS, Task.REGRESSION):
        return None
    rows = engine.labelled_rows(
        request.predictions, request.labels, request.start, request.end, request.features, MOST_LABELLED
    )
    if rows.num_rows < LEAST_LABELLED:
        return None
    try:
        match request.task:
            case Task.REGRESSION:
                return _fit_errors(rows, request)
            case Task.MULTICLASS:
                return _fit_classes(rows)
            case _:
                return _fit_binary(rows, request.positive_class)
    except InvalidValue as error:
        log.info("performance can't be estimated: %s", error)
        return None


def _fit_binary(rows: pa.Table, positive: str | None) -> Estimator | None:
    labels, predictions = _column(rows, "label"), _column(rows, "prediction")
    if positive is None or len({label == positive for label in labels}) < 2:
        return None
    scores = [
        score if score is not None else _scores_of(by_class).get(positive)
        for score, by_class in zip(_column(rows, "score"), _column(rows, "scores"), strict=True)
    ]
    estimator = fit_cbpe(labels, predictions, [_number(score) for score in scores], positive)
    return estimator if estimator.rows >= LEAST_LABELLED else None


def _fit_classes(rows: pa.Table) -> Estimator | None:
    labels, predictions = _column(rows, "label"), _column(rows, "prediction")
    by_row = [_scores_of(by_class) for by_class in _column(rows, "scores")]
    classes = sorted({name for scores in by_row for name in scores} & set(labels))
    if len(classes) < 2:
        return None
    table = {name: [_number(scores.get(name)) for scores in by_row] for name in classes}
    estimator = fit_cbpe(labels, predictions, table)
    return estimator if estimator.rows >= LEAST_LABELLED else None


def _fit_errors(rows: pa.Table, request: ProfileRequest) -> Estimator | None:
    bins: dict[str, Bins] = {}
    columns: dict[str, list[Any]] = {}
    for name, feature in request.features.items():
        if name in request.columns and feature.column in rows.column_names:
            bins[name], columns[name] = request.columns[name], _column(rows, feature.column)
    if request.prediction is not None:
        bins[PREDICTION] = request.prediction
    return fit_dle(columns, bins, _column(rows, "prediction_value"), _column(rows, "label_value"))


def _column(rows: pa.Table, name: str) -> list[Any]:
    values: list[Any] = rows.column(name).to_pylist()
    return values


def _scores_of(by_class: Any) -> dict[str, float]:
    """A row's scores per class; Arrow gives a map as pairs."""
    return dict(by_class) if by_class else {}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
