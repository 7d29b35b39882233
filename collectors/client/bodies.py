"""Pure functions that read predictions out of the bodies of a serving endpoint's requests and responses.

Requests                                              Responses
{"instances": [{...} | [...], ...]}                   {"predictions": [...]}, each a scalar or an object
{"dataframe_records": [{...}, ...]}                   {"prediction": ..., "score": ...}
{"dataframe_split": {"columns": [...], "data": ...}}  [...], each a scalar or an object
{"inputs": [...]}, rows or the tensors of V2            {"outputs": [...]}, the tensors of V2
{"features": {...}}, {"input": {...}}
[...] or one flat object
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from collectors.client.tensors import are_tensors, feature_rows, outcome_rows
from collectors.client.unreadable import Unreadable

LONGEST_ARRAY = 256
LONGEST_ERROR = 300
_ROW_LISTS = ("instances", "dataframe_records", "inputs")
_ROWS = ("features", "input", "inputs")
_PREDICTION = ("prediction", "label", "class", "output")
_SCORE = ("score", "probability")
_SCORES = ("scores", "probabilities")
_SCALARS = (str, int, float, bool, type(None))


class Row(TypedDict, total=False):
    """One prediction as PredictionLogger.log takes it."""

    features: dict[str, Any]
    prediction: Any
    prediction_id: str
    score: float
    scores: dict[str, float]
    version: str
    error: str
    tags: dict[str, str]
    entity_id: str


def read_json(body: bytes, encoding: str, limit: int) -> Any:
    """The body's JSON, unzipped if need be; Unreadable when it is none or is longer than `limit` bytes."""
    body = unpack(body, encoding, limit)
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Unreadable(f"the body is not JSON: {error}") from None


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding; Unreadable when that is neither gzip nor none, or it is too long."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip"):
        raise Unreadable(f"content-encoding {encoding!r} is not read; gzip is")
    unzip = zlib.decompressobj(wbits=31)
    try:
        body = unzip.decompress(body, limit)
    except zlib.error as error:
        raise Unreadable(f"the body is not gzip: {error}") from None
    if not unzip.eof:
        raise Unreadable(f"the body is longer than {limit} bytes or cut off")
    return body


def read_rows(request: Any, response: Any) -> list[Row]:
    """One row per prediction of a call that worked. Raises Unreadable when the two bodies don't fit together."""
    features, outcomes = read_features(request), read_outcomes(response)
    if len(features) != len(outcomes):
        raise Unreadable(f"the request has {len(features)} rows, the response {len(outcomes)} predictions")
    version = _first(response, ("model_version", "version")) if isinstance(response, Mapping) else None
    rows: list[Row] = []
    for row, outcome in zip(features, outcomes, strict=True):
        outcome["features"] = row
        if version is not None:
            outcome["version"] = str(version)
        rows.append(outcome)
    return rows


def read_ids(request: Any, response: Any, request_id: str, count: int) -> list[str]:
    """An id per row: from the response, else from the request, else the call's id, with the number of each row but the
    first behind it: `a1`, `a1/1`, `a1/2`. The call's id is the `id` of a V2 body, else `request_id`."""
    for body in (response, request):
        if not isinstance(body, Mapping):
            continue
        ids = _first(body, ("ids", "prediction_ids"))
        if isinstance(ids, list) and len(ids) == count:
            return [str(one) for one in ids]
        if count == 1 and isinstance(one := body.get("prediction_id"), str | int):
            return [str(one)]
        if isinstance(one := body.get("id"), str) and one and ("inputs" in body or "outputs" in body):
            return [row_id(one, row) for row in range(count)]
    return [row_id(request_id, row) for row in range(count)]


def row_id(call_id: str, row: int) -> str:
    return call_id if row == 0 else f"{call_id}/{row}"


