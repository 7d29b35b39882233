"""What every channel and every response target does, over all that are registered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pytest

from alerts import Channel, ChannelError, Message, Receipt, ResponsePlan
from alerts.channels.registry import build_channel, build_channels
from alerts.outgoing import Outgoing
from alerts.responses.registry import build_responses
from monitor.config import ChannelSettings, OutgoingSettings, ResponseSettings
from monitor.errors import ConfigError
from monitor.plugins import CHANNELS, RESPONSE_TARGETS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATH = "/services/T0KEN-in-path"
# A new channel adds its options here, and the contract runs over it.
OPTIONS: dict[str, dict[str, str]] = {"slack": {}, "webhook": {"secret": SECRET}}
TARGET_OPTIONS: dict[str, dict[str, str]] = {"webhook": {"secret": SECRET}, "mlflow_alias": {"token": "T0KEN"}}
AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

MESSAGE = Message(
    id="msg_1",
    kind="opened",
    reason="first notification",
    sent_at=AT,
    event_at=AT,
    incident_id=42,
    model="churn",
    monitor="churn-auc",
    metric="auc",
    segment="all",
    severity="critical",
    title="AUC below baseline",
    summary="AUC 0.51",
    since=AT - timedelta(days=1),
    until=None,
    opened_at=AT,
    resolved_at=None,
    window=timedelta(hours=1),
    evidence={},
    columns="",
    explanation="",
    cause="",
    next_step="",
    incident_url=None,
    model_url=None,
)
PLAN = ResponsePlan(
    id="run_1",
    idempotency_key="rollback:42",
    response="rollback",
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
    since=AT,
    columns=[],
    planned_at=AT,
    sent_at=AT,
)


def test_every_registered_channel_and_target_is_under_contract() -> None:
    assert CHANNELS.names() == sorted(OPTIONS)
    assert RESPONSE_TARGETS.names() == sorted(TARGET_OPTIONS)


@pytest.fixture(params=sorted(OPTIONS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def channel(kind: str, receiver: Any, outgoing: Outgoing) -> Channel:
    settings = ChannelSettings(kind=kind, url=receiver.url + PATH, **OPTIONS[kind])
    return build_channel("oncall", settings, outgoing)


def test_a_message_is_one_request_and_gives_a_receipt(channel: Channel, receiver: Any) -> None:
    receipt = channel.send(MESSAGE)
    assert receipt.text
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", PATH)
    assert b"AUC below baseline" in request.body


@pytest.mark.parametrize("message_kind", ["opened", "escalated", "resolved"])
@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_every_kind_of_message_is_sent(channel: Channel, message_kind: str, severity: str) -> None:
    until = AT if message_kind == "resolved" else None
    channel.send(replace(MESSAGE, kind=message_kind, severity=severity, until=until, resolved_at=until))


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "retry_after"),
    [
        (500, {}, False, None),
        (503, {"Retry_After": "30"}, False, 30.0),
        (429, {"Retry_After": "7"}, False, 7.0),
        (404, {}, True, None),
        (410, {}, True, None),
        (302, {"Location": "/elsewhere"}, False, None),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    channel: Channel, receiver: Any, status: int, headers: dict[str, str], permanent: bool, retry_after: float | None
) -> None:
    receiver.answer(status, b"no: " + PATH.encode(), **headers)
    with pytest.raises(ChannelError, match=str(status)) as caught:
        channel.send(MESSAGE)
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, retry_after)
    assert len(receiver.requests) == 1
    assert "T0KEN" not in str(caught.value)


def test_a_time_out_can_be_tried_again(kind: str, receiver: Any) -> None:
    receiver.stall()
    outgoing = Outgoing(OutgoingSettings(allow_loopback=True, timeout_seconds=0.2))
    settings = ChannelSettings(kind=kind, url=receiver.url + PATH, **OPTIONS[kind])
    with pytest.raises(ChannelError, match=r"did not answer in 0\.2 s") as caught:
        build_channel("oncall", settings, outgoing).send(MESSAGE)
    assert not caught.value.permanent
    assert "T0KEN" not in str(caught.value)


def test_an_address_that_is_not_allowed_is_final(kind: str, receiver: Any) -> None:
    settings = ChannelSettings(kind=kind, url=receiver.url + PATH, **OPTIONS[kind])
    with pytest.raises(ChannelError, match=r"outgoing\.allow_loopback") as caught:
        build_channel("oncall", settings, Outgoing(OutgoingSettings())).send(MESSAGE)
    assert caught.value.permanent
    assert receiver.requests == []


def test_options_are_checked_when_a_channel_is_built(
    kind: str, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(**options: Any) -> Channel:
        return build_channel("oncall", ChannelSettings(kind=kind, **options), outgoing)

    good = {"url": "https://hooks.example/T0KEN", **OPTIONS[kind]}
    with pytest.raises(ConfigError, match=r"channel 'oncall' has no option 'uri'; accepted: url"):
        build(uri="x", **good)
    with pytest.raises(ConfigError, match=r"channel 'oncall' needs option 'url'"):
        build(**OPTIONS[kind])
    with pytest.raises(ConfigError, match=r"option 'url' is a int; accepted: str"):
        build(**{**good, "url": 5})
    with pytest.raises(ConfigError, match=r"option 'url' is empty"):
        build(**{**good, "url": ""})
    with pytest.raises(ConfigError, match=r"option 'url': environment variable 'NO_SUCH_HOOK' is not set"):
        build(**{**good, "url": "env:NO_SUCH_HOOK"})
    monkeypatch.setenv("HOOK", "gopher://hooks.example/T0KEN")
    with pytest.raises(ConfigError, match="gopher") as caught:
        build(**{**good, "url": "env:HOOK"})
    assert "T0KEN" not in str(caught.value)


def test_unknown_kinds_list_the_known_ones(loopback: OutgoingSettings) -> None:
    with pytest.raises(ConfigError, match="channel kind 'pager' is not known; accepted: slack, webhook"):
        build_channels({"oncall": ChannelSettings(kind="pager")}, loopback)
    with pytest.raises(ConfigError, match="response target 'magic' is not known; accepted: mlflow_alias, webhook"):
        build_responses({"undo": ResponseSettings(kind="rollback", target="magic")}, loopback)
    with pytest.raises(ConfigError, match="accepted: 1 to 100"):
        build_channels({"x" * 101: ChannelSettings(kind="slack", url="https://a.example")}, loopback)


@pytest.mark.usefixtures("fresh_plugins")
def test_another_package_may_add_a_channel_but_not_replace_one(
    monkeypatch: pytest.MonkeyPatch, outgoing: Outgoing
) -> None:
    here = f"{__name__}:Printer"
    theirs = [EntryPoint("printer", here, "kedge.channels"), EntryPoint("slack", here, "kedge.channels")]
    points = [*entry_points(group="kedge.channels"), *theirs]
    load = EntryPoint.load
    monkeypatch.setattr("monitor.plugins.entry_points", lambda group: points)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Printer if self.value == here else load(self))
    assert CHANNELS.names() == ["printer", "slack", "webhook"]
    printer = build_channel("paper", ChannelSettings(kind="printer", tray=2), outgoing)
    assert printer.send(MESSAGE) == Receipt("tray 2")
    with pytest.raises(ConfigError, match="needs option 'url'"):
        build_channel("slack", ChannelSettings(kind="slack"), outgoing)


class Printer:
    @dataclass
    class Options:
        tray: int

    def __init__(self, options: Any, outgoing: Outgoing) -> None:
        self.tray = options.tray

    def send(self, message: Message) -> Receipt:
        return Receipt(f"tray {self.tray}")


@pytest.fixture(params=sorted(TARGET_OPTIONS))
def target(request: pytest.FixtureRequest, receiver: Any, loopback: OutgoingSettings) -> Any:
    options = TARGET_OPTIONS[request.param]
    settings = ResponseSettings(kind="rollback", target=request.param, url=receiver.url + PATH, **options)
    return build_responses({"undo": settings}, loopback)["undo"].target


@pytest.mark.parametrize(
    ("status", "headers", "permanent", "retry_after"),
    [(500, {}, False, None), (429, {"Retry_After": "7"}, False, 7.0), (404, {}, True, None), (302, {}, False, None)],
)
def test_a_target_says_whether_to_try_again(
    target: Any, receiver: Any, status: int, headers: dict[str, str], permanent: bool, retry_after: float | None
) -> None:
    receiver.answer(status, b"", **headers)
    with pytest.raises(ChannelError, match=str(status)) as caught:
        target.run(PLAN)
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, retry_after)
    assert "T0KEN" not in str(caught.value)
