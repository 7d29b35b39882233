"""The request's side of a call: what the model was asked, in any of the bodies that serving systems take.

Read are: V1 `instances`, V2 tensors, MLflow's `dataframe_split`, `dataframe_records`, `inputs`, `instances` and CSV,
Seldon's `data.ndarray`, `data.tensor`, `jsonData` and `strData`, lines of CSV or JSON, and plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from collectors.calls.bodies import Cells, csv_lines, read_body
from collectors.calls.features import nameless, plain_rows, table_rows
from collectors.calls.paths import look_up
from collectors.calls.sides import BodyUnreadable, Inputs, check_rows
from collectors.calls.tensors import are_tensors, attach_raw, tensor_rows
from collectors.formats.reading import shown
from monitor.config import NO_MAPPING, MappingSettings
from monitor.records import Scalar

Row = dict[str, Scalar]


def read_inputs(
    body: bytes, *, headers: Mapping[str, str] | None = None, mapping: MappingSettings = NO_MAPPING
) -> Inputs:
    """The rows of a request. Raises BodyUnreadable. `headers` are those of the request, names in lower case."""
    return inputs_of(read_body(body, headers or {}), mapping)


def inputs_of(sent: Any, mapping: MappingSettings = NO_MAPPING) -> Inputs:
    """The same from a body that is decoded already."""
    try:
        inputs = Inputs(rows=_rows(sent, mapping))
    except RecursionError:
        raise BodyUnreadable("the body is nested too deeply") from None
    if isinstance(sent, dict):
        if "inputs" in sent:
            inputs.id = text_or_none(sent.get("id"))
            inputs.model = text_or_none(sent.get("model_name", sent.get("modelName")))
            inputs.version = text_or_none(sent.get("model_version", sent.get("modelVersion")))
        inputs.id = inputs.id or text_or_none(look_up(sent, "meta.puid"))
    if isinstance(sent, dict) and (path := mapping.fields.get("prediction_id")):
        inputs.id = text_or_none(look_up(sent, path)) or inputs.id
        for row in inputs.rows if path in sent else ():
            row.pop(path, None)
    if entity := mapping.fields.get("entity_id"):
        inputs.entity_ids = [text_or_none(row.pop(entity, None)) for row in inputs.rows]
    return inputs


def text_or_none(value: Any) -> str | None:
    """An id or a name as text; null, empty and what is neither text nor a whole number are none."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _rows(sent: Any, mapping: MappingSettings) -> list[Row]:
    if isinstance(sent, Cells):
        columns, lines = csv_lines(sent.lines, mapping.columns)
        check_rows(len(lines))
        return [nameless(line, columns) for line in lines]
    if mapping.features_at:
        return plain_rows(look_up(sent, mapping.features_at), mapping)
    if isinstance(sent, dict):
        for key, read in _BODIES.items():
            if key in sent and (rows := read(sent, mapping)) is not None:
                return rows
    return plain_rows(sent, mapping)


def _v2_or_mlflow(sent: dict[str, Any], mapping: MappingSettings) -> list[Row]:
    if not are_tensors(sent["inputs"]):
        return table_rows(sent["inputs"], mapping)
    attach_raw(sent)
    columns: list[tuple[str, list[Any]]] = []
    widths: list[int] = []
    for tensor in sent["inputs"]:
        rows = tensor_rows(tensor)
        widths.append(len(rows[0]) if rows else 1)
        name = str(tensor["name"])
        for i, values in enumerate(zip(*rows, strict=True)):
            columns.append((name if widths[-1] == 1 else f"{name}_{i}", list(values)))
    if len({len(values) for _, values in columns}) > 1:
        counts = ", ".join(f"{name} {len(values)}" for name, values in columns[:5])
        raise BodyUnreadable(f"tensors disagree about the number of rows: {counts}")
    names = [name for name, _ in columns]
    if mapping.columns and any(width > 1 for width in widths):
        if len(mapping.columns) != len(names):
            raise BodyUnreadable(f"a row has {len(names)} values, mapping.columns names {len(mapping.columns)}")
        names = list(mapping.columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(values for _, values in columns), strict=True)]


def _split(sent: dict[str, Any], mapping: MappingSettings) -> list[Row] | None:
    """pandas' `split` layout, inside `dataframe_split` or bare."""
    table = sent.get("dataframe_split", sent)
    if not isinstance(table, dict) or not isinstance(data := table.get("data"), list):
        return None
    columns = table.get("columns")
    if not isinstance(columns, list):
        return table_rows(data, mapping) if table is not sent else None
    names = tuple(map(str, columns))
    check_rows(len(data))
    for row in data:
        if not isinstance(row, list) or len(row) != len(names):
            raise BodyUnreadable(f"a row of dataframe_split is {shown(row)}; accepted: a list of {len(names)} values")
    return [nameless(row, names) for row in data]


def _seldon(sent: dict[str, Any], mapping: MappingSettings) -> list[Row] | None:
    data = sent["data"]
    if not isinstance(data, dict) or not (rows := seldon_rows(data)):
        return None
    names = data.get("names")
    columns = mapping.columns or (tuple(map(str, names)) if isinstance(names, list) else ())
    check_rows(len(rows))
    if all(isinstance(row, list) for row in rows):
        return [nameless(row, columns) for row in rows]
    return table_rows(rows, mapping)


def seldon_rows(data: dict[str, Any]) -> list[Any] | None:
    """The rows of Seldon's `data`: an `ndarray` of any nesting, or a `tensor` of a shape and flat values."""
    if isinstance(array := data.get("ndarray"), list):
        return array
    tensor = data.get("tensor")
    if not isinstance(tensor, dict):
        return None
    values = tensor.get("values", [])
    rows: list[Any] = tensor_rows({"name": "tensor", "shape": tensor.get("shape"), "data": values})
    return rows


def _refused(sent: dict[str, Any], mapping: MappingSettings) -> list[Row]:
    raise BodyUnreadable("the body is Seldon's binData, which has no columns; accepted: data, jsonData or strData")


_BODIES: dict[str, Callable[[dict[str, Any], MappingSettings], list[Row] | None]] = {
    "instances": lambda sent, mapping: table_rows(sent["instances"], mapping),
    "dataframe_records": lambda sent, mapping: table_rows(sent["dataframe_records"], mapping),
    "dataframe_split": _split,
    "inputs": _v2_or_mlflow,
    "columns": _split,
    "data": _seldon,
    "jsonData": lambda sent, mapping: plain_rows(sent["jsonData"], mapping),
    "strData": lambda sent, mapping: plain_rows(sent["strData"], mapping),
    "binData": _refused,
}
