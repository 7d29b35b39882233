"""The SQL of the DuckDB engine, and how its answers become profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.baselines import Bins, NumericBins, empty_profile
from monitor.engines.engine import ProfileRequest
from monitor.profiles import (
    CategoricalProfile,
    ColumnProfile,
    ErrorProfile,
    LabelledProfile,
    LatencySketch,
    NumericProfile,
    ScoreProfile,
    ServiceProfile,
    WindowProfile,
)
from monitor.profiles.labelled import SCORE_BINS_PER_UNIT
from monitor.profiles.service import LOG_GAMMA, SMALLEST_MS
from monitor.schemas import Feature, FeatureKind, Task

# Time and memory of one query grow with the square of its histograms: 400 at once take 3 GB, by tens a sixth of that.
COLUMNS_AT_A_TIME = 10

NO_LABELS = """CREATE OR REPLACE TEMP VIEW labels AS
  SELECT NULL::VARCHAR AS prediction_id, NULL::VARCHAR AS label, NULL::DOUBLE AS label_value,
         NULL::TIMESTAMPTZ AS label_time, NULL::TIMESTAMPTZ AS received_time WHERE false"""

VERSIONS = "SELECT version, count(*) FROM w GROUP BY 1"
LATENCY = f"""SELECT ceil(ln(greatest(latency_ms, {SMALLEST_MS})) / {LOG_GAMMA!r})::INTEGER, count(*)
  FROM w WHERE latency_ms IS NOT NULL GROUP BY 1"""
TYPE_ERRORS = """SELECT feature, count(*) FROM
  (SELECT unnest(map_keys(type_errors)) AS feature FROM w WHERE type_errors IS NOT NULL) GROUP BY 1"""

# What a row says of the model's answer.
ANSWERS = ("prediction", "score")

# The latest label of each prediction of the window, beside what was predicted.
_JOINED = """(SELECT w.prediction, w.prediction_value, w.score, l.label, l.label_value FROM w JOIN
  (SELECT prediction_id, arg_max(label, (label_time, received_time)) AS label,
          arg_max(label_value, (label_time, received_time)) AS label_value
   FROM labels WHERE prediction_id IN (SELECT prediction_id FROM w) GROUP BY 1) AS l
  USING (prediction_id) WHERE w.prediction IS NOT NULL)"""
LABEL_COUNTS = f"SELECT (SELECT count(*) FROM {_JOINED}), (SELECT count(*) FROM w WHERE prediction IS NOT NULL)"
CONFUSION = f"SELECT label, prediction, count(*) FROM {_JOINED} GROUP BY ALL"
# Scores are not always probabilities; those that no bucket could number are held back to a trillion.
SCORES = f"""SELECT floor(greatest(least(score, 1e12), -1e12) * {SCORE_BINS_PER_UNIT})::BIGINT AS bucket,
  count(*) FILTER (WHERE label <> $1), count(*) FILTER (WHERE label = $1)
  FROM {_JOINED} WHERE isfinite(score) GROUP BY 1"""
# Beyond this an error is a broken value: its square is more than a float can hold.
LARGEST_ERROR = 1e150
ERRORS = f"""SELECT count(*), coalesce(sum(e), 0), coalesce(sum(abs(e)), 0), coalesce(sum(e * e), 0)
  FROM (SELECT prediction_value - label_value AS e FROM {_JOINED}) WHERE abs(e) < {LARGEST_ERROR}"""
WINDOWS = "SELECT DISTINCT (epoch_us(event_time) - $1) // $2 FROM predictions"

CLASSES = """SELECT DISTINCT c FROM (SELECT prediction AS c FROM w UNION ALL
  SELECT label FROM labels WHERE prediction_id IN (SELECT prediction_id FROM w)) WHERE c IS NOT NULL LIMIT 1000"""
TASK_EVIDENCE = """SELECT count(prediction), count(prediction_value),
  count(*) FILTER (WHERE prediction_value = floor(prediction_value)), count(score) + count(scores)
  FROM w WHERE prediction IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Answers about the labelled rows of one window: (labelled, predicted), then by task."""

    counts: tuple[Any, ...]
    confusion: Sequence[tuple[Any, ...]] = ()
    scores: Sequence[tuple[Any, ...]] = ()
    errors: tuple[Any, ...] = (0, 0.0, 0.0, 0.0)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def create_window(start: datetime, end: datetime) -> str:
    return (
        "CREATE OR REPLACE TEMP TABLE w AS SELECT * FROM predictions "
        f"WHERE event_time >= TIMESTAMPTZ '{start.isoformat()}' AND event_time < TIMESTAMPTZ '{end.isoformat()}'"
    )


def rows_query(features: Mapping[str, Feature], present: frozenset[str], most: int) -> str:
    """Rows of the window; the ids' hashes choose them, so the same rows are chosen every time."""
    columns = [
        f"{quote(feature.column)} AS {quote(name)}" for name, feature in features.items() if feature.column in present
    ]
    columns += [name for name in ANSWERS if name not in features]
    return f"SELECT {', '.join(columns)} FROM w ORDER BY hash(prediction_id), prediction_id LIMIT {int(most)}"


def profile_queries(request: ProfileRequest, present: frozenset[str]) -> Iterator[str]:
    """The service counts, then each column's counts on its bins, in as few passes over the window as is quick."""
    service = [
        "count(*)",
        "coalesce(sum(1 / coalesce(sampling_fraction, 1)), 0)",
        "count(*) FILTER (WHERE status_code >= 400 AND status_code < 500)",
        "count(*) FILTER (WHERE status_code >= 500 OR (error IS NOT NULL AND coalesce(status_code, 0) < 400))",
        "max(latency_ms)",
    ]
    columns = [_column_parts(bins, expression) for _, bins, expression in profiled_columns(request, present)]
    for first in range(0, max(len(columns), 1), COLUMNS_AT_A_TIME):
        parts = service if first == 0 else []
        for column in columns[first : first + COLUMNS_AT_A_TIME]:
            parts += column
        yield f"SELECT {', '.join(parts)} FROM w"


