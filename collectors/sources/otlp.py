"""OTLP over HTTP: the same source under the paths, and with the answers, that OpenTelemetry exporters know."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Receive

from collectors.collector import Request, Taken
from collectors.deliveries import Receipt
from collectors.formats import Log, LogFormat, find_format
from collectors.formats.otlp_messages import otlp_answer
from collectors.sources.receiver import Receiver, Reply

OTLP_PATHS = {"/v1/logs": "otlp-logs", "/v1/traces": "otlp-traces", "/api/v1/traces": "otlp-traces"}


@dataclass(slots=True)
class OtlpReceiver(Receiver):
    """Takes exports. What a format learns of a sender (BentoML sends its schema only now and then) outlives a restart:
    it is kept as the checkpoint of this path."""

    path: str = ""
    format_name: str = ""
    _memory: dict[str, Any] | None = None
    _kept: bytes = b""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def take(self, request: Request, format_name: str | None, receive: Receive) -> Taken:
        async with self._turn:  # one after the other: they share what was learnt
            if self._memory is None:
                self._kept = self.collector.inbox.checkpoint(self.path) or b"{}"
                self._memory = msgspec.json.decode(self._kept)
            asked = msgspec.structs.replace(request, memory=self._memory)
            taken = await Receiver.take(self, asked, self.format_name, receive)
            learnt = msgspec.json.encode(self._memory)
            if learnt == self._kept:
                return taken
            self._kept = learnt
            delivery = msgspec.structs.replace(taken.delivery, checkpoint=(self.path, learnt))
            return msgspec.structs.replace(taken, delivery=delivery)

    def choose_format(self, request: Request, named: str | None, body: bytes) -> LogFormat:
        return find_format(self.format_name)

    def reply(self, request: Request, taken: Taken, receipt: Receipt) -> Reply:
        """What was read is done with, also where records were refused: they are in quarantine, and not sent again."""
        if receipt.answer.status not in (202, 422):
            return Receiver.reply(self, request, taken, receipt)
        reason = taken.delivery.refusals[0].reason if taken.delivery.refusals else ""
        answer = otlp_answer(Log(b"", headers=request.headers, path=request.path), taken.refused, reason)
        kind = request.headers.get("content-type", "application/x-protobuf").partition(";")[0]
        return Reply(200, answer, {"Content-Type": kind})