def read_features(request: Any) -> list[dict[str, Any]]:
    """The features of each row of a request."""
    if isinstance(request, list):
        return [_features(row) for row in request]
    if not isinstance(request, Mapping):
        raise Unreadable(f"the request is {_kind(request)}; an object or an array is understood")
    for name in _ROW_LISTS:
        if isinstance(rows := request.get(name), list):
            return feature_rows(rows) if are_tensors(rows) else [_features(row) for row in rows]
    if isinstance(split := request.get("dataframe_split"), Mapping):
        columns, data = split.get("columns"), split.get("data")
        if not isinstance(columns, list) or not isinstance(data, list):
            raise Unreadable("dataframe_split has no columns or no data")
        return [_features(dict(zip(map(str, columns), row, strict=False))) for row in data]
    row = next((request[name] for name in _ROWS if isinstance(request.get(name), Mapping | list)), request)
    return [_features(row)]


def read_outcomes(response: Any) -> list[Row]:
    """The prediction, score and scores of each row of a response."""
    if isinstance(response, Mapping):
        if isinstance(response.get("predictions"), list):
            return [_outcome(one) for one in response["predictions"]]
        if are_tensors(tensors := response.get("outputs")):
            return [_outcome(one) for one in outcome_rows(tensors)]
        if any(name in response for name in _PREDICTION + _SCORE + _SCORES):
            return [_outcome(response)]
        raise Unreadable(f"the response has the fields {sorted(map(str, response))[:10]}, none of them a prediction")
    if isinstance(response, list):
        return [_outcome(one) for one in response]
    raise Unreadable(f"the response is {_kind(response)}; an object or an array is understood")


def error_text(status: int, response: Any) -> str:
    """A short reason for a failed call, from the fields that frameworks put it in."""
    found = _first(response, ("detail", "error", "message", "title")) if isinstance(response, Mapping) else response
    if isinstance(found, Mapping):
        found = _first(found, ("message", "detail", "reason")) or found
    if found is None:
        return f"http {status}"
    return (found if isinstance(found, str) else msgspec.json.encode(found).decode())[:LONGEST_ERROR]


def flatten(features: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects and arrays as dotted names; an array longer than LONGEST_ARRAY only as its length.

    >>> flatten({"age": 3, "home": {"zip": "10115"}, "clicks": [1, 2]})
    {'age': 3, 'home.zip': '10115', 'clicks.0': 1, 'clicks.1': 2}
    """
    flat: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [(str(name), value) for name, value in reversed(list(features.items()))]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{name}.{key}", inner) for key, inner in reversed(list(value.items()))]
        elif isinstance(value, list) and len(value) > LONGEST_ARRAY:
            flat[f"{name}.length"] = len(value)
        elif isinstance(value, list):
            waiting += [(f"{name}.{i}", value[i]) for i in reversed(range(len(value)))]
        else:
            flat[name] = value
    return flat


def _features(row: Any) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return flatten(row)
    if isinstance(row, list):
        return flatten({f"x{i}": value for i, value in enumerate(row)})
    return {"x0": row}


def _outcome(found: Any) -> Row:
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, _SCALARS):
        return {"prediction": found}
    if not isinstance(found, Mapping):
        raise Unreadable(f"a prediction is {_kind(found)}; a scalar or an object is understood, or pass read=")
    row: Row = {}
    prediction, score = _first(found, _PREDICTION), _first(found, _SCORE)
    scores = _scores(_first(found, _SCORES))
    if isinstance(prediction, list) and len(prediction) == 1:
        prediction = prediction[0]
    if prediction is not None and isinstance(prediction, _SCALARS):
        row["prediction"] = prediction
    if isinstance(score, int | float):
        row["score"] = float(score)
    if scores:
        row["scores"] = scores
    if not row:
        raise Unreadable(f"a prediction has the fields {sorted(map(str, found))[:10]}, none of them usable")
    return row


def _scores(found: Any) -> dict[str, float]:
    """Scores per class; an array's classes are its positions."""
    if isinstance(found, list):
        found = dict(enumerate(found))
    if not isinstance(found, Mapping) or not all(isinstance(value, int | float) for value in found.values()):
        return {}
    return {str(name): float(value) for name, value in found.items()}


def _first(found: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
