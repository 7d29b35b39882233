"""Any HTTP endpoint that retrains or rolls back, by a request signed per Standard Webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.outgoing import Outgoing, check_url
from alerts.responses.base import ResponsePlan, ResponseReceipt
from alerts.signing import Signer


class WebhookTarget:
    """POSTs `{"type", "timestamp", "data": plan}`; a 2xx answer means done, or accepted."""

    @dataclass(frozen=True)
    class Options:
        """`url` takes the request, `secret` (whsec_…) signs it."""

        url: str
        secret: str

    def __init__(self, options: Options, outgoing: Outgoing) -> None:
        self._url: Final = check_url(options.url, "webhook url")
        self._signer: Final = Signer(options.secret, "webhook")
        self._outgoing: Final = outgoing

    def run(self, plan: ResponsePlan) -> ResponseReceipt:
        body = msgspec.json.encode(response_body(plan))
        headers = self._signer.headers(plan.id, plan.sent_at or plan.planned_at, body)
        return ResponseReceipt(f"HTTP {self._outgoing.post(self._url, body, headers).status}")


def response_body(plan: ResponsePlan) -> dict[str, Any]:
    """The body: the same bytes in every attempt."""
    data = msgspec.to_builtins(plan)
    del data["sent_at"]
    return {"type": f"response.{plan.kind}", "timestamp": data["planned_at"], "data": data}
