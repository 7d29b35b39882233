"""What the two HTTP middlewares share: whose calls they look at, and the logger they tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TypedDict

from collectors.client.call import Call
from collectors.client.call_log import CallLog, Read
from collectors.client.logger import PredictionLogger

CLIENT_CLOSED_REQUEST = 499
UNFINISHED = "the endpoint did not finish its answer"


class Options(TypedDict, total=False):
    """The options of a middleware; `Observer` documents them."""

    logger: PredictionLogger | None
    model: str | None
    collector_url: str | None
    paths: Sequence[str]
    read: Read | None
    event_time_header: str | None
    max_body_bytes: int
    version: str | None
    api_key: str | None
    spool_dir: str | os.PathLike[str] | None
    sampling_fraction: float


class Observer:
    """Looks on while an application serves, and logs one record per prediction of the chosen paths.

    Bodies pass through as they come, streams too; up to `max_body_bytes` of each are kept to be read after the answer
    is out. A failed call (a status of 400 or more, or an exception, which is raised on) is logged as well.

    logger               the PredictionLogger to use; without it one is made from `model`, `collector_url`, `version`,
                         `api_key`, `spool_dir` and `sampling_fraction`, and closed when the server shuts down
    paths                which paths to look at, exactly or with *, such as /v1/models/*
    read                 reads the bodies in place of the built-in shapes: (request JSON, response JSON) → rows, each
                         the arguments of PredictionLogger.log (features, prediction, score, …)
    event_time_header    a request header that carries the event time, for replays; without it the clock's time
    """

    def __init__(
        self,
        *,
        logger: PredictionLogger | None = None,
        model: str | None = None,
        collector_url: str | None = None,
        paths: Sequence[str] = ("/predict",),
        read: Read | None = None,
        event_time_header: str | None = None,
        max_body_bytes: int = 2**20,
        version: str | None = None,
        api_key: str | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
        sampling_fraction: float = 1.0,
    ) -> None:
        if isinstance(paths, str):
            raise ValueError(f"paths {paths!r} is not usable; accepted: a list of paths, such as [{paths!r}]")
        if logger is None and (model is None or collector_url is None):
            raise ValueError("the middleware needs a logger, or a model's name and a collector_url")
        self.owns_logger = logger is None
        self.logger = logger or PredictionLogger(
            str(collector_url),
            str(model),
            version=version,
            api_key=api_key,
            spool_dir=spool_dir,
            sampling_fraction=sampling_fraction,
        )
        self._calls = CallLog(self.logger, read)
        self._paths = tuple(paths)
        self._event_time_header = event_time_header.lower() if event_time_header else None
        self._max_body_bytes = max_body_bytes

    def looks_at(self, path: str) -> bool:
        return any(fnmatchcase(path, each) for each in self._paths)

    def begin(self, path: str, headers: Iterable[tuple[str, str]]) -> Call:
        """A call that begins now."""
        return Call(path, {name.lower(): value for name, value in headers}, self._max_body_bytes)

    def end(self, call: Call) -> None:
        """Log a call that is over, once."""
        if not call.is_answered:
            call.fail(500, UNFINISHED)
        if not call.is_logged:
            call.is_logged = True
            self._calls.add(lambda: call.seen(self._event_time_header))
