"""Labelled rows themselves, all of a window or a sample that is always the same: for custom metrics and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from monitor.engines.answers_sql import Window, joined
from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, quote
from monitor.performance.custom import MOST_ROWS, features_of, get_metric, measure
from monitor.performance.rows import LabelledRows
from monitor.profiles import LabelledProfile


def read_custom(
    connection: Connection, window: Window, request: ProfileRequest, found: LabelledProfile
) -> LabelledProfile:
    """The profile with the values of the custom metrics that are asked for."""
    if not request.metrics:
        return found
    functions = {name: get_metric(name) for name in request.metrics}
    features = sorted({name for function in functions.values() for name in features_of(function)})
    rows = read_rows(connection, window, request, found.labelled, MOST_ROWS, features)
    custom = {name: measure(function, rows) for name, function in functions.items()}
    return msgspec.structs.replace(found, custom=custom)


def read_rows(
    connection: Connection,
    window: Window,
    request: ProfileRequest,
    labelled: int,
    about: int,
    features: Sequence[str] = (),
) -> LabelledRows:
    """The window's labelled rows, or of more than `about` a share that the ids' hashes choose: about so many."""
    columns = {
        "prediction": "p.prediction",
        "label": "l.label",
        "prediction_value": "p.prediction_value",
        "label_value": "l.label_value",
        "score": "p.score",
    }
    known = [n for n in features if n in request.features and request.features[n].column in window.columns]
    for place, name in enumerate(known):
        columns[f"f{place}"] = f"p.{quote(request.features[name].column)}"
    if "scores" in window.columns:
        columns["scores"] = "p.scores"
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    chosen = joined(window, 0, labelled // about + 1 if labelled > about else 1)
    query = f"SELECT {selected} FROM {chosen} ORDER BY hash(p.prediction_id), p.prediction_id"
    table: Any = connection.sql(query).to_arrow_table()

    def numbers(name: str) -> Any:
        return np.asarray(table[name].to_numpy(), dtype=np.float64)

    def texts(name: str) -> Any:
        return np.array(table[name].to_pylist(), dtype=object)

    return LabelledRows(
        texts("prediction"),
        texts("label"),
        numbers("prediction_value"),
        numbers("label_value"),
        numbers("score"),
        [dict(row) if row else None for row in table["scores"].to_pylist()] if "scores" in columns else (),
        features={name: table[f"f{place}"].to_numpy() for place, name in enumerate(known)},
    )
