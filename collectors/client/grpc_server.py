"""Interceptors that log the predictions of a gRPC server; grpcio is imported when one is made."""

from __future__ import annotations

import inspect
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from collectors.client.bodies import LONGEST_ERROR
from collectors.client.call_log import CallLog, Read, Seen
from collectors.client.logger import PredictionLogger
from collectors.client.messages import as_json
from collectors.client.unreadable import Unreadable

METHODS = ("*/ModelInfer", "*/Predict", "*/predict", "*/Classify", "*/Regress")
# What HTTP gateways make of gRPC's codes (google.rpc.Code), so that one error rate covers both.
_HTTP_STATUS = {
    "OK": 200, "CANCELLED": 499, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
    "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "UNAUTHENTICATED": 401,
}  # fmt: skip


def grpc_interceptor(
    logger: PredictionLogger, *, methods: Sequence[str] = METHODS, read: Read | None = None, aio: bool = False
) -> Any:
    """An interceptor for `grpc.server(…, interceptors=[…])`, or for `grpc.aio.server` with `aio=True`.

    It logs the unary calls of the methods (full names, with *) and passes streams through unlogged. `read` gets the two
    messages as they are and returns rows, each the arguments of PredictionLogger.log; without it Open Inference V2
    messages are read as tensors, and other protobuf messages like JSON bodies.
    """
    import grpc

    watch = Watch(logger, tuple(methods), read)

    class Interceptor(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            return watch.wrap(continuation(details), details, grpc.unary_unary_rpc_method_handler)

    class AioInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            return watch.wrap(await continuation(details), details, grpc.unary_unary_rpc_method_handler)

    return AioInterceptor() if aio else Interceptor()


class Watch:
    """Puts itself around the handlers of the chosen methods."""

    def __init__(self, logger: PredictionLogger, methods: tuple[str, ...], read: Read | None) -> None:
        self._methods, self._reads_messages = methods, read is not None
        self._calls = CallLog(logger, read)

    def wrap(self, handler: Any, details: Any, make_handler: Callable[..., Any]) -> Any:
        if handler is None or handler.unary_unary is None:
            return handler
        if not any(fnmatchcase(details.method, each) for each in self._methods):
            return handler
        return make_handler(
            self._around(handler.unary_unary, details),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _around(self, behaviour: Callable[[Any, Any], Any], details: Any) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: Any) -> Any:
            started, response, error = time.perf_counter(), None, None
            try:
                response = behaviour(request, context)
                return response
            except BaseException as raised:
                error = raised
                raise
            finally:
                self._log(details, request, response, context, error, started)

        async def answer_later(request: Any, context: Any) -> Any:
            started, response, error = time.perf_counter(), None, None
            try:
                response = await behaviour(request, context)
                return response
            except BaseException as raised:
                error = raised
                raise
            finally:
                self._log(details, request, response, context, error, started)

        return answer_later if inspect.iscoroutinefunction(behaviour) else answer

    def _log(
        self, details: Any, request: Any, response: Any, context: Any, error: BaseException | None, started: float
    ) -> None:
        latency_ms = (time.perf_counter() - started) * 1000
        self._calls.add(lambda: self._seen(details, request, response, context, error, latency_ms))

    def _seen(
        self, details: Any, request: Any, response: Any, context: Any, error: BaseException | None, latency_ms: float
    ) -> Seen:
        status, text = _outcome(context, error)
        metadata = {str(pair[0]).lower(): pair[1] for pair in details.invocation_metadata or ()}
        return Seen(
            where=details.method,
            request=self._read_side(request),
            response=self._read_side(response),
            request_id=_metadata_id(metadata),
            latency_ms=latency_ms,
            status=status,
            error=text,
            request_bytes=_size(request),
            response_bytes=_size(response),
        )

    def _read_side(self, message: Any) -> Any:
        if self._reads_messages:
            return message
        try:
            return as_json(message)
        except Unreadable as error:
            return error


def _size(message: Any) -> int | None:
    """Bytes of the message on the wire, where it can say so; protobuf's can."""
    return int(message.ByteSize()) if callable(getattr(message, "ByteSize", None)) else None


def _metadata_id(metadata: Mapping[str, Any]) -> str:
    given = metadata.get("x-request-id")
    return given[:200] if isinstance(given, str) and given else uuid.uuid4().hex


def _outcome(context: Any, error: BaseException | None) -> tuple[int, str | None]:
    """The status in HTTP's numbers, and the text of an error: as the servicer set them, or as it raised."""
    code = context.code() if hasattr(context, "code") else None
    name = getattr(code, "name", None)  # None, or 0 in grpc.aio, while the servicer has set none
    if error is None and name in (None, "OK"):
        return 200, None
    details = context.details() if hasattr(context, "details") else None
    said = details.decode("utf-8", "replace") if isinstance(details, bytes) else details
    if name in (None, "OK"):
        return 500, f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    return _HTTP_STATUS.get(str(name), 500), f"{name}: {said}"[:LONGEST_ERROR] if said else str(name)
