"""OTLP over HTTP: the same source under the paths, and with the answers, that OpenTelemetry exporters know."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field

import msgspec

from collectors.collector import Request, Taken
from collectors.deliveries import Receipt
from collectors.formats import Log, LogFormat, find_format
from collectors.formats.otlp_messages import otlp_answer
from collectors.sources.receiver import Receiver, Reply

OTLP_PATHS = {"/v1/logs": "otlp-logs", "/v1/traces": "otlp-traces", "/api/v1/traces": "otlp-traces"}


@dataclass(slots=True)
class OtlpReceiver(Receiver):
    """Takes exports. What a format learns of a sender (BentoML sends its schema only now and then) outlives a restart:
    it is kept as the checkpoint of this path, in the commit of the records it was learnt with.

    Exporters send an export again, byte by byte, when they saw no answer. Its digest is its idempotency key, so it
    counts once.
    """

    path: str = ""
    format_name: str = ""
    _learnt: bytes = b""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def keep(self, body: bytes, request: Request, format_name: str | None) -> tuple[Taken, Receipt]:
        key = request.key or f"{self.path} {hashlib.sha256(body).hexdigest()}"
        async with self._turn:  # one after the other: they share what was learnt. The body is here by now.
            self._learnt = self._learnt or self.collector.inbox.checkpoint(self.path) or b"{}"
            memory = msgspec.json.decode(self._learnt)  # a copy: what doesn't become durable was not learnt
            asked = msgspec.structs.replace(request, key=key, memory=memory)
            taken = await self.take(body, asked, format_name)
            learnt = msgspec.json.encode(memory)
            if learnt != self._learnt:
                delivery = msgspec.structs.replace(taken.delivery, checkpoint=(self.path, learnt))
                taken = msgspec.structs.replace(taken, delivery=delivery)
                receipt = await self.collector.inbox.deliver(delivery)
                if not (receipt.repeated or receipt.conflict):
                    self._learnt = learnt
                return taken, receipt
        return taken, await self.collector.inbox.deliver(taken.delivery)

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
