"""A mapping applied to a record of any layout: a JSON object, a row of a table, the attributes of a span.

`fields` says where the fields of a prediction or label are; those it leaves out are taken from under their own names.
Features are those of `features_at` and `features`; where neither is said, those of the object `features`, and where
there is none, every other scalar at the top.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.formats.reading import read_record, shown
from collectors.units import as_milliseconds, as_moment, as_number, as_status
from collectors.wire import WireLabel, WirePrediction, WireRecord
from monitor.lake import Kind
from monitor.log_paths import Step, parse_path
from monitor.mapping_settings import MAPPED_FIELDS, MappingSettings

_TIMES = ("event_time", "label_time")
_SIZES = ("request_bytes", "response_bytes")
_TEXT = ("model", "version", "prediction_id", "entity_id", "error")
_LABEL_FIELDS = {"model", "prediction_id", "label", "label_time"}
_OF_EVERY_RECORD = ("features", "tags", "model", "version", "event_time", "sampling_fraction")
_OF_A_CALL = ("prediction", "score", "scores", "error")
_TELLING = ("prediction", "score", "scores", "label", "error", "status_code", "latency_ms")
_ABSENT = object()
_SCALAR = str | bool | int | float | None


def maps(mapping: MappingSettings) -> bool:
    """Whether the mapping says where anything is, and not only units and names."""
    return bool(mapping.fields or mapping.features or mapping.features_at or mapping.where or mapping.constants)


class Mapper:
    """Reads records as one mapping says; made once per log."""

    def __init__(self, mapping: MappingSettings, kind: Kind = Kind.PREDICTIONS) -> None:
        self.mapping = mapping
        named = {name: mapping.fields.get(name, name) for name in (*MAPPED_FIELDS, *mapping.fields)}
        self.places = {name: (text, parse_path(text)) for name, text in named.items() if name not in mapping.constants}
        self.features = {name: (text, parse_path(text)) for name, text in mapping.features.items()}
        self.features_at = (mapping.features_at, parse_path(mapping.features_at)) if mapping.features_at else None
        self.fields_inside = self._fields_inside()
        self.where = {(text, parse_path(text)): wanted for text, wanted in mapping.where.items()}
        self.wire = WireLabel if kind is Kind.LABELS or _only_labels(mapping) else WirePrediction
        self._drop_shadowed_defaults()

    def _drop_shadowed_defaults(self) -> None:
        """A place that is said to be something else is not also the field of its name."""
        said = {*self.mapping.fields.values(), *self.mapping.features.values()}
        for name in [name for name, (text, _) in self.places.items() if name not in self.mapping.fields]:
            if name in said:
                del self.places[name]

    def _fields_inside(self) -> set[Step]:
        """Keys of the object of features that are fields: an id beside the features is none of them."""
        if self.features_at is None:
            return set()
        *above, count = *self.features_at[1], len(self.features_at[1])
        paths = [path for name, (_, path) in self.places.items() if not name.startswith("tags.")]
        return {path[count] for path in paths if len(path) == count + 1 and list(path[:count]) == above}

    def read(self, record: Any) -> WireRecord | str | None:
        """The record, the reason why it is none, or None where `where` leaves it out."""
        if not isinstance(record, Mapping):
            return f"a record must be an object, this is {shown(record)}"
        if any(_as_text(find(record, *place)) != wanted for place, wanted in self.where.items()):
            return None
        try:
            fields = self._fields(record)
            if self.wire is WirePrediction:
                fields["features"] = self._features(record)
        except (ValueError, OverflowError) as error:
            return str(error)
        except RecursionError:
            return "the record is nested too deeply"
        if not fields.get("features") and set(fields) <= {*_OF_EVERY_RECORD, *self.mapping.constants}:
            return f"none of the mapped fields is in the record; its keys are {shown(sorted(map(str, record)))}"
        return self._checked(fields)

    def knows(self, record: Mapping[str, Any]) -> bool:
        """Whether an outcome or a feature is where the mapping says; logs and traces hold much else."""
        said = [self.places[name] for name in self.mapping.fields if name in _TELLING] + [*self.features.values()]
        said += [self.features_at] if self.features_at else []
        return not said or any(find(record, *place) is not _ABSENT for place in said)

    def sources(self, record: Any) -> dict[str, str]:
        """For each field, tag and feature that was found: where in the record it is (for `--preview`)."""
        if not isinstance(record, Mapping):
            return {}
        places = {name: text for name, (text, path) in self.places.items() if find(record, text, path) is not _ABSENT}
        for name, (text, path) in self.features.items():
            if find(record, text, path) is not _ABSENT:
                places[f"features.{name}"] = text
        return places

    def _checked(self, fields: dict[str, Any]) -> WireRecord | str:
        if not fields.get("features") and not fields.keys() & {"label_time", *_OF_A_CALL} and "label" in fields:
            fields["label_time"] = fields.pop("event_time", None)  # the time of a label's own record
        read = read_record(fields, self.wire)
        if isinstance(read, str):
            name = read.partition(":")[0].partition(" ")[0]
            place = self.mapping.fields.get(name)
            return f"{read} (at {place})" if place and place != name else read
        return read

    def _fields(self, record: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, (text, path) in self.places.items():
            value = find(record, text, path)
            if value is _ABSENT or value is None or value != value:
                continue
            if name not in self.mapping.fields and not (isinstance(value, _SCALAR) or name in (*_TIMES, "scores")):
                continue  # an object under the name of a field, which nobody said to be that field
            try:
                self._put(fields, name, value)
            except ValueError as error:
                raise ValueError(f"{error} (at {text})" if text != name else str(error)) from None
        for name, value in self.mapping.constants.items():
            self._put(fields, name, value)
        self._classes(fields)
        fields.setdefault("sampling_fraction", self.mapping.sampling_fraction)
        if self.wire is WireLabel:
            return {name: value for name, value in fields.items() if name in _LABEL_FIELDS}
        return fields

    def _put(self, fields: dict[str, Any], name: str, value: Any) -> None:
        if name.startswith("tags."):
            fields.setdefault("tags", {})[name[len("tags.") :]] = _as_text(value)
        elif name in _TIMES:
            fields[name] = as_moment(value, self.mapping, name)
        elif name == "latency_ms":
            fields[name] = as_milliseconds(value, self.mapping.latency_unit)
        elif name == "status_code":
            fields[name] = as_status(value)
        elif name in _SIZES:
            fields[name] = int(as_number(value, name))
        elif name in ("score", "sampling_fraction"):
            fields[name] = as_number(value, name)
        elif name == "scores":
            fields[name] = class_scores(value, self.mapping)
        else:
            fields[name] = _as_text(value) if name in _TEXT else _only(value)

    def _classes(self, fields: dict[str, Any]) -> None:
        """The positive class's probability is the score; the likeliest class the prediction, if there is no other."""
        scores = fields.get("scores")
        if not scores:
            return
        if self.mapping.positive in scores:
            fields.setdefault("score", scores[self.mapping.positive])
        fields.setdefault("prediction", max(scores, key=scores.__getitem__))

    def _features(self, record: Mapping[str, Any]) -> dict[str, Any]:
        features: dict[str, Any] = {}
        if self.features_at:
            found = find(record, *self.features_at)
            if isinstance(found, Sequence | Mapping) and not isinstance(found, str):
                features = flat(_without(found, self.fields_inside), self.mapping.columns)
            elif found is not _ABSENT and found is not None:
                raise ValueError(f"features are no object or array (at {self.features_at[0]}): {shown(found)}")
        elif not self.features and isinstance(record.get("features"), Mapping):
            features = flat(record["features"])
        elif not self.features:
            taken = {path[0] for _, path in self.places.values() if path} | {path[0] for _, path in self.where if path}
            taken |= {text for text, _ in self.places.values()}
            return {str(k): v for k, v in record.items() if k not in taken and isinstance(v, _SCALAR)}
        for name, (text, path) in self.features.items():
            if (value := find(record, text, path)) is not _ABSENT:
                features |= flat({name: value})
        return features


