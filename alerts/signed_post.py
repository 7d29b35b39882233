"""What the webhook channel and the webhook response target share: an address, a secret, and a signed POST."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from alerts.outgoing import Outgoing, check_url
from alerts.signing import Signer


class SignedPost:
    """POSTs JSON signed per Standard Webhooks; receivers drop repeats by the webhook-id header."""

    @dataclass(frozen=True)
    class Options:
        """`url` takes the requests, `secret` (whsec_…) signs them."""

        url: str
        secret: str

    def __init__(self, options: Options, outgoing: Outgoing) -> None:
        self._url: Final = check_url(options.url, "webhook url")
        self._signer: Final = Signer(options.secret, "webhook")
        self._outgoing: Final = outgoing

    def post(self, webhook_id: str, sent_at: datetime, content: dict[str, Any]) -> str:
        """Send it and return what a receipt says; raises ChannelError."""
        body = msgspec.json.encode(content)
        reply = self._outgoing.post(self._url, body, self._signer.headers(webhook_id, sent_at, body))
        return f"HTTP {reply.status}"
