"""gRPC messages as the JSON that the body readers understand, by duck typing: no generated code and no protobuf import.

An Open Inference V2 message (ModelInferRequest, ModelInferResponse) becomes its REST form, with `data` in each tensor,
whether the values came in `contents` or in `raw_input_contents`. Any other protobuf message becomes its fields.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

from collectors.client.unreadable import Unreadable

_CONTENTS = (
    *("bool_contents", "int_contents", "int64_contents", "uint_contents", "uint64_contents"),
    *("fp32_contents", "fp64_contents", "bytes_contents"),
)
_FORMATS = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
DEEPEST = 32


def as_json(message: Any) -> Any:
    """A message as its JSON; None as it is. Raises Unreadable for what is no message."""
    if message is None or isinstance(message, Mapping | list | str | int | float):
        return message
    for side, raw in (("inputs", "raw_input_contents"), ("outputs", "raw_output_contents")):
        if all(hasattr(message, name) for name in (side, raw, "model_name")):
            return _infer_message(message, side, raw)
    if hasattr(message, "DESCRIPTOR"):
        return _fields(message, DEEPEST)
    raise Unreadable(f"the message is a {type(message).__name__}; a protobuf message is understood, or pass read=")


def _infer_message(message: Any, side: str, raw: str) -> dict[str, Any]:
    found: dict[str, Any] = {"id": message.id, "model_name": message.model_name}
    if version := getattr(message, "model_version", ""):
        found["model_version"] = version
    blocks = list(getattr(message, raw))
    found[side] = [
        _tensor(each, blocks[i] if i < len(blocks) else None) for i, each in enumerate(getattr(message, side))
    ]
    return found


def _tensor(tensor: Any, raw: bytes | None) -> dict[str, Any]:
    values = list(_unpacked(raw, tensor.datatype)) if raw is not None else _contents(tensor.contents)
    return {"name": tensor.name, "shape": [int(size) for size in tensor.shape], "data": values}


def _contents(contents: Any) -> list[Any]:
    for name in _CONTENTS:
        if len(values := getattr(contents, name)):
            return [_text(value) if isinstance(value, bytes) else value for value in values]
    return []


def _unpacked(raw: bytes, datatype: str) -> Iterator[Any]:
    """Little-endian values; a BYTES element has its length, 4 bytes, in front."""
    if datatype == "BYTES":
        at = 0
        while at + 4 <= len(raw):
            (length,) = struct.unpack_from("<I", raw, at)
            yield _text(raw[at + 4 : at + 4 + length])
            at += 4 + length
        return
    if (letter := _FORMATS.get(datatype)) is None or len(raw) % struct.calcsize(letter):
        raise Unreadable(
            f"a raw tensor of {len(raw)} bytes is of datatype {datatype!r}; read are {', '.join(_FORMATS)}"
        )
    for (value,) in struct.iter_unpack(f"<{letter}", raw):
        yield value


def _fields(message: Any, depth: int) -> Any:
    """The fields by name, with the zeros that proto3 does not send: a feature that is 0 is not missing.

    Written here because protobuf's json_format turns 64-bit integers into text and names its option for zeros
    differently in each major version.
    """
    if depth == 0:
        raise Unreadable("the message is nested too deeply")
    descriptor = message.DESCRIPTOR
    if descriptor.full_name.startswith("google.protobuf."):
        return _well_known(message, depth)
    found: dict[str, Any] = {}
    for field in descriptor.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        found[field.name] = _value(getattr(message, field.name), field, depth)
    return found


def _value(value: Any, field: Any, depth: int) -> Any:
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, Mapping):
        return {str(key): _value(each, None, depth) for key, each in value.items()}
    if hasattr(value, "DESCRIPTOR"):
        return _fields(value, depth - 1)
    if isinstance(value, str | bool | float):
        return value
    if isinstance(value, int):
        enum = field.enum_type if field is not None else None
        named = enum.values_by_number.get(value) if enum is not None else None
        return named.name if named is not None else value
    return [_value(each, field, depth) for each in value]


def _well_known(message: Any, depth: int) -> Any:
    if message.DESCRIPTOR.full_name.endswith("Value") and hasattr(message, "value"):  # Int64Value and the like
        return message.value
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
