"""Records as Arrow tables: the typed columns of the lake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.records import LabelRecord, PredictionRecord, Scalar, as_number, class_name, to_float
from monitor.schemas import Feature, FeatureKind
from monitor.windows import EPOCH

Moments = NDArray[np.int64]
"""Microseconds since 1970, UTC."""

TIME = pa.timestamp("us", "UTC")
STRINGS = pa.map_(pa.string(), pa.string())
NUMBERS = pa.map_(pa.string(), pa.float64())

PREDICTION_FIELDS = pa.schema(
    [
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("event_date", pa.date32(), nullable=False),
        pa.field("event_time", TIME, nullable=False),
        pa.field("received_time", TIME, nullable=False),
        pa.field("version", pa.string(), nullable=False),
        ("prediction", pa.string()),  # the class in its canonical text
        ("prediction_value", pa.float64()),  # the same as a number, where it is one
        ("score", pa.float64()),
        ("scores", NUMBERS),
        ("latency_ms", pa.float64()),
        ("status_code", pa.int32()),
        ("error", pa.string()),
        ("tags", STRINGS),
        ("entity_id", pa.string()),
        ("sampling_fraction", pa.float64()),
        ("source", pa.string()),
        ("request_bytes", pa.int64()),
        ("response_bytes", pa.int64()),
        ("resources", NUMBERS),
        ("type_errors", STRINGS),  # feature → the JSON of a value that does not fit the feature's kind
    ]
)
LABEL_FIELDS = pa.schema(
    [
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("received_date", pa.date32(), nullable=False),
        pa.field("received_time", TIME, nullable=False),
        pa.field("label_time", TIME, nullable=False),
        ("label", pa.string()),
        ("label_value", pa.float64()),
        ("source", pa.string()),
    ]
)
MEASURES = ("request_bytes", "response_bytes", "resources")
"""Columns that few logs have something for."""

ARROW_TYPES = {
    FeatureKind.NUMERIC: pa.float64(),
    FeatureKind.CATEGORICAL: pa.string(),
    FeatureKind.BOOLEAN: pa.bool_(),
}
_NONE = type(None)
_FITTING: dict[FeatureKind, set[type]] = {
    FeatureKind.NUMERIC: {float, int, _NONE},
    FeatureKind.CATEGORICAL: {str, _NONE},
    FeatureKind.BOOLEAN: {bool, _NONE},
}
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000
_BLOCK = 2000
"""Rows that are turned into columns at a time: few enough to stay in the processor's cache."""


def fit(value: Scalar, kind: FeatureKind) -> tuple[Any, bool]:
    """The value as its column stores it, and whether it fitted the kind. NaN is a missing value of any kind.

    >>> fit(3, FeatureKind.NUMERIC), fit("x", FeatureKind.NUMERIC), fit(None, FeatureKind.BOOLEAN)
    ((3.0, True), (None, False), (None, True))
    """
    if value is None or value != value:
        return None, True
    match kind:
        case FeatureKind.NUMERIC:
            return (None, False) if isinstance(value, str) else (to_float(value), True)
        case FeatureKind.BOOLEAN:
            fitting = isinstance(value, bool) or value in (0, 1)
            return (bool(value) if fitting else None), fitting
        case FeatureKind.CATEGORICAL:
            return (value, True) if isinstance(value, str) else (class_name(value), False)


class Prediction(Protocol):
    """What the table needs of a prediction; PredictionRecord has it."""

    prediction_id: Any
    event_time: Any
    version: Any
    features: Any
    prediction: Scalar
    score: float | None
    scores: dict[str, float] | None
    latency_ms: float | None
    status_code: int | None
    error: str | None
    tags: dict[str, str]
    entity_id: str | None
    sampling_fraction: float


class MeasuredPrediction(Prediction, Protocol):
    """A prediction that may say what its call took."""

    request_bytes: int | None
    response_bytes: int | None
    resources: dict[str, float] | None


