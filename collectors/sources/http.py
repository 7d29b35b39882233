"""The HTTP source: POST /v1/predictions and /v1/labels, and the paths that OpenTelemetry exporters know.

The 202 goes out after the records are durable. Whatever is refused is in quarantine before the answer goes out.

`Door` is an ASGI application in front of another. Its paths are served without any framework: at tens of thousands of
requests per second, that is half of what a request costs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.types import ASGIApp, Receive, Scope, Send

from collectors.collector import Collector
from collectors.gate import Gate
from collectors.sources.otlp import OTLP_PATHS, OtlpReceiver
from collectors.sources.receiver import Receiver
from monitor.access import KeyRing
from monitor.lake import Kind

PATHS = {Kind.PREDICTIONS: "/v1/predictions", Kind.LABELS: "/v1/labels"}


class Door:
    """Takes what is sent to the collector's paths, and passes everything else on to `app`."""

    def __init__(
        self,
        app: ASGIApp,
        collector: Collector,
        access: KeyRing,
        clock: Callable[[], datetime],
        gate: Gate | None = None,
    ) -> None:
        self._app = app
        self._receivers: dict[str, Receiver] = {
            path: Receiver(collector, access, clock, kind, gate) for kind, path in PATHS.items()
        }
        for path, format_name in OTLP_PATHS.items():
            self._receivers[path] = OtlpReceiver(
                collector, access, clock, Kind.PREDICTIONS, gate, path=path, format_name=format_name
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        receiver = self._receivers.get(scope["path"]) if scope["type"] == "http" else None
        if receiver is None:
            await self._app(scope, receive, send)
            return
        reply = await receiver.answer(scope, receive)
        receiver.count(reply.status)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.raw_headers()})
        await send({"type": "http.response.body", "body": reply.body})
