"""What the proxy keeps of one exchange, until the recorder has read it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from collectors.calls.records import usable_id
from collectors.calls.routes import asks_for_predictions
from collectors.client.call import Body
from collectors.proxy.headers import Headers, as_mapping

# Endpoints for labels, which stand beside those for predictions in many services.
_LABEL_PATHS = ("*/feedback*", "*/labels*", "*/ground?truth*")
_REQUEST_IDS = ("x-request-id", "ce-id")
_RESPONSE_IDS = ("x-request-id", "ce-id", "x-bentoml-request-id")


@dataclass(slots=True)
class Exchange:
    """One call as the proxy saw it. `status` is what the client was told, 0 while it was told nothing."""

    method: str
    path: str
    request_headers: Headers
    request: Body
    response: Body
    started: float = field(default_factory=time.perf_counter)
    status: int = 0
    response_headers: Headers = field(default_factory=list)
    error: str | None = None
    request_id: str | None = None
    time: float = 0.0
    latency_ms: float = 0.0

    def end(self) -> None:
        self.time = time.time()
        self.latency_ms = (time.perf_counter() - self.started) * 1000

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return self.request.kept_bytes + self.response.kept_bytes + 2048


def is_prediction(method: str, path: str, only: tuple[str, ...] = ()) -> bool:
    """Whether a call is one to log: a POST to one of the paths `only` (with *), or, without them, to any path but those
    that servers use for something else.

    >>> is_prediction("POST", "/v2/models/m/infer"), is_prediction("POST", "/feedback"), is_prediction("GET", "/")
    (True, False, False)
    """
    plain = path.partition("?")[0]
    if only:
        return method == "POST" and any(fnmatchcase(plain, pattern) for pattern in only)
    return asks_for_predictions(method, plain) and not any(fnmatchcase(plain, each) for each in _LABEL_PATHS)


def request_id(exchange: Exchange) -> str | None:
    """The id in the headers of the request, else of the response; None when there is none."""
    request, response = as_mapping(exchange.request_headers), as_mapping(exchange.response_headers)
    found = next((request[name] for name in _REQUEST_IDS if request.get(name)), None)
    return found or next((response[name] for name in _RESPONSE_IDS if response.get(name)), None)


def settle_id(exchange: Exchange) -> str:
    """Decide on the id before the answer goes out, so that it can be told to the client: the id in the request's body,
    in the headers, or a new one."""
    exchange.request_id = usable_id(body_id(exchange.request.whole) or request_id(exchange)) or new_id()
    return exchange.request_id


def new_id() -> str:
    return uuid.uuid4().hex


class _Identified(msgspec.Struct):
    id: str | None = None


_identified = msgspec.json.Decoder(_Identified)


def body_id(body: bytes | None) -> str | None:
    """The `id` of a JSON object, which is where the Open Inference Protocol has it.

    >>> body_id(b'{"id": "a-1", "inputs": []}'), body_id(b'[1]'), body_id(None)
    ('a-1', None, None)
    """
    if not body:
        return None
    try:
        return _identified.decode(body).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
