from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from monitor.demo.receiver import Receiver

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(SECRET) as running:
        yield running


def signed(body: bytes, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign("msg-1", at, body.decode())
    return {"webhook-id": "msg-1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def test_a_slack_message_is_remembered(receiver: Receiver) -> None:
    assert httpx.post(f"{receiver.url}/slack", json={"text": "AUC fell"}).status_code == 200
    [message] = receiver.messages
    assert (message.kind, message.body, message.valid) == ("slack", {"text": "AUC fell"}, True)


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}", b'{"text": ""}', b""])
def test_what_slack_would_refuse_is_refused_and_remembered(receiver: Receiver, body: bytes) -> None:
    assert httpx.post(f"{receiver.url}/slack", content=body).status_code == 400
    assert [message.valid for message in receiver.messages] == [False]


def test_a_signed_webhook_is_taken(receiver: Receiver) -> None:
    body = json.dumps({"type": "incident.opened"}).encode()
    assert httpx.post(f"{receiver.url}/webhook", content=body, headers=signed(body)).status_code == 200
    assert receiver.messages[0].valid
    assert receiver.messages[0].body == {"type": "incident.opened"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(b'{"other": 1}'),
        signed(b'{"a": 1}', secret="whsec_" + "A" * 32),
        signed(b'{"a": 1}', at=datetime.now(UTC) - timedelta(minutes=10)),
        {**signed(b'{"a": 1}'), "webhook-signature": "nonsense"},
    ],
)
def test_a_webhook_whose_signature_is_wrong_is_refused_and_remembered_as_such(
    receiver: Receiver, headers: dict[str, str]
) -> None:
    assert httpx.post(f"{receiver.url}/webhook", content=b'{"a": 1}', headers=headers).status_code == 401
    assert [message.valid for message in receiver.messages] == [False]


def test_one_can_wait_for_a_message_that_is_still_to_come(receiver: Receiver) -> None:
    sender = threading.Timer(0.05, lambda: httpx.post(f"{receiver.url}/slack", json={"text": "second"}))
    httpx.post(f"{receiver.url}/slack", json={"text": "first"})
    sender.start()
    found = receiver.wait_for(lambda message: message.body["text"] == "second", timeout=10)
    sender.join()
    assert found is not None
    assert receiver.wait_for(lambda message: message.body["text"] == "first", timeout=0) is not None
    assert receiver.wait_for(lambda message: message.kind == "webhook", timeout=0.01) is None


def test_other_addresses_and_bodies_that_are_too_large_are_refused(receiver: Receiver) -> None:
    assert httpx.post(f"{receiver.url}/other", json={}).status_code == 404
    connection = HTTPConnection(receiver.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/slack")
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders()
    assert connection.getresponse().status == 413
    assert receiver.messages == []
