"""From one call, however it was seen, to the records of its predictions: HTTP, gRPC and callbacks share this."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from collectors.client.bodies import Row, error_text, read_features, read_ids, read_rows
from collectors.client.logger import PredictionLogger
from collectors.client.unreadable import Unreadable

log = logging.getLogger("kedge.client")

Read = Callable[[Any, Any], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A call that is over. `request` and `response` are their JSON, or the Unreadable that says why there is none."""

    where: str
    request: Any
    response: Any
    request_id: str
    latency_ms: float
    status: int = 200
    error: str | None = None
    event_time: datetime | float | None = None
    request_bytes: int | None = None
    response_bytes: int | None = None


class CallLog:
    """Logs calls with a PredictionLogger. Nothing that is in a call makes it raise.

    `read` takes the place of the built-in shapes: (request JSON, response JSON) → rows, each the arguments of
    PredictionLogger.log.
    """

    def __init__(self, logger: PredictionLogger, read: Read | None = None) -> None:
        self._logger, self._read = logger, read

    def add(self, see: Callable[[], Seen]) -> None:
        """Log the call that `see` returns; what it raises is counted like a body that can't be read."""
        try:
            seen = see()
        except Exception as error:
            return self.count_unread("?", error)
        try:
            rows = self._rows(seen)
            about: dict[str, Any] = {"latency_ms": seen.latency_ms, "status_code": seen.status}
            about |= {"event_time": seen.event_time, "request_bytes": seen.request_bytes}
            about["response_bytes"] = seen.response_bytes
            ids = read_ids(seen.request, seen.response, seen.request_id, len(rows))
            for row, prediction_id in zip(rows, ids, strict=True):
                self._logger.log(**{"prediction_id": prediction_id, **about, **row})
        except Exception as error:  # the answer is out already; this must not look like the endpoint's fault
            self.count_unread(seen.where, error)

    def count_unread(self, where: str, error: Exception) -> None:
        if self._logger.count_unread() == 1:
            log.warning("prediction log: a call to %s could not be read (told once): %s", where, error)

    def _rows(self, seen: Seen) -> list[Row]:
        request, response = seen.request, seen.response
        if seen.status >= 400:
            error = seen.error or error_text(seen.status, None if isinstance(response, Unreadable) else response)
            return [{**row, "error": error} for row in _request_rows(request)]
        try:
            for body in (request, response):
                if isinstance(body, Unreadable):
                    raise body
            if self._read is None:
                return read_rows(request, response)
            return [cast(Row, dict(row)) for row in self._read(request, response)]
        except Exception as error:
            self.count_unread(seen.where, error)
            return _request_rows(request)


def _request_rows(request: Any) -> list[Row]:
    """The rows of a call that has no readable answer; one empty row when the request can't be read either."""
    try:
        features = [] if isinstance(request, Unreadable) else read_features(request)
    except Unreadable:
        features = []
    return [{"features": row} for row in features or [{}]]
