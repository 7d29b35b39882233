"""From exchanges to records, in a thread of its own: the requests never wait for it."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from typing import Any

from collectors.calls.inputs import read_inputs
from collectors.calls.outputs import read_outputs
from collectors.calls.records import call_records
from collectors.calls.sides import BodyUnreadable, Inputs, Outputs
from collectors.client.bodies import unpack
from collectors.client.call import Body
from collectors.client.logger import PredictionLogger
from collectors.client.unreadable import Unreadable
from collectors.proxy.exchange import Exchange, new_id, request_id
from collectors.proxy.headers import Headers, as_mapping
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

log = logging.getLogger("kedge.proxy")

QUEUE_BYTES = 64 * 2**20


class Recorder:
    """Takes exchanges in, reads them in the background and logs their predictions.

    Bounded: while more than `queue_bytes` of bodies wait to be read, an exchange is dropped and counted. `counts` has
    `seen`, `dropped`, `unread` (logged without what could not be read) and `failed`.
    """

    def __init__(
        self, logger: PredictionLogger, mapping: MappingSettings = NO_MAPPING, queue_bytes: int = QUEUE_BYTES
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._logger, self._mapping, self._queue_bytes = logger, mapping, queue_bytes
        self._waiting: queue.SimpleQueue[Exchange | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._bytes = 0
        self._thread = threading.Thread(target=self._run, name="kedge-recorder", daemon=True)
        self._thread.start()

    def put(self, exchange: Exchange) -> None:
        """Take an exchange in. Returns at once and does not raise."""
        size = exchange.size
        self.counts["seen"] += 1
        with self._lock:
            has_room = self._bytes + size <= self._queue_bytes
            self._bytes += size if has_room else 0
        if has_room:
            self._waiting.put(exchange)
        else:
            self._tell("dropped", "calls come faster than they can be read; some are not logged")

    def close(self, timeout: float) -> None:
        """Read what waits, within this time, and close the logger, which sends or spools the records."""
        self._waiting.put(None)
        self._thread.join(timeout)
        self._logger.close(timeout)

    def _run(self) -> None:
        while (exchange := self._waiting.get()) is not None:
            try:
                self._record(exchange)
            except Exception as error:  # one odd exchange must not end the log of the others
                self._tell("failed", f"a call to {exchange.path} could not be logged: {error!r}")
            with self._lock:
                self._bytes -= exchange.size

    def _record(self, exchange: Exchange) -> None:
        records, problem = records_of(exchange, self._mapping)
        if problem:
            self._logger.count_unread()
            self._tell("unread", f"a call to {exchange.path} could not be read: {problem}")
        for record in records:
            self._logger.log(**arguments(record))

    def _tell(self, count: str, problem: str) -> None:
        """Count a problem; the first of its kind is told to the log."""
        self.counts[count] += 1
        if self.counts[count] == 1:
            log.warning("%s (told once)", problem)


def records_of(exchange: Exchange, mapping: MappingSettings) -> tuple[list[WirePrediction], str]:
    """The predictions of an exchange, and what could not be read ("" when all could).

    A call that can't be read is still a prediction that took place: its features, its answer, or both are left out.
    """
    inputs, outputs, problem = read_sides(exchange, mapping)
    known_id = exchange.request_id or (inputs.id if inputs else None) or request_id(exchange)
    known_id = known_id or (outputs.id if outputs else None) or new_id()
    about: dict[str, Any] = {
        "request_id": known_id,
        "time": exchange.time,
        "latency_ms": exchange.latency_ms,
        "status_code": exchange.status or None,
        "error": exchange.error,
        "request_bytes": exchange.request.size,
        "response_bytes": exchange.response.size,
    }
    try:
        return call_records(inputs, outputs, **about), problem
    except BodyUnreadable as error:
        return call_records(inputs, None, **about), problem or str(error)


def read_sides(exchange: Exchange, mapping: MappingSettings) -> tuple[Inputs | None, Outputs | None, str]:
    """Both sides of an exchange, each None where it can't be read, and why ("" for a call that failed: an endpoint that
    refuses what can't be read is right)."""
    inputs: Inputs | None = None
    outputs: Outputs | None = None
    problem = ""
    try:
        body, headers = plain(exchange.request, exchange.request_headers, "request")
        inputs = read_inputs(body, headers=headers, mapping=mapping)
    except (BodyUnreadable, Unreadable) as error:
        problem = f"request: {error}"
    if exchange.error is not None:
        return inputs, None, ""
    try:
        body, headers = plain(exchange.response, exchange.response_headers, "response")
        rows = len(inputs.rows) if inputs else None
        outputs = read_outputs(body, status=exchange.status, headers=headers, mapping=mapping, rows=rows)
    except (BodyUnreadable, Unreadable) as error:
        problem = problem or f"response: {error}"
    return inputs, outputs, problem if exchange.status < 400 else ""


def plain(body: Body, headers: Headers, side: str) -> tuple[bytes, dict[str, str]]:
    """A body without its Content-Encoding, and its headers. Raises Unreadable."""
    found = as_mapping(headers)
    if (whole := body.whole) is None:
        raise Unreadable(f"the {side} is longer than the {body.max_bytes} bytes that are kept")
    return unpack(whole, found.pop("content-encoding", ""), 8 * body.max_bytes), found


def arguments(record: WirePrediction) -> dict[str, Any]:
    """A record as the arguments of PredictionLogger.log; the logger adds the model's name itself."""
    fields: dict[str, Any] = {name: getattr(record, name) for name in _LOGGED}
    return {**fields, "features": record.features or None, "tags": record.tags or None}


_LOGGED = tuple(
    name
    for name in WirePrediction.__struct_fields__
    if name not in ("model", "sampling_fraction", "label", "label_time", "features", "tags")
)