def profiled_columns(request: ProfileRequest, present: frozenset[str]) -> Iterator[tuple[str | None, Bins, str]]:
    """The (feature or None for the prediction, bins, SQL expression) of every column the request can profile."""
    for name, bins in request.columns.items():
        feature = request.features.get(name)
        if feature is not None and feature.column in present:
            column = quote(feature.column)
            yield name, bins, column if feature.kind is FeatureKind.NUMERIC else f"{column}::VARCHAR"
    if request.prediction is not None:
        yield None, request.prediction, prediction_expression(request.prediction, request.task)


def prediction_expression(bins: Bins, task: Task | None) -> str:
    """The prediction as it is compared over time; calls that failed have none and don't count as missing."""
    if not isinstance(bins, NumericBins):
        return "prediction"
    return "prediction_value" if task is Task.REGRESSION else "score"


def _column_parts(bins: Bins, expression: str) -> list[str]:
    if isinstance(bins, NumericBins):
        finite = f"CASE WHEN isfinite({expression}) THEN {expression} END"
        edges = ", ".join(f"{edge!r}::DOUBLE" for edge in bins.edges)
        counts = f"histogram({finite}, [{edges}])" if bins.edges else f"MAP {{'inf': count({finite})}}"
        moments = [f"min({finite})", f"max({finite})", f"avg({finite})", f"var_pop({finite})"]
        missing = f"count(*) FILTER (WHERE {expression} IS NULL OR isnan({expression}))"
        return [counts, missing, f"count(*) FILTER (WHERE isinf({expression}))", *moments]
    categories = ", ".join(literal(category) for category in bins.categories)
    known = f"histogram_exact({expression}, [{categories}]::VARCHAR[])" if categories else "MAP {}"
    return [known, f"count(*) FILTER (WHERE {expression} IS NULL)", f"count({expression})"]


def read_profile(
    request: ProfileRequest,
    present: frozenset[str],
    answer: Sequence[Any],
    versions: Mapping[str, int],
    latency: Mapping[int, int],
    type_errors: Mapping[str, int],
    labelled: LabelledRows,
) -> WindowProfile:
    """The window's profile from the answers to the queries above."""
    rows, weight, client_errors, server_errors, slowest = answer[:5]
    columns: dict[str, ColumnProfile] = {}
    prediction: ColumnProfile | None = None
    at = 5
    for name, bins, _ in profiled_columns(request, present):
        width = 7 if isinstance(bins, NumericBins) else 3
        profile = _read_column(bins, answer[at : at + width])
        at += width
        if name is None:
            prediction = _without_failures(profile, rows, labelled.counts[1])
        else:
            columns[name] = profile
    for name, bins in request.columns.items():
        if name not in columns:  # a feature that no file of this window has is missing in every row
            columns[name] = _all_missing(bins, rows)
    return WindowProfile(
        ServiceProfile(rows, float(weight), client_errors, server_errors, LatencySketch(dict(latency), slowest or 0.0)),
        columns,
        prediction,
        dict(type_errors),
        _read_labelled(labelled),
        dict(versions),
    )


def empty_window(request: ProfileRequest) -> WindowProfile:
    """The profile of a window without any row."""
    return WindowProfile(
        columns={name: empty_profile(bins) for name, bins in request.columns.items()},
        prediction=empty_profile(request.prediction) if request.prediction else None,
    )


def _read_column(bins: Bins, answer: Sequence[Any]) -> ColumnProfile:
    if isinstance(bins, NumericBins):
        counts, missing, infinite, low, high, mean, variance = answer
        counted = list((counts or {}).values()) if bins.edges else [int((counts or {}).get("inf", 0))]
        counted += [0] * (len(bins.edges) + 1 - len(counted))  # DuckDB leaves the last bin out while it is empty
        n = sum(counted)
        m2 = float(variance) * n if n else 0.0
        return NumericProfile(bins.edges, tuple(counted), missing, infinite, low, high, float(mean or 0.0), m2)
    known, missing, present = answer
    counted = [int((known or {}).get(category, 0)) for category in bins.categories]
    return CategoricalProfile(bins.categories, tuple(counted), present - sum(counted), missing)


def _without_failures(profile: ColumnProfile, rows: int, predicted: int) -> ColumnProfile:
    missing = max(0, profile.missing - (rows - predicted))
    if isinstance(profile, NumericProfile):
        return NumericProfile(
            profile.edges,
            profile.counts,
            missing,
            profile.infinite,
            profile.low,
            profile.high,
            profile.mean,
            profile.m2,
        )
    return CategoricalProfile(profile.categories, profile.counts, profile.unseen, missing)


def _all_missing(bins: Bins, rows: int) -> ColumnProfile:
    if isinstance(bins, NumericBins):
        return NumericProfile(bins.edges, (0,) * (len(bins.edges) + 1), missing=rows)
    return CategoricalProfile(bins.categories, (0,) * len(bins.categories), missing=rows)


def _read_labelled(rows: LabelledRows) -> LabelledProfile:
    confusion: dict[str, dict[str, int]] = {}
    for label, prediction, count in rows.confusion:
        confusion.setdefault(label, {})[prediction] = count
    return LabelledProfile(
        rows.counts[0],
        rows.counts[1],
        confusion,
        ScoreProfile({bucket: (negatives, positives) for bucket, negatives, positives in rows.scores}),
        ErrorProfile(*rows.errors),
    )
