"""Tensors of the Open Inference Protocol (V2): REST with nested or flat data, binary extension, gRPC as JSON.

Sources: the protocol's REST and gRPC specification and Triton's binary tensor data extension.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from collectors.calls.sides import BodyUnreadable, check_rows
from collectors.formats.reading import shown

WIDEST = 10_000
"""Most values of one row. Wider ones are images or the like, which are no features to watch one by one."""

_DTYPES = {
    "BOOL": "?",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "BF16": "<u2",
    "BYTES": "",
    **{f"{name}{8 * size}": f"<{kind}{size}" for name, kind in (("INT", "i"), ("UINT", "u")) for size in (1, 2, 4, 8)},
}


def are_tensors(sent: Any) -> bool:
    """Whether `sent` is the array of tensors of a V2 body."""
    return (
        isinstance(sent, list)
        and bool(sent)
        and all(isinstance(t, dict) and "name" in t and "shape" in t for t in sent)
    )


def tensor_rows(tensor: dict[str, Any]) -> list[list[Any]]:
    """The values of one tensor, row by row: the first dimension is the batch, the others are laid side by side.

    >>> tensor_rows({"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]})
    [[1.0, 2.0], [3.0, 4.0]]
    """
    shape = _shape(tensor)
    flat = _data(tensor)
    count = math.prod(shape)
    if count != len(flat):
        raise BodyUnreadable(f"tensor {_name(tensor)} of shape {shown(shape)} needs {count} values, it has {len(flat)}")
    if not flat:
        return []
    width = count // shape[0] if shape else 1
    if width > WIDEST:
        raise BodyUnreadable(f"tensor {_name(tensor)} has {width} values per row; accepted: up to {WIDEST}")
    check_rows(count // width)
    return [flat[start : start + width] for start in range(0, count, width)]


def attach_binary(sent: dict[str, Any], rest: memoryview) -> None:
    """Give the tensors that were sent in binary, one behind the other after the JSON, their `data`."""
    for tensor in [*_list(sent.get("inputs")), *_list(sent.get("outputs"))]:
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        if size is None:
            continue
        if not isinstance(size, int) or not 0 <= size <= len(rest):
            raise BodyUnreadable(
                f"tensor {_name(tensor)} has binary_data_size {shown(size)}; {len(rest)} bytes are left"
            )
        tensor["data"] = unpack(bytes(rest[:size]), str(tensor.get("datatype")))
        rest = rest[size:]


def attach_raw(sent: dict[str, Any]) -> None:
    """Give the tensors of a gRPC message in JSON their `data`, from its list of base64 contents."""
    for tensors, contents in (("inputs", "raw_input_contents"), ("outputs", "raw_output_contents")):
        raw = sent.get(contents) or sent.get(_camel(contents))
        for tensor, text in zip(_list(sent.get(tensors)), _list(raw), strict=False):
            if isinstance(tensor, dict) and isinstance(text, str):
                tensor["data"] = unpack(_base64(text), str(tensor.get("datatype")))


def unpack(raw: bytes, datatype: str) -> list[Any]:
    """Little-endian values of a V2 datatype. BYTES are texts, each behind its length in four bytes."""
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        raise BodyUnreadable(f"datatype {shown(datatype)} is not known; accepted: {', '.join(_DTYPES)}")
    if not dtype:
        return list(_texts(raw))
    size = np.dtype(dtype).itemsize
    if len(raw) % size:
        raise BodyUnreadable(f"{len(raw)} bytes are no whole number of {datatype} values of {size} bytes")
    values = np.frombuffer(raw, dtype)
    if datatype == "BF16":  # the upper half of a float of 32 bits
        values = (values.astype("<u4") << 16).view("<f4")
    listed: list[Any] = values.tolist()
    return listed


def _texts(raw: bytes) -> Iterator[str]:
    start = 0
    while start < len(raw):
        size = int.from_bytes(raw[start : start + 4], "little")
        start += 4
        if start + size > len(raw):
            raise BodyUnreadable(f"a BYTES value claims {size} bytes, {max(0, len(raw) - start)} are left")
        yield raw[start : start + size].decode("utf-8", "replace")
        start += size


def _shape(tensor: dict[str, Any]) -> list[int]:
    sent = tensor.get("shape")
    try:
        # gRPC as JSON writes numbers of 64 bits as strings
        shape = [int(size) for size in sent] if isinstance(sent, list) and len(sent) <= 16 else [-1]
    except (TypeError, ValueError):
        shape = [-1]
    if any(not 0 <= size < 2**40 for size in shape):
        raise BodyUnreadable(f"tensor {_name(tensor)} has shape {shown(sent)}; accepted: up to 16 sizes of 0 or more")
    return shape


def _data(tensor: dict[str, Any]) -> list[Any]:
    if "data" in tensor:
        return list(_flat(_list(tensor["data"])))
    if isinstance(text := tensor.get("raw_input_contents_hex"), str):
        try:
            return unpack(bytes.fromhex(text), str(tensor.get("datatype")))
        except ValueError as error:
            raise BodyUnreadable(f"tensor {_name(tensor)} has no hexadecimal contents: {error}") from None
    contents = tensor.get("contents")
    if isinstance(contents, dict) and contents:
        values = list(_flat(_list(next(iter(contents.values())))))
        if tensor.get("datatype") == "BYTES":
            return [_base64(str(value)).decode("utf-8", "replace") for value in values]
        return [int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value for value in values]
    parameters = tensor.get("parameters")
    if isinstance(parameters, dict) and "binary_data_size" in parameters:
        raise BodyUnreadable(
            f"tensor {_name(tensor)} was sent in binary, and the header Inference-Header-Content-Length that says "
            "where is missing; accepted: a log that keeps it, or JSON tensors"
        )
    raise BodyUnreadable(f"tensor {_name(tensor)} has no data")


def _flat(values: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    if depth > 16:
        raise BodyUnreadable("the data of a tensor is nested too deeply; accepted: up to 16 dimensions")
    for value in values:
        if isinstance(value, list):
            yield from _flat(value, depth + 1)
        elif isinstance(value, dict):
            raise BodyUnreadable(f"a tensor holds the object {shown(value)}; accepted: numbers, texts, true and false")
        else:
            yield value


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BodyUnreadable(f"{shown(text)} is not base64") from None


def _list(sent: Any) -> list[Any]:
    return sent if isinstance(sent, list) else []


def _name(tensor: Any) -> str:
    return shown(tensor.get("name") if isinstance(tensor, dict) else tensor)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)
