"""Any HTTP endpoint, by a request signed per Standard Webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.channels.base import Receipt
from alerts.messages import Message
from alerts.outgoing import Outgoing, check_url
from alerts.signing import Signer

_MOST_COLUMNS: Final = 50  # Standard Webhooks advises at most 20 kB


class WebhookChannel:
    """POSTs `{"type", "timestamp", "data"}`; receivers drop repeats by the webhook-id header."""

    @dataclass(frozen=True)
    class Options:
        """`url` takes the messages, `secret` (whsec_…) signs them."""

        url: str
        secret: str

    def __init__(self, options: Options, outgoing: Outgoing) -> None:
        self._url: Final = check_url(options.url, "webhook url")
        self._signer: Final = Signer(options.secret, "webhook")
        self._outgoing: Final = outgoing

    def send(self, message: Message) -> Receipt:
        body = msgspec.json.encode(webhook_body(message))
        reply = self._outgoing.post(self._url, body, self._signer.headers(message.id, message.sent_at, body))
        return Receipt(f"HTTP {reply.status}")


def webhook_body(message: Message) -> dict[str, Any]:
    """The body: the same in every attempt but for what the incident has learnt meanwhile."""
    return {
        "type": f"incident.{message.kind}",
        "timestamp": message.event_at,
        "data": {
            "id": message.incident_id,
            "model": message.model,
            "monitor": message.monitor,
            "metric": message.metric,
            "segment": message.segment,
            "severity": message.severity,
            "title": message.title,
            "summary": message.summary,
            "cause": message.cause or None,
            "next_step": message.next_step,
            "since": message.since,
            "until": message.until,
            "opened_at": message.opened_at,
            "resolved_at": message.resolved_at,
            "duration_seconds": message.duration.total_seconds() if message.duration is not None else None,
            "evidence": _bounded(message.evidence),
            "url": message.incident_url,
            "model_url": message.model_url,
            "reason": message.reason,
        },
    }


def _bounded(evidence: dict[str, Any]) -> dict[str, Any]:
    columns = evidence.get("columns", [])
    return {**evidence, "columns": columns[:_MOST_COLUMNS], "columns_in_all": len(columns)}
