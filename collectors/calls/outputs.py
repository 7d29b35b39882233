"""The response's side of a call: what the model answered, in the layouts of serving systems.

Read are: `predictions` and `outputs` (V1, MLflow), V2 tensors, Seldon's messages, parallel lists, lists of objects, CSV
and bare values, and errors as each server spells them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.calls.answers import LABELS, SCORES, are_probabilities, read_answer
from collectors.calls.bodies import Cells, csv_lines, read_body
from collectors.calls.failures import error_of
from collectors.calls.features import are_columns, rows_of_columns
from collectors.calls.inputs import seldon_rows, text_or_none
from collectors.calls.paths import look_up
from collectors.calls.sides import BodyUnreadable, Outputs, check_rows
from collectors.calls.tensors import are_tensors, attach_raw, tensor_rows
from collectors.formats.reading import shown
from monitor.config import NO_MAPPING, MappingSettings

_IDS = ("id", "prediction_id", "request_id", "requestId")
_VERSIONS = ("model_version", "modelVersion")
_MODELS = ("model_name", "modelName")


def read_outputs(
    body: bytes,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    mapping: MappingSettings = NO_MAPPING,
    rows: int | None = None,
) -> Outputs:
    """The answers of a response, or its error. Raises BodyUnreadable when a good status comes with an odd body.

    `rows` is the number of rows that were asked for, where it is known: it tells a vector of probabilities from a
    list of predictions. `headers` are those of the response, names in lower case.
    """
    try:
        sent = read_body(body, headers or {})
    except BodyUnreadable:
        if status < 400:
            raise
        return Outputs(error=error_of(body.decode("utf-8", "replace"), status))
    return outputs_of(sent, status=status, mapping=mapping, rows=rows)


def outputs_of(
    sent: Any, *, status: int = 200, mapping: MappingSettings = NO_MAPPING, rows: int | None = None
) -> Outputs:
    """The same from a body that is decoded already."""
    outputs = Outputs(error=error_of(sent, status))
    if isinstance(sent, dict):
        mapped = mapping.fields.get("prediction_id")
        outputs.id = (text_or_none(look_up(sent, mapped)) if mapped else None) or _first(sent, _IDS)
        outputs.id = outputs.id or text_or_none(look_up(sent, "meta.puid"))
        outputs.version, outputs.model = _first(sent, _VERSIONS), _first(sent, _MODELS)
    if outputs.error is None:
        try:
            answers = _as_many(_answers(sent, mapping), rows)
            check_rows(len(answers))
            outputs.rows = [read_answer(answer, mapping) for answer in answers]
        except RecursionError:
            raise BodyUnreadable("the body is nested too deeply") from None
    return outputs


def _answers(sent: Any, mapping: MappingSettings) -> list[Any]:
    """One entry per row of the call."""
    if isinstance(sent, Cells):
        columns, lines = csv_lines(sent.lines, ())
        return [dict(zip(columns, line, strict=False)) for line in lines] if columns else [*lines]
    if isinstance(sent, list):
        return sent
    if not isinstance(sent, dict):
        return [sent]
    if are_tensors(sent.get("outputs")):
        return _tensor_answers(sent)
    if isinstance(data := sent.get("data"), dict) and (seldon := seldon_rows(data)) is not None:
        return _named_answers(seldon, data.get("names"))
    if (wrapped := _wrapped(sent)) is not None:
        return _answers(wrapped, mapping)
    return _object_answers(sent)


def _wrapped(sent: dict[str, Any]) -> Any:
    """What is inside an object that only says: here are the answers."""
    for key in ("predictions", "jsonData", "strData", "outputs"):
        if key in sent and not sent.keys() & set(SCORES):
            return sent[key]
    if len(sent) != 1 or next(iter(sent)).lower() in SCORES:
        return None
    inner = next(iter(sent.values()))
    return inner if isinstance(inner, dict | list) and not are_probabilities(_numbers(inner)) else None


def _object_answers(sent: dict[str, Any]) -> list[Any]:
    """One object is one row, unless its label (or its only kind of answer) is a list: then it has parallel lists."""
    keys = {key.lower(): key for key in sent}
    label = next((keys[name] for name in LABELS if name in keys), None)
    scores = next((keys[name] for name in SCORES if name in keys), None)
    lead = sent[label or scores or next(iter(sent))] if sent else None
    if not isinstance(lead, list) or (label is None and are_probabilities(_numbers(lead))):
        return [sent]
    parallel = {key: value for key, value in sent.items() if isinstance(value, list) and len(value) == len(lead)}
    return list(rows_of_columns(parallel)) if are_columns(parallel) else [sent]


def _tensor_answers(sent: dict[str, Any]) -> list[Any]:
    attach_raw(sent)
    tensors = {str(tensor["name"]): tensor_rows(tensor) for tensor in sent["outputs"]}
    if len({len(rows) for rows in tensors.values()}) > 1:
        counts = ", ".join(f"{name} {len(rows)}" for name, rows in list(tensors.items())[:5])
        raise BodyUnreadable(f"tensors disagree about the number of rows: {counts}")
    if len(tensors) == 1:
        return next(iter(tensors.values()))
    return [{name: row[0] if len(row) == 1 else row for name, row in each.items()} for each in rows_of_columns(tensors)]


def _named_answers(rows: list[Any], names: Any) -> list[Any]:
    if not isinstance(names, list) or len(names) < 2:
        return rows
    fits = all(isinstance(row, list) and len(row) == len(names) for row in rows)
    return [dict(zip(map(str, names), row, strict=True)) for row in rows] if fits else rows


def _as_many(answers: list[Any], rows: int | None) -> list[Any]:
    """The answers as one per row that was asked for, where a list can be taken in two ways."""
    if rows == len(answers) or rows is None:
        return answers
    if len(answers) == 1 and isinstance(inner := answers[0], list) and len(inner) == rows:
        return inner  # a line of CSV with one cell per row
    if rows == 1 and are_probabilities(_numbers(answers)):
        return [answers]
    return answers


def _numbers(sent: Any) -> list[Any]:
    return list(sent.values()) if isinstance(sent, dict) else sent if isinstance(sent, list) else []


def _first(sent: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := text_or_none(sent.get(key)))), None)


def check_counts(asked: int, answered: int) -> None:
    """Raises BodyUnreadable unless there are as many answers as rows."""
    if asked != answered:
        raise BodyUnreadable(f"the request has {shown(asked)} rows, the answer {shown(answered)}")
