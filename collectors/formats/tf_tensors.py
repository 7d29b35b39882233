"""TensorFlow's tensors and examples, as the values that JSON bodies of calls would hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from collectors.calls import BodyUnreadable
from collectors.calls.tensors import unpack
from collectors.formats.reading import shown

MOST_VALUES = 1_000_000
"""Most values of one side of a call. A tensor may name a shape and hold a single value, so its bytes say nothing."""

# Number of a DataType → (its name in the Open Inference Protocol, the field that holds its values).
_TYPES = {
    1: ("FP32", "float_val"),
    2: ("FP64", "double_val"),
    3: ("INT32", "int_val"),
    4: ("UINT8", "int_val"),
    5: ("INT16", "int_val"),
    6: ("INT8", "int_val"),
    7: ("BYTES", "string_val"),
    9: ("INT64", "int64_val"),
    10: ("BOOL", "bool_val"),
    14: ("BF16", "half_val"),
    17: ("UINT16", "int_val"),
    19: ("FP16", "half_val"),
    22: ("UINT32", "uint32_val"),
    23: ("UINT64", "uint64_val"),
}


def as_tensors(named: Iterable[Any]) -> list[dict[str, Any]]:
    """Tensors of a request or response in the layout of the Open Inference Protocol, by name.

    A tensor without dimensions, such as a threshold beside the features, is repeated for every row. Raises
    BodyUnreadable.
    """
    pairs = sorted(((each.key, each.value) for each in named), key=lambda pair: pair[0])
    shapes = {name: [int(dim.size) for dim in tensor.tensor_shape.dim] for name, tensor in pairs}
    rows = max((shape[0] for shape in shapes.values() if shape), default=1)
    shapes = {name: shape or [rows] for name, shape in shapes.items()}
    wanted = sum(math.prod(shape) for shape in shapes.values())
    if wanted > MOST_VALUES or any(size < 0 for shape in shapes.values() for size in shape):
        raise BodyUnreadable(f"tensors of the shapes {shown(shapes)}; accepted: up to {MOST_VALUES:,} values in all")
    return [_as_tensor(name, tensor, shapes[name]) for name, tensor in pairs]


def as_row(examples: Iterable[Any]) -> dict[str, Any]:
    """The features of an example, and of the context that several share: scalars, and lists where there are several."""
    row: dict[str, Any] = {}
    for example in examples:
        for named in example.features.feature:
            row[named.key] = _feature(named.value)
    return row


def _as_tensor(name: str, tensor: Any, shape: list[int]) -> dict[str, Any]:
    datatype, field = _TYPES.get(tensor.dtype, ("", ""))
    if not field:
        raise BodyUnreadable(f"tensor {shown(name)} is of type {tensor.dtype}; accepted: numbers, booleans and strings")
    if tensor.tensor_content:
        values = unpack(tensor.tensor_content, datatype)
    else:
        values = _values(getattr(tensor, field), datatype)
        values += values[-1:] * (math.prod(shape) - len(values))  # the last value stands for those left out
    return {"name": name, "shape": shape, "datatype": datatype, "data": values}


def _values(field: Any, datatype: str) -> list[Any]:
    if datatype in ("FP16", "BF16"):  # their bits, as integers
        return unpack(np.asarray(field, "<i8").astype("<u2").tobytes(), datatype)
    return [_text(value) for value in field] if datatype == "BYTES" else list(field)


def _feature(feature: Any) -> Any:
    values = [_text(value) for value in feature.bytes_list.value]
    values = values or [*feature.float_list.value] or [*feature.int64_list.value]
    return values if len(values) > 1 else next(iter(values), None)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
