"""Signed requests verify with the Standard Webhooks package, and only with the right secret."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerts import ResponsePlan, build_responses
from alerts.signing import Signer
from monitor.config import OutgoingSettings, ResponseSettings
from monitor.errors import ConfigError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_standard_package_verifies_the_signature() -> None:
    body = json.dumps({"type": "incident.opened", "data": {"title": "déjà vu"}}).encode()
    headers = Signer(SECRET, "here").headers("msg_1", datetime.now(UTC), body)
    assert Webhook(SECRET).verify(body, headers)["type"] == "incident.opened"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, {**headers, "webhook-id": "msg_2"})
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(b"another secret of 24 bytes").decode()).verify(body, headers)


def test_the_specification_s_own_example_gives_its_signature() -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = Signer(SECRET, "here").headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_" + b64encode(b"x" * 65).decode()])
def test_weak_secrets_are_refused_without_showing_them(secret: str) -> None:
    with pytest.raises(ConfigError, match="24 to 64 random bytes") as caught:
        Signer(secret, "channel 'oncall'")
    assert secret.removeprefix("whsec_") == "" or secret not in str(caught.value)


def test_a_response_is_signed_under_the_run_s_id_with_the_same_body_in_every_attempt(
    receiver: Any, loopback: OutgoingSettings
) -> None:
    settings = ResponseSettings(kind="rollback", url=receiver.url, secret=SECRET)
    target = build_responses({"undo": settings}, loopback)["undo"].target
    at = datetime.now(UTC)
    plan = ResponsePlan(
        id="run_1",
        idempotency_key="undo:42",
        response="undo",
        kind="rollback",
        model="churn",
        version="2",
        target_version="1",
        reason="version 2 is to blame",
        incident_id=42,
        incident_url=None,
        metric="auc",
        segment="all",
        severity="critical",
        title="AUC below baseline",
        since=at,
        columns=["temp"],
        planned_at=at,
    )
    for sent_at in (at, datetime.now(UTC)):
        assert target.run(msgspec.structs.replace(plan, sent_at=sent_at)).text == "HTTP 200"
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "run_1"
    payload = Webhook(SECRET).verify(first.body, first.headers)
    assert payload["type"] == "response.rollback"
    assert payload["data"]["idempotency_key"] == "undo:42"
    assert (payload["data"]["version"], payload["data"]["target_version"]) == ("2", "1")
    assert "sent_at" not in payload["data"]
