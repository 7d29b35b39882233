"""Any HTTP endpoint that retrains or rolls back, by a request signed per Standard Webhooks."""

from __future__ import annotations

from typing import Any

import msgspec

from alerts.responses.base import ResponsePlan, ResponseReceipt
from alerts.signed_post import SignedPost


class WebhookTarget(SignedPost):
    """POSTs `{"type", "timestamp", "data": plan}`; a 2xx answer means done, or accepted."""

    def run(self, plan: ResponsePlan) -> ResponseReceipt:
        return ResponseReceipt(self.post(plan.id, plan.sent_at or plan.planned_at, response_body(plan)))


def response_body(plan: ResponsePlan) -> dict[str, Any]:
    """The body: the same bytes in every attempt."""
    data = msgspec.to_builtins(plan)
    del data["sent_at"]
    return {"type": f"response.{plan.kind}", "timestamp": data["planned_at"], "data": data}
