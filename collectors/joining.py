"""Bringing the two sides of a call together: request and response in, predictions out. Nothing here does I/O.

Rows are merged one to one. A response of one failed row is the error of the whole call, however many rows were asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from collectors.wire import Half, Side, WirePrediction

T = TypeVar("T")

OK = 200
_FAILED = 400
_SHARED_ERROR = 500
"""Of an error that is written to several rows, those after the first keep so many characters."""

_MOST_SHARED = 32 * 2**20
_MILLISECOND = timedelta(milliseconds=1)


class NotJoinable(ValueError):
    """The two sides don't belong to each other row by row; the text says what each has."""


def join(request: Half, response: Half) -> list[WirePrediction]:
    """The predictions of a call whose two sides are here. Raises NotJoinable when their rows don't match."""
    latency = _latency_ms(request, response)
    model, version = response.model or request.model, response.version or request.version
    return [
        WirePrediction(
            model=answered.model or asked.model or model,
            version=answered.version or asked.version or version,
            prediction_id=record_id(request.request_id, place),
            event_time=_first(answered.event_time, response.time),
            features=asked.features | answered.features if answered.features else asked.features,
            prediction=_first(answered.prediction, asked.prediction),
            score=_first(answered.score, asked.score),
            scores=_first(answered.scores, asked.scores),
            latency_ms=_first(_first(answered.latency_ms, asked.latency_ms), latency),
            status_code=_status(answered),
            error=answered.error or asked.error,
            tags=asked.tags | answered.tags if answered.tags else asked.tags,
            entity_id=answered.entity_id or asked.entity_id,
            sampling_fraction=min(answered.sampling_fraction, asked.sampling_fraction),
            request_bytes=_first(asked.request_bytes, answered.request_bytes),
            response_bytes=_first(answered.response_bytes, asked.response_bytes),
            resources=_first(answered.resources, asked.resources),
            label=_first(answered.label, asked.label),
            label_time=_first(answered.label_time, asked.label_time),
        )
        for place, (asked, answered) in enumerate(_matched(request.rows, response.rows))
    ]


def alone(half: Half) -> list[WirePrediction]:
    """The records of a call whose other side never came: errors, or what the one side says by itself."""
    failed = half.side is Side.REQUEST and half.alone
    rows = half.rows or ([WirePrediction()] if failed else [])  # a call is an error, whatever is known of its inputs
    return [
        msgspec.structs.replace(
            row,
            model=row.model or half.model,
            version=row.version or half.version,
            prediction_id=record_id(half.request_id, place),
            event_time=_first(row.event_time, half.time),
            status_code=_status(row) if half.side is Side.RESPONSE else row.status_code,
            error=row.error or (half.alone if failed else None),
        )
        for place, row in enumerate(rows)
    ]


def join_all(halves: Iterable[Half]) -> tuple[list[WirePrediction], list[str]]:
    """The predictions of halves that are all there is, such as those of a file; and why some calls gave none.

    Halves of one key belong together when they name the same model or one names none; one that comes twice counts once.
    """
    calls: dict[str, list[Half]] = {}
    for half in {(half.key, half.model, half.side): half for half in halves}.values():
        calls.setdefault(half.key, []).append(half)
    records: list[WirePrediction] = []
    reasons = []
    for call in (call for of_key in calls.values() for call in _calls(of_key)):
        try:
            records += join(*call) if len(call) == 2 else alone(*call)
        except NotJoinable as error:
            reasons.append(str(error))
    return records, reasons


def record_id(request_id: str, place: int) -> str:
    """The prediction id of one row of a call.

    >>> record_id("r", 0), record_id("r", 2)
    ('r', 'r/2')
    """
    return f"{request_id}/{place}" if place > 0 else request_id


def _calls(halves: Sequence[Half]) -> Iterator[list[Half]]:
    """The halves of one key, request and response together where there are both."""
    requests = [half for half in halves if half.side is Side.REQUEST]
    responses = [half for half in halves if half.side is Side.RESPONSE]
    for request in requests:
        fitting = [half for half in responses if half.model == request.model or not (half.model and request.model)]
        response = max(fitting, key=lambda half: half.model == request.model, default=None)
        responses = [half for half in responses if half is not response]
        yield [request] if response is None else [request, response]
    yield from ([response] for response in responses)


def _matched(
    asked: list[WirePrediction], answered: list[WirePrediction]
) -> Iterable[tuple[WirePrediction, WirePrediction]]:
    """Each row that was asked with its answer. Raises NotJoinable when there is no telling which belong together."""
    if len(asked) == len(answered):
        return zip(asked, answered, strict=True)
    if len(answered) == 1 and _is_failure(answered[0]):
        asked = asked or [WirePrediction()]
        return zip(asked, _shared(answered[0], len(asked)), strict=True)
    raise NotJoinable(
        f"the request has {len(asked)} rows and its response {len(answered)}; "
        "accepted: as many of each, or one error for all"
    )


def _shared(failure: WirePrediction, count: int) -> list[WirePrediction]:
    """The failure of a call as that of each of its rows; only the first keeps a long text: it would multiply."""
    if count * sum(len(key) + len(value) for key, value in failure.tags.items()) > _MOST_SHARED:
        raise NotJoinable(f"the tags of the response are too long to be repeated for {count} rows of the request")
    error = failure.error and failure.error[:_SHARED_ERROR]
    return [failure, *[msgspec.structs.replace(failure, error=error)] * (count - 1)]


def _is_failure(row: WirePrediction) -> bool:
    return bool(row.error) or (row.status_code or 0) >= _FAILED


def _status(answered: WirePrediction) -> int | None:
    """What a response says of its outcome; one that says nothing succeeded."""
    return OK if answered.status_code is None and not answered.error else answered.status_code


def _latency_ms(request: Half, response: Half) -> float | None:
    """The time between the two sides, where both times are those of the call itself."""
    asked, answered = request.time, response.time
    if not (
        request.times_call and response.times_call and isinstance(asked, datetime) and isinstance(answered, datetime)
    ):
        return None
    return (answered - asked) / _MILLISECOND if answered >= asked else None


def _first(one: T, other: T) -> T:
    return other if one is None else one
