"""Signed requests per Standard Webhooks 1.0, so that a receiver knows who sent them and drops repeats."""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import datetime
from typing import Final

from standardwebhooks.webhooks import Webhook

from monitor.errors import ConfigError

_PREFIX: Final = "whsec_"
_MAKE_ONE: Final = "whsec_ and the base64 of 24 to 64 random bytes"


class Signer:
    """Signs bodies with one shared secret."""

    def __init__(self, secret: str, where: str) -> None:
        try:
            key = b64decode(secret.removeprefix(_PREFIX) + "==")
        except (binascii.Error, ValueError):
            raise ConfigError(f"{where} secret is not base64; accepted: {_MAKE_ONE}") from None
        if not 24 <= len(key) <= 64:
            raise ConfigError(f"{where} secret has {len(key)} bytes; accepted: {_MAKE_ONE}")
        self._webhook = Webhook(key)

    def headers(self, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
        """The three headers of one attempt at `at`; `message_id` is the same in every attempt."""
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, at, body.decode()),
        }
