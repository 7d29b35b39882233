"""Bodies that a glance let through, read straight into the columns of the features that their model is known to have.

A record becomes a struct with a typed field per feature instead of a dictionary, so decoding checks the kinds as it
goes, and a column is a walk over one field: a third of the time that dictionaries take. A block that holds anything
else, such as a feature that is new or of another kind, is left to the general way (None).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectors.deliveries import Encoding, InboxRow
from collectors.inbox_file import micros
from collectors.payloads import complete
from collectors.wire import WirePrediction
from monitor.lake import ARROW_TYPES, MEASURES, TIME, complete_table
from monitor.schemas import Feature, FeatureKind

_TYPES: Mapping[FeatureKind, Any] = {
    FeatureKind.NUMERIC: float | None,
    FeatureKind.CATEGORICAL: str | None,
    FeatureKind.BOOLEAN: bool | None,
}
_OTHERWISE: Mapping[str, tuple[Any, Any]] = {
    "event_time": (str | None, None),  # Arrow reads a column of times at once
    "label": (None, None),
    "label_time": (None, None),
}


class UsualRows:
    """The reader for one model, as long as its features stay these."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self.features = features
        kinds = [(f"f{place}", _TYPES[each.kind], None) for place, each in enumerate(features.values())]
        names = {f"f{place}": name for place, name in enumerate(features)}
        row = msgspec.defstruct("Features", kinds, rename=names, forbid_unknown_fields=True, gc=False)
        # Most logs never say what a call took, and theirs are read without the columns for it.
        self._shapes = [_Shape(row, measured=False), _Shape(row, measured=True)]
        self._columns = [
            (each.column, _column_of(f"f{place}"), ARROW_TYPES[each.kind])
            for place, each in enumerate(features.values())
        ]

    def read(self, rows: Sequence[InboxRow], collector_id: str) -> tuple[pa.Table, np.ndarray[Any, Any]] | None:
        """The rows' records as the lake's columns, and for each the id of its row."""
        if any(row.encoding is Encoding.MSGPACK for row in rows):
            return None
        for shape in self._shapes:
            found = self._read(rows, collector_id, shape)
            if found is not None:
                self._shapes.sort(key=lambda each: each is not shape)  # the next rows will be like these
                return found
        return None

    def _read(
        self, rows: Sequence[InboxRow], collector_id: str, shape: _Shape
    ) -> tuple[pa.Table, np.ndarray[Any, Any]] | None:
        try:
            decoded = [shape.decode(row) for row in rows]
            records = list(chain.from_iterable(decoded))
            received = np.repeat([micros(row.received_at) for row in rows], list(map(len, decoded)))
            sent = pc.cast(pa.array([record.event_time for record in records], pa.string()), TIME)
            event_times = pc.coalesce(sent, pa.array(received).cast(TIME)).cast(pa.int64()).to_numpy()
            feature_rows = [record.features for record in records]
            columns = {name: pa.array(values(feature_rows), kind) for name, values, kind in self._columns}
        except (msgspec.MsgspecError, pa.ArrowException, UnicodeDecodeError, RecursionError):
            return None
        for row, some in zip(rows, decoded, strict=True):
            complete(row, some, collector_id)
        sources = list(chain.from_iterable([row.source] * len(some) for row, some in zip(rows, decoded, strict=True)))
        nothing_odd = [None] * len(records)
        table = complete_table(records, event_times, received, sources, columns, nothing_odd, shape.measured)
        return table, np.repeat([row.id for row in rows], list(map(len, decoded)))


class _Shape:
    """The struct of a record with these features, with or without the fields that few logs have."""

    def __init__(self, features: type[msgspec.Struct], *, measured: bool) -> None:
        self.measured = measured
        wire = msgspec.structs.fields(WirePrediction)
        fields = [_field(each, features) for each in wire if measured or each.name not in MEASURES]
        record: Any = msgspec.defstruct("Usual", fields, kw_only=True, forbid_unknown_fields=True, gc=False)
        self._many: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[record])
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(record)

    def decode(self, row: InboxRow) -> list[Any]:
        if row.encoding is Encoding.JSON:
            return self._many.decode(row.payload)
        if row.count == 1:
            return [self._one.decode(row.payload)]
        return self._one.decode_lines(row.payload)


def _column_of(field: str) -> Callable[[Sequence[Any]], list[Any]]:
    """What reads one field of all rows. An attribute that is named in the code is read in half the time that one takes
    which is named by a value, and fields are read a million times a second."""
    column: Callable[[Sequence[Any]], list[Any]] = eval(f"lambda rows: [row.{field} for row in rows]", {})
    return column


def _field(each: msgspec.structs.FieldInfo, features: type[msgspec.Struct]) -> tuple[str, Any, Any]:
    if each.name == "features":
        return each.name, features, msgspec.field(default_factory=features)
    if each.name in _OTHERWISE:
        return (each.name, *_OTHERWISE[each.name])
    if each.default is not msgspec.NODEFAULT:
        return each.name, each.type, each.default
    return each.name, each.type, msgspec.field(default_factory=each.default_factory)
