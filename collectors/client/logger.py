"""PredictionLogger: what an endpoint calls to log its predictions and labels."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import time
import uuid
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from collectors.client.batches import Kind
from collectors.client.counters import Counters, Stats
from collectors.client.sender import Delivery, Sender

MAX_RECORD_BYTES = 2**20
CLOSE_SECONDS = 5.0


class PredictionLogger:
    """Logs the predictions of one model to a Kedge collector, from inside the endpoint's process.

    `log` and `log_label` never raise and never wait: they encode the record and put it into a bounded queue, which a
    background thread (started by the first record) empties in batches. What happened to every record is in `stats`.

    collector_url       address of the collector, such as http://localhost:8600
    model, version      the model's name, and the version of predictions that name none
    api_key             key with the right to ingest; None takes KEDGE_API_KEY from the environment
    spool_dir           folder where batches wait while the collector can't be reached; None keeps them in memory only
    sampling_fraction   share of the predictions to log, chosen by prediction_id; their labels follow them
    batch_records, batch_seconds, batch_bytes      a batch leaves when one of these is reached
    queue_records, queue_bytes                     bounds of the queue; beyond them the oldest record is dropped
    spool_bytes                                    bound of the spool; beyond it the oldest batch is dropped
    timeout_seconds                                time limit of one request
    first_retry_seconds, longest_retry_seconds     bounds of the wait between attempts, unless Retry-After says more
    """

    def __init__(
        self,
        collector_url: str,
        model: str,
        *,
        version: str | None = None,
        api_key: str | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
        sampling_fraction: float = 1.0,
        batch_records: int = 1000,
        batch_seconds: float = 0.2,
        batch_bytes: int = 4 * 2**20,
        queue_records: int = 50_000,
        queue_bytes: int = 64 * 2**20,
        spool_bytes: int = 2**30,
        timeout_seconds: float = 10.0,
        first_retry_seconds: float = 0.5,
        longest_retry_seconds: float = 30.0,
    ) -> None:
        if httpx.URL(collector_url).scheme not in ("http", "https"):
            raise ValueError(f"collector_url {collector_url!r} is not usable; accepted: http://… or https://…")
        if not 0 < sampling_fraction <= 1:
            raise ValueError(f"sampling_fraction {sampling_fraction} is not usable; accepted: above 0, at most 1")
        if not model:
            raise ValueError("model '' is not usable; accepted: the name of the model, such as churn")
        self.model, self.version, self.sampling_fraction = model, version, sampling_fraction
        self._delivery = Delivery(
            collector_url=collector_url,
            api_key=api_key or os.environ.get("KEDGE_API_KEY"),
            spool_dir=Path(spool_dir) if spool_dir is not None else None,
            batch_records=batch_records,
            batch_seconds=batch_seconds,
            batch_bytes=batch_bytes,
            queue_records=queue_records,
            queue_bytes=queue_bytes,
            spool_bytes=spool_bytes,
            timeout_seconds=timeout_seconds,
            first_retry_seconds=first_retry_seconds,
            longest_retry_seconds=longest_retry_seconds,
        )
        self._start_afresh()
        _open_loggers.add(self)

    def log(
        self,
        *,
        features: Mapping[str, Any] | None = None,
        prediction: Any = None,
        prediction_id: str | None = None,
        score: float | None = None,
        scores: Mapping[str, float] | None = None,
        latency_ms: float | None = None,
        status_code: int | None = None,
        error: str | None = None,
        version: str | None = None,
        tags: Mapping[str, str] | None = None,
        entity_id: str | None = None,
        event_time: datetime | float | str | None = None,
        request_bytes: int | None = None,
        response_bytes: int | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> str:
        """Log one prediction; returns its prediction_id, a new one when none is given. Labels come under that id.

        `event_time` is when the endpoint answered: a datetime (UTC when it has no zone), seconds since 1970, or text in
        ISO 8601; now when it is None. A failed call has no prediction but a `status_code` or an `error`. `resources`
        is what the call used: `cpu_percent`, `memory_bytes`, `gpu_percent`, `gpu_memory_bytes`, or names of your own.
        """
        prediction_id = uuid.uuid4().hex if prediction_id is None else str(prediction_id)
        self._put(
            Kind.PREDICTIONS,
            {
                "model": self.model,
                "version": _text(version if version is not None else self.version),
                "prediction_id": prediction_id,
                "event_time": time.time() if event_time is None else event_time,
                "features": features,
                "prediction": prediction,
                "score": score,
                "scores": scores,
                "latency_ms": latency_ms,
                "status_code": status_code,
                "error": _text(error),
                "tags": tags,
                "entity_id": _text(entity_id),
                "sampling_fraction": self.sampling_fraction if self.sampling_fraction < 1 else None,
                "request_bytes": request_bytes,
                "response_bytes": response_bytes,
                "resources": resources,
            },
        )
        return prediction_id

    def log_label(self, prediction_id: str, label: Any, *, label_time: datetime | float | str | None = None) -> None:
        """Log what turned out to be true of one prediction; a later label replaces an earlier one."""
        moment = time.time() if label_time is None else label_time
        label_record = {"model": self.model, "prediction_id": str(prediction_id), "label": label, "label_time": moment}
        self._put(Kind.LABELS, label_record)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what waits; True once every record logged so far, the spool's included, is settled."""
        return self._sender.flush(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Send what can be sent within `timeout` seconds, put the rest into the spool, or drop and count it.

        Runs by itself at the end of the interpreter. Records logged afterwards are dropped and counted.
        """
        self._sender.close(timeout)
        _open_loggers.discard(self)

    async def aflush(self, timeout: float = 10.0) -> bool:
        """`flush` for a coroutine: the event loop goes on meanwhile. (`log` needs no such variant: it never waits.)"""
        return await asyncio.to_thread(self.flush, timeout)

    async def aclose(self, timeout: float = CLOSE_SECONDS) -> None:
        """`close` for a coroutine."""
        await asyncio.to_thread(self.close, timeout)

    @property
    def stats(self) -> Stats:
        return self._counters.stats(self._sender.queued, self._sender.spooled)

    def count_unread(self) -> int:
        """Count a call whose bodies could not be read (by the middleware); returns how many there were."""
        return self._counters.add("unread")

    def __enter__(self) -> PredictionLogger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> PredictionLogger:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __getstate__(self) -> tuple[str, str | None, float, Delivery]:
        """A copy in another process (of a callback that was sent to a worker) is a logger like this one, and empty."""
        return self.model, self.version, self.sampling_fraction, self._delivery

    def __setstate__(self, state: tuple[str, str | None, float, Delivery]) -> None:
        self.model, self.version, self.sampling_fraction, self._delivery = state
        self._start_afresh()
        _open_loggers.add(self)

    def _put(self, kind: Kind, fields: dict[str, Any]) -> None:
        try:
            if self._process != os.getpid():  # some servers fork without telling Python
                self._start_in_child()
            if self.sampling_fraction < 1 and not is_sampled(fields["prediction_id"], self.sampling_fraction):
                self._counters.add("sampled_out")
                return
            self._counters.add("logged")
            if tags := fields.get("tags"):
                fields["tags"] = {str(name): str(value) for name, value in tags.items()}
            record = encode({name: value for name, value in fields.items() if value is not None})
            if len(record) > MAX_RECORD_BYTES:
                self._counters.drop(f"record larger than {MAX_RECORD_BYTES} bytes")
            else:
                self._sender.put(kind, record)
        except Exception as error:  # the serving path must not feel this, whatever it is
            self._counters.drop(f"not encodable: {type(error).__name__}: {str(error)[:100]}")

    def _start_afresh(self) -> None:
        self._process = os.getpid()
        self._counters = Counters()
        self._sender = Sender(self._delivery, self._counters, on_start=_end_with_multiprocessing)

    def _start_in_child(self) -> None:
        parents = self._sender
        self._start_afresh()
        parents.let_go_in_child()


def is_sampled(prediction_id: str, fraction: float) -> bool:
    """Whether this id is in the sample; the same answer everywhere and always."""
    return zlib.crc32(prediction_id.encode()) < fraction * 2**32


def encode(fields: dict[str, Any]) -> bytes:
    """The record as JSON. Times without a zone are UTC, numpy's scalars and arrays become plain, NaN becomes null."""
    for name in ("event_time", "label_time"):
        moment = fields.get(name)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            fields[name] = moment.replace(tzinfo=UTC)
    return msgspec.json.encode(fields, enc_hook=plain)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def plain(value: Any) -> Any:
    """A value that msgspec does not know as one it does. Raises TypeError."""
    # numpy, pandas and torch spell "as a Python object" in one of two ways, pydantic in a third; none is imported here.
    for method in ("tolist", "item", "model_dump"):
        if callable(convert := getattr(value, method, None)):
            return convert()
    raise TypeError(f"{type(value).__name__} values can't be logged; accepted: bool, int, float, str, None")


_open_loggers: set[PredictionLogger] = set()


def _close_all() -> None:
    for logger in list(_open_loggers):
        logger.close()


def _after_fork() -> None:
    # The parent sends what it had; its thread, locks and connections do not exist in the child.
    for logger in list(_open_loggers):
        logger._start_in_child()


def _end_with_multiprocessing() -> None:
    """A process that multiprocessing has started ends without atexit, but not without multiprocessing's own way."""
    # Not imported: where nobody else has, this process is none of its children.
    processes, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if processes is not None and util is not None and processes.parent_process() is not None:
        util.Finalize(None, _close_all, exitpriority=10)


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
