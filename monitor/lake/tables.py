"""Records as Arrow tables: the typed columns of the lake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from monitor.records import LabelRecord, PredictionRecord, Scalar, as_number, class_name
from monitor.schemas import Feature, FeatureKind

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
_ARROW = {
    FeatureKind.NUMERIC: pa.float64(),
    FeatureKind.CATEGORICAL: pa.string(),
    FeatureKind.BOOLEAN: pa.bool_(),
}


def fit(value: Scalar, kind: FeatureKind) -> tuple[Any, bool]:
    """The value as its column stores it, and whether it fitted the kind. NaN is a missing value of any kind.

    >>> fit(3, FeatureKind.NUMERIC), fit("x", FeatureKind.NUMERIC), fit(None, FeatureKind.BOOLEAN)
    ((3.0, True), (None, False), (None, True))
    """
    if value is None or value != value:
        return None, True
    match kind:
        case FeatureKind.NUMERIC:
            return (None, False) if isinstance(value, str) else (float(value), True)
        case FeatureKind.BOOLEAN:
            fitting = isinstance(value, bool) or value in (0, 1)
            return (bool(value) if fitting else None), fitting
        case FeatureKind.CATEGORICAL:
            return (value, True) if isinstance(value, str) else (class_name(value), False)


def predictions_table(records: Sequence[PredictionRecord], features: Mapping[str, Feature]) -> pa.Table:
    """The rows of one model's predictions table: the fixed columns, then one per feature of the schema.

    A value that does not fit its feature's kind is kept in `type_errors`; its column holds null, or its text where the
    kind is categorical.
    """
    type_errors: list[dict[str, str]] = [{} for _ in records]
    columns: dict[str, pa.Array] = {}
    for feature in features.values():
        values = []
        for row, record in enumerate(records):
            raw = record.features.get(feature.name)
            value, fitted = fit(raw, feature.kind)
            if not fitted:
                type_errors[row][feature.name] = json.dumps(raw)
            values.append(value)
        columns[feature.column] = pa.array(values, _ARROW[feature.kind])
    fixed = {
        "prediction_id": [r.prediction_id for r in records],
        "event_date": [r.event_time.date() for r in records],
        "event_time": [r.event_time for r in records],
        "received_time": [r.received_time for r in records],
        "version": [r.version for r in records],
        "prediction": [class_name(r.prediction) for r in records],
        "prediction_value": [as_number(r.prediction) for r in records],
        "score": [r.score for r in records],
        "scores": [r.scores for r in records],
        "latency_ms": [r.latency_ms for r in records],
        "status_code": [r.status_code for r in records],
        "error": [r.error for r in records],
        "tags": [r.tags or None for r in records],
        "entity_id": [r.entity_id for r in records],
        "sampling_fraction": [r.sampling_fraction for r in records],
        "source": [r.source for r in records],
        "type_errors": [errors or None for errors in type_errors],
    }
    arrays = [pa.array(fixed[field.name], field.type) for field in PREDICTION_FIELDS]
    schema = list(PREDICTION_FIELDS) + [pa.field(name, array.type) for name, array in columns.items()]
    return pa.Table.from_arrays([*arrays, *columns.values()], schema=pa.schema(schema))


def labels_table(records: Sequence[LabelRecord]) -> pa.Table:
    """The rows of one model's labels table."""
    return pa.table(
        {
            "prediction_id": [r.prediction_id for r in records],
            "received_date": [r.received_time.date() for r in records],
            "received_time": [r.received_time for r in records],
            "label_time": [r.label_time for r in records],
            "label": [class_name(r.label) for r in records],
            "label_value": [as_number(r.label) for r in records],
            "source": [r.source for r in records],
        },
        schema=LABEL_FIELDS,
    )