def predictions_table(
    records: Sequence[MeasuredPrediction],
    features: Mapping[str, Feature],
    received: Moments | None = None,
    sources: Sequence[str] | None = None,
) -> pa.Table:
    """The rows of one model's predictions table: the fixed columns, then one per feature of the schema.

    A value that does not fit its feature's kind is kept in `type_errors`; its column holds null, or its text where the
    kind is categorical. `received` and `sources` are those of the records, where they don't carry them themselves.
    """
    if received is None:
        received = moments([record.received_time for record in cast("Sequence[PredictionRecord]", records)])
    if sources is None:
        sources = [record.source for record in cast("Sequence[PredictionRecord]", records)]
    blocks = [slice(start, start + _BLOCK) for start in range(0, max(len(records), 1), _BLOCK)]
    return pa.concat_tables([_block(records[b], features, received[b], sources[b]) for b in blocks])


def _block(
    records: Sequence[MeasuredPrediction], features: Mapping[str, Feature], received: Moments, sources: Sequence[str]
) -> pa.Table:
    event_times = moments([record.event_time for record in records])
    columns, type_errors = _feature_columns([record.features for record in records], features)
    return complete_table(records, event_times, received, sources, columns, type_errors)


def complete_table(
    records: Sequence[Prediction],
    event_times: Moments,
    received: Moments,
    sources: Sequence[str],
    columns: Mapping[str, pa.Array],
    type_errors: Sequence[dict[str, str] | None],
    measured: bool = True,
) -> pa.Table:
    """The table of these records, whose feature columns and type errors are there already.

    Records that are not `measured` need not have the fields of a MeasuredPrediction.
    """
    outcomes = [record.prediction for record in records]
    fixed = {
        "prediction_id": [r.prediction_id for r in records],
        "event_date": (event_times // _DAY).astype(np.int32),
        "event_time": event_times,
        "received_time": received,
        "version": _repeated([r.version for r in records]),
        "prediction": list(map(_Memory(class_name).__getitem__, outcomes)),
        "prediction_value": _numbers(outcomes),
        "score": [r.score for r in records],
        "scores": [r.scores for r in records],
        "latency_ms": [r.latency_ms for r in records],
        "status_code": [r.status_code for r in records],
        "error": [r.error for r in records],
        "tags": [r.tags or None for r in records],
        "entity_id": [r.entity_id for r in records],
        "sampling_fraction": [r.sampling_fraction for r in records],
        "source": _repeated(sources),
        "type_errors": type_errors,
        **_measures(records, measured),
    }
    arrays = [_array(fixed[field.name], field.type) for field in PREDICTION_FIELDS]
    schema = list(PREDICTION_FIELDS) + [pa.field(name, array.type) for name, array in columns.items()]
    return pa.Table.from_arrays([*arrays, *columns.values()], schema=pa.schema(schema))


def _measures(records: Sequence[Prediction], measured: bool) -> dict[str, Any]:
    """What the calls took, by column; most logs say nothing of it."""
    if not measured:
        return {name: pa.nulls(len(records), PREDICTION_FIELDS.field(name).type) for name in MEASURES}
    named = cast("Sequence[MeasuredPrediction]", records)
    return {
        "request_bytes": [r.request_bytes for r in named],
        "response_bytes": [r.response_bytes for r in named],
        "resources": [r.resources for r in named],
    }


def moments(times: Sequence[datetime]) -> Moments:
    """Times in UTC as whole microseconds since 1970. (Arrow's own conversion of datetimes takes ten times as long.)"""
    return np.fromiter([(time - EPOCH) // _MICROSECOND for time in times], np.int64, len(times))


def _feature_columns(
    rows: Sequence[Mapping[str, Scalar]], features: Mapping[str, Feature]
) -> tuple[dict[str, pa.Array], list[dict[str, str] | None]]:
    """A column per feature, and per row what did not fit."""
    type_errors: list[dict[str, str] | None] = [None] * len(rows)
    columns: dict[str, pa.Array] = {}
    for feature, values in zip(features.values(), _transposed(rows, list(features)), strict=True):
        column = _column_that_fits(values, feature.kind)
        columns[feature.column] = _column_with_errors(values, feature, type_errors) if column is None else column
    return columns, type_errors


def _transposed(rows: Sequence[Mapping[str, Scalar]], names: Sequence[str]) -> Iterable[Sequence[Scalar]]:
    """The values of each name over all rows; None where a row has it not."""
    if len(names) > 1 and rows:
        try:
            return list(zip(*map(itemgetter(*names), rows), strict=True))  # the usual: every row has every feature
        except KeyError:
            pass
    return [[row.get(name) for row in rows] for name in names]


def _column_that_fits(values: Sequence[Scalar], kind: FeatureKind, nan_is_missing: bool = True) -> pa.Array | None:
    """The column, where every value is of its kind; the usual case."""
    kinds = set(map(type, values))
    if not kinds <= _FITTING[kind]:
        return None
    try:
        return pa.array(values, ARROW_TYPES[kind], from_pandas=nan_is_missing)
    except (pa.ArrowException, OverflowError):
        return None  # an integer beyond what a float holds exactly


def _column_with_errors(
    values: Sequence[Scalar], feature: Feature, type_errors: list[dict[str, str] | None]
) -> pa.Array:
    fitting = []
    for row, raw in enumerate(values):
        value, fitted = fit(raw, feature.kind)
        if not fitted:
            errors = type_errors[row] = type_errors[row] or {}
            errors[feature.name] = json.dumps(raw)
        fitting.append(value)
    return pa.array(fitting, ARROW_TYPES[feature.kind])


def _numbers(outcomes: Sequence[Scalar]) -> pa.Array:
    found = _column_that_fits(outcomes, FeatureKind.NUMERIC, nan_is_missing=False)
    if found is not None:
        return found
    return pa.array(list(map(_Memory(as_number).__getitem__, outcomes)), pa.float64())


def _repeated(texts: Sequence[str]) -> pa.Array | Sequence[str]:
    """The usual column of texts that are all the same, made at once."""
    return pa.repeat(texts[0], len(texts)) if len(set(texts)) == 1 else texts


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, np.ndarray):
        return pa.array(values).cast(kind)
    if pa.types.is_nested(kind) and not any(values):
        return pa.nulls(len(values), kind)
    return pa.array(values, kind)


class _Memory(dict[Scalar, Any]):
    """What a function gave for the values it was asked about: outcomes are few, records are many.

    1, 1.0 and True are one key here as they are one class.
    """

    def __init__(self, function: Callable[[Scalar], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, value: Scalar) -> Any:
        found = self[value] = self._function(value)
        return found


class Label(Protocol):
    """What the table needs of a label; LabelRecord has it."""

    prediction_id: str
    label: Any
    label_time: Any


def labels_table(
    records: Sequence[Label], received: Moments | None = None, sources: Sequence[str] | None = None
) -> pa.Table:
    """The rows of one model's labels table. `received` and `sources` as for predictions."""
    if received is None:
        received = moments([record.received_time for record in cast("Sequence[LabelRecord]", records)])
    if sources is None:
        sources = [record.source for record in cast("Sequence[LabelRecord]", records)]
    columns = {
        "prediction_id": [r.prediction_id for r in records],
        "received_date": (received // _DAY).astype(np.int32),
        "received_time": received,
        "label_time": moments([r.label_time for r in records]),
        "label": [class_name(r.label) for r in records],
        "label_value": [as_number(r.label) for r in records],
        "source": sources,
    }
    return pa.Table.from_arrays([_array(columns[f.name], f.type) for f in LABEL_FIELDS], schema=LABEL_FIELDS)
