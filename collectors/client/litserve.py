"""KedgeCallback: logs what a LitServe worker decodes and encodes. litserve itself is never needed to import this."""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import msgspec

from collectors.client.bodies import LONGEST_ERROR
from collectors.client.call_log import CallLog, Read, Seen
from collectors.client.logger import PredictionLogger, plain

log = logging.getLogger("kedge.client")


@dataclass(slots=True)
class _Pending:
    """A request without an answer yet. It is kept as bytes, since the endpoint may change the object."""

    request: bytes
    started: float = field(default_factory=time.perf_counter)


# LitServe tells a callback that something happens, not to which request. All of one batch, or of one request where the
# API is async, run in one context, in one order.
_pending: ContextVar[list[_Pending]] = ContextVar("kedge_pending")


class KedgeCallback:
    """For `LitServer(api, callbacks=[KedgeCallback(logger)])`.

    LitServe's hooks see neither request nor answer, so after `setup` this puts itself around the API's
    `decode_request`, `predict` and `encode_response`. The request is what `decode_request` gets, the answer what
    `encode_response` returns, the latency the time between the two (without LitServe's queue). `read` is as in
    KedgeMiddleware. Streaming APIs are left alone. It is sent to the workers, so `logger` makes its connection there.
    """

    def __init__(self, logger: PredictionLogger, *, read: Read | None = None) -> None:
        self.logger, self._read = logger, read
        # LitServe takes instances of its own class only; it is an ABC, which can be told that this is one as well.
        try:
            importlib.import_module("litserve").Callback.register(type(self))
        except ImportError:
            pass

    def on_after_setup(self, lit_api: Any, **_: Any) -> None:
        if inspect.isgeneratorfunction(lit_api.predict) or inspect.isasyncgenfunction(lit_api.predict):
            log.warning("prediction log: %s streams its answers, which is not logged", type(lit_api).__name__)
            return
        watch = _Watch(CallLog(self.logger, self._read), type(lit_api).__name__)
        lit_api.decode_request = _around(lit_api.decode_request, watch, before=watch.asked)
        lit_api.predict = _around(lit_api.predict, watch)
        lit_api.encode_response = _around(lit_api.encode_response, watch, after=watch.answered)

    def on_before_decode_request(self, lit_api: Any, **_: Any) -> None:
        _pending.set([])

    def __getattr__(self, name: str) -> Any:  # the hooks that are not needed, those of later versions too
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


def _nothing(*_: Any, **__: Any) -> None:
    pass


class _Watch:
    """Pairs the requests of a worker with their answers."""

    def __init__(self, calls: CallLog, where: str) -> None:
        self._calls, self._where = calls, where

    def asked(self, request: Any) -> None:
        _pending.get().append(_Pending(msgspec.json.encode(request, enc_hook=plain)))

    def answered(self, answer: Any) -> None:
        pending = _pending.get()
        if pending:
            self._log(pending.pop(0), 200, None, msgspec.json.encode(answer, enc_hook=plain))

    def failed(self, error: BaseException) -> None:
        """LitServe answers all requests of a batch with one error."""
        status = getattr(error, "status_code", 500)
        said = getattr(error, "detail", None) or f"{type(error).__name__}: {error}"
        pending = _pending.get()
        for each in pending:
            self._log(each, status if isinstance(status, int) else 500, str(said)[:LONGEST_ERROR], b"null")
        pending.clear()

    def _log(self, pending: _Pending, status: int, error: str | None, answer: bytes) -> None:
        self._calls.add(
            lambda: Seen(
                where=self._where,
                request=msgspec.json.decode(pending.request),
                response=msgspec.json.decode(answer),
                request_id=uuid.uuid4().hex,
                latency_ms=(time.perf_counter() - pending.started) * 1000,
                status=status,
                error=error,
                request_bytes=len(pending.request),
                response_bytes=len(answer) if error is None else None,
            )
        )

    def safely(self, note: Callable[[Any], None] | None, value: Any) -> None:
        try:
            if note is not None:
                note(value)
        except Exception as error:  # such as a request that is no JSON: the endpoint must not feel it
            self._calls.count_unread(self._where, error)


def _around(
    function: Callable[..., Any],
    watch: _Watch,
    before: Callable[[Any], None] | None = None,
    after: Callable[[Any], None] | None = None,
) -> Callable[..., Any]:
    """The function, with its first argument told to `before` and its result to `after`."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        watch.safely(before, args[0] if args else None)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            watch.safely(watch.failed, error)
            raise
        watch.safely(after, result)
        return result

    @functools.wraps(function)
    async def call_later(*args: Any, **kwargs: Any) -> Any:
        watch.safely(before, args[0] if args else None)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            watch.safely(watch.failed, error)
            raise
        watch.safely(after, result)
        return result

    return call_later if inspect.iscoroutinefunction(function) else call