def find(record: Any, text: str, path: Sequence[Step]) -> Any:
    """What is at the path, or a mark that nothing is. JSON in a text is looked into; a key may be the whole path."""
    if isinstance(record, Mapping) and text in record:
        return record[text]
    for step in path:
        if isinstance(record, str) and record.lstrip()[:1] in ("{", "["):
            try:
                record = json.loads(record)
            except (ValueError, RecursionError):
                return _ABSENT
        try:
            if isinstance(step, str):
                record = record[step] if isinstance(record, Mapping) else _ABSENT
            else:
                record = record[step] if isinstance(record, list | tuple) else _ABSENT
        except (KeyError, IndexError):
            return _ABSENT
    return record


def flat(found: Any, columns: Sequence[str] = (), prefix: str = "") -> dict[str, Any]:
    """Nested values under names of one level: keys joined by a dot, items of an array numbered.

    >>> flat({"a": 1, "b": {"c": [2, 3]}}), flat([5, 6], ["x"])
    ({'a': 1, 'b.c_0': 2, 'b.c_1': 3}, {'x': 5, 'x1': 6})
    """
    flattened: dict[str, Any] = {}
    if isinstance(found, Mapping):
        named = {f"{prefix}.{key}" if prefix else str(key): value for key, value in found.items()}
    else:
        names = [f"{prefix}_{n}" if prefix else f"x{n}" for n in range(len(found))]
        if not prefix:
            names[: len(columns)] = list(columns)[: len(names)]
        named = dict(zip(names, found, strict=True))
    for name, value in named.items():
        if isinstance(value, Mapping | list | tuple):
            flattened |= flat(value, (), name)
        else:
            flattened[name] = value
    return flattened


def _without(found: Any, keys: set[Step]) -> Any:
    if not isinstance(found, Mapping) or not keys:
        return found
    return {key: value for key, value in found.items() if key not in keys}


def class_scores(value: Any, mapping: MappingSettings) -> dict[str, float]:
    """Probabilities per class, of an object, or of an array with the mapping's class names. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            pass
    if isinstance(value, Mapping):
        return {str(name): as_number(each, f"scores[{str(name)!r}]") for name, each in value.items()}
    if not isinstance(value, list | tuple):
        raise ValueError(f"scores {shown(value)} is no object or array of probabilities")
    names = mapping.classes or tuple(map(str, range(len(value))))
    if len(names) != len(value):
        raise ValueError(f"scores has {len(value)} items, the mapping names {len(names)} classes")
    return {name: as_number(each, f"scores[{name!r}]") for name, each in zip(names, value, strict=True)}


def _only(value: Any) -> Any:
    """The one item of an array of one, as many servers answer; anything else as it is."""
    while isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return value


def _as_text(value: Any) -> str | None:
    value = _only(value)
    if value is None or value is _ABSENT:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _only_labels(mapping: MappingSettings) -> bool:
    fields = {*mapping.fields, *mapping.constants}
    return {"prediction_id", "label"} <= fields <= _LABEL_FIELDS and not mapping.features and not mapping.features_at
