"""The collector: takes a body of bytes and turns it into one delivery for the inbox and one answer for the sender.

The HTTP source and `kedge ingest` both come through here, so they accept, refuse and explain alike.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from collectors.deliveries import Answer, Batch, Delivery, Receipt
from collectors.formats import WHOLE_BODY, Decoded, Log, LogFormat, find_format
from collectors.formats.reading import shown
from collectors.glance import glance
from collectors.inbox import Inbox
from collectors.metrics import CollectorMetrics
from collectors.payloads import pack
from collectors.privacy import Privacy
from collectors.validation import Terms, Validated, validate
from monitor.config import CollectorSettings
from monitor.lake import Kind
from monitor.records import Refusal

_OURS = find_format("json")
MOST_SHOWN = 100
"""How many refused records an answer lists; the others are in quarantine all the same."""

_OTHER_BODY = (
    "Idempotency-Key {} came before with another body, ?model= or ?version=; accepted: the same again, or a new key"
)


class Request(msgspec.Struct, frozen=True):
    """One body and what is known about it. `model` and `version` hold for records that name none.

    `headers`, `path` and `memory` are handed to the format (see Log). `checkpoint` is (name of a source, how far it has
    read): it becomes durable together with the records.
    """

    kind: Kind
    received_at: datetime
    source: str
    model: str | None = None
    version: str | None = None
    key: str | None = None
    headers: Mapping[str, str] = {}
    path: str = ""
    memory: dict[str, Any] = {}
    checkpoint: tuple[str, bytes] | None = None


class Taken(msgspec.Struct, frozen=True):
    """What a request came to: counts of records as they were sent, and the delivery that makes it durable."""

    accepted: int
    refused: int
    delivery: Delivery


def random_ids(count: int) -> list[str]:
    """Ids for predictions that came without one: 128 random bits each."""
    digits = secrets.token_hex(16 * count)
    return [digits[start : start + 32] for start in range(0, 32 * count, 32)]


class Collector:
    """Formats, validation and inbox behind one door. `take` is pure; `append` and `record` have the effects."""

    def __init__(
        self,
        inbox: Inbox,
        settings: CollectorSettings,
        metrics: CollectorMetrics | None = None,
        new_ids: Callable[[int], list[str]] = random_ids,
    ) -> None:
        self.inbox = inbox
        self.settings = settings
        self.metrics = metrics
        self.privacy = Privacy.of(settings)
        self._new_ids = new_ids

    def take(self, body: bytes, request: Request, log_format: LogFormat | None = None) -> Taken:
        """Decode and validate a whole body. Never raises because of the body; nothing is stored yet."""
        log_format = log_format or _OURS
        terms = self._terms(request, len(body))
        is_ours = log_format is _OURS and request.kind is Kind.PREDICTIONS
        if is_ours and (batch := glance(body, terms)) is not None:
            return self._taken_whole(batch, request, body)
        whole = Validated()
        for decoded in log_format.decode(self.log_of(body, request)):
            if broken := _whole_body(decoded):
                return self.refuse(request, 400, broken.reason, body, log_format.name)
            whole.add(validate(decoded, terms))
            if whole.accepted + len(whole.refusals) > self.settings.max_records:
                reason = (
                    f"the body has more than max_records = {self.settings.max_records} records; send fewer at a time"
                )
                return self.refuse(request, 413, reason, body, log_format.name)
        return self._taken(whole, request, body, log_format.name)

    def ingest(self, body: bytes, request: Request, log_format: LogFormat) -> Iterator[Taken]:
        """Take a body of any length stretch by stretch, and store each before the next is read (`kedge ingest`)."""
        terms = msgspec.structs.replace(
            self._terms(request, self.settings.max_record_bytes), model_is_named="with --model"
        )
        for decoded in log_format.decode(self.log_of(body, request)):
            broken = _whole_body(decoded)
            taken = (
                self.refuse(request, 400, broken.reason, body, log_format.name)
                if broken
                else self._taken(validate(decoded, terms), request, body, log_format.name)
            )
            self.record(taken, self.inbox.append(taken.delivery))
            yield taken

    def record(self, taken: Taken, receipt: Receipt) -> None:
        """Count the outcome of a request that is durable now."""
        if self.metrics is None:
            return
        accepted, refused, repeated = taken.accepted, taken.refused, 0
        if receipt.conflict:
            accepted, refused = 0, accepted + refused
        elif receipt.repeated:
            accepted, refused, repeated = 0, 0, accepted + refused
        for outcome, count in (("accepted", accepted), ("refused", refused), ("repeated", repeated)):
            if count:
                self.metrics.record_of(taken.delivery.kind, outcome).inc(count)

    def log_of(self, body: bytes, request: Request, at: datetime | None = None) -> Log:
        """A body as a format is handed it; `at` is when it was last written, where that is not when it was received."""
        return Log(
            body=body,
            kind=request.kind,
            model=request.model,
            headers=request.headers,
            path=request.path,
            at=at or request.received_at,
            mapping=self.settings.mapping_of(request.model),
            mappings=self.settings.mappings,
            memory=request.memory,
        )

    def _terms(self, request: Request, body_bytes: int) -> Terms:
        return Terms(
            now=request.received_at,
            limits=self.settings,
            new_ids=self._new_ids,
            model=request.model,
            version=request.version,
            body_bytes=body_bytes,
            privacy=self.privacy,
        )

    def refuse(self, request: Request, status: int, reason: str, body: bytes = b"", log_format: str = "") -> Taken:
        """The whole body is refused, and goes to quarantine with the reason."""
        refusal = Refusal(index=WHOLE_BODY, reason=reason, model=request.model, payload=body)
        if self.privacy is not None:
            refusal = self.privacy.clean_refusal(refusal)
        return _refused(request, status, refusal, log_format)

    def _taken_whole(self, batch: Batch, request: Request, body: bytes) -> Taken:
        """Every record of the body is accepted."""
        answer = Answer(202, b'{"accepted":%d,"refused":[],"refused_total":0}' % batch.count)
        digest, conflict = self._against_repeats(request, body, _OURS.name)
        return Taken(
            batch.count,
            0,
            Delivery(
                received_at=request.received_at,
                source=request.source,
                kind=request.kind,
                answer=answer,
                batches=(batch,),
                key=request.key,
                digest=digest,
                conflict=conflict,
                checkpoint=request.checkpoint,
            ),
        )

    def _against_repeats(self, request: Request, body: bytes, log_format: str) -> tuple[bytes, Delivery | None]:
        """The digest of what was sent under an idempotency key, and what stays behind if it came with another."""
        if request.key is None:
            return b"", None
        digest = hashlib.sha256(f"{request.model!r} {request.version!r} ".encode() + body).digest()
        kept = body if self.privacy is None else b""  # to take it apart would cost every request what a conflict costs
        return digest, self.refuse(request, 409, _OTHER_BODY.format(shown(request.key)), kept, log_format).delivery

    def _taken(self, whole: Validated, request: Request, body: bytes, log_format: str) -> Taken:
        refused = len(whole.refusals)
        for refusal in whole.refusals:
            refusal.model = refusal.model or request.model
        digest, conflict = self._against_repeats(request, body, log_format)
        delivery = Delivery(
            received_at=request.received_at,
            source=request.source,
            kind=request.kind,
            answer=Answer(422 if refused and not whole.accepted else 202, _answer(whole)),
            batches=pack(whole),
            refusals=whole.refusals,
            halves=whole.halves,
            declared=whole.declared,
            log_format=log_format,
            checkpoint=request.checkpoint,
            key=request.key,
            digest=digest,
            conflict=conflict,
        )
        return Taken(whole.accepted, refused, delivery)


def _refused(request: Request, status: int, refusal: Refusal, log_format: str) -> Taken:
    delivery = Delivery(
        received_at=request.received_at,
        source=request.source,
        kind=request.kind,
        answer=Answer(status, msgspec.json.encode({"error": refusal.reason})),
        refusals=[refusal],
        log_format=log_format,
        checkpoint=request.checkpoint,
    )
    return Taken(0, 1, delivery)


def _answer(whole: Validated) -> bytes:
    answer: dict[str, Any] = {
        "accepted": whole.accepted,
        "refused": [{"index": r.index, "reason": _cut(r.reason)} for r in whole.refusals[:MOST_SHOWN]],
        "refused_total": len(whole.refusals),
    }
    if whole.skipped:
        answer["skipped"] = whole.skipped
    return msgspec.json.encode(answer)


def _cut(reason: str) -> str:
    return reason.encode("utf-8", "backslashreplace").decode()[:500]


def _whole_body(decoded: Decoded) -> Refusal | None:
    return next((refusal for refusal in decoded.refusals if refusal.index == WHOLE_BODY), None)
