"""Any HTTP endpoint, by a request signed per Standard Webhooks."""

from __future__ import annotations

from typing import Any, Final

from alerts.channels.base import Receipt
from alerts.messages import Message
from alerts.signed_post import SignedPost

_MOST_COLUMNS: Final = 50  # Standard Webhooks advises at most 20 kB


class WebhookChannel(SignedPost):
    """POSTs `{"type", "timestamp", "data"}`; receivers drop repeats by the webhook-id header."""

    def send(self, message: Message) -> Receipt:
        return Receipt(self.post(message.id, message.sent_at, webhook_body(message)))


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
            "explanation": message.explanation or None,
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
