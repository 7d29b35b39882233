"""KedgeWsgiMiddleware: the same for WSGI, which is Flask, Django, Bottle, Falcon and others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Unpack

from collectors.client.bodies import LONGEST_ERROR
from collectors.client.call import Body, Call
from collectors.client.observer import CLIENT_CLOSED_REQUEST, Observer, Options

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], Any]]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class KedgeWsgiMiddleware:
    """Wraps a WSGI application. `options` are those of `Observer`."""

    def __init__(self, app: WsgiApp, **options: Unpack[Options]) -> None:
        self._app, self._observer = app, Observer(**options)
        self.logger = self._observer.logger

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = _path(environ)
        if not self._observer.looks_at(path):
            return self._app(environ, start_response)
        call = self._observer.begin(path, _headers(environ))
        environ["wsgi.input"] = _Input(environ["wsgi.input"], call.request)

        def start_and_keep(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], Any]:
            write = start_response(status, headers, *exc_info)
            call.start_answer(int(status[:3]) if status[:3].isdigit() else 0, headers)

            def write_and_keep(data: bytes) -> Any:
                call.response.add(data)
                return write(data)

            return write_and_keep

        try:
            pieces = self._app(environ, start_and_keep)
        except BaseException as error:
            self._failed(call, error)
            raise
        return _SizedAnswer(self, call, pieces) if hasattr(pieces, "__len__") else _Answer(self, call, pieces)

    def _failed(self, call: Call, error: BaseException) -> None:
        call.fail(500, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
        self._observer.end(call)

    def _end(self, call: Call) -> None:
        self._observer.end(call)


class _Answer:
    """The application's answer, piece by piece; the call is logged after the last one, or when the server gives up."""

    def __init__(self, middleware: KedgeWsgiMiddleware, call: Call, pieces: Iterable[bytes]) -> None:
        self._middleware, self._call, self._pieces = middleware, call, pieces
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._pieces)
            piece = next(self._iterator)
        except StopIteration:
            # The server has sent every piece before it asked for the next.
            if not self._call.is_answered:
                self._call.end_answer()
            self._middleware._end(self._call)
            raise
        except BaseException as error:
            self._middleware._failed(self._call, error)
            raise
        self._call.response.add(piece)
        return piece

    def close(self) -> None:
        try:
            if callable(close := getattr(self._pieces, "close", None)):
                close()
        finally:
            self._call.fail(CLIENT_CLOSED_REQUEST, "closed before the answer was out: the client has gone")
            self._middleware._end(self._call)


class _SizedAnswer(_Answer):
    """An answer whose number of pieces is known; servers give one piece a Content-Length by it."""

    def __len__(self) -> int:
        return len(self._pieces)  # type: ignore[arg-type]  # only made of what has a length


class _Input:
    """The request's body as the application reads it."""

    def __init__(self, stream: Any, body: Body) -> None:
        self._stream, self._body = stream, body

    def read(self, *size: Any) -> bytes:
        return self._keep(self._stream.read(*size))

    def readline(self, *size: Any) -> bytes:
        return self._keep(self._stream.readline(*size))

    def readlines(self, *hint: Any) -> list[bytes]:
        return [self._keep(line) for line in self._stream.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return (self._keep(line) for line in self._stream)

    def __getattr__(self, name: str) -> Any:
        # What only some servers' streams have. Werkzeug, for one, takes readinto where there is one.
        found = getattr(self._stream, name)
        if name == "read1":
            return lambda *size: self._keep(found(*size))
        if name in ("readinto", "readinto1"):
            return lambda buffer: self._keep_filled(buffer, found(buffer))
        return found

    def _keep_filled(self, buffer: Any, count: int | None) -> int | None:
        if count:
            self._keep(bytes(memoryview(buffer)[:count]))
        return count

    def _keep(self, data: bytes) -> bytes:
        self._body.add(data)
        return data


def _path(environ: Environ) -> str:
    # WSGI hands the path's bytes over as Latin-1.
    raw = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")


def _headers(environ: Environ) -> list[tuple[str, str]]:
    named = [(name[5:].replace("_", "-"), str(value)) for name, value in environ.items() if name.startswith("HTTP_")]
    return [*named, ("content-type", str(environ.get("CONTENT_TYPE", "")))]
