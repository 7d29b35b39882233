"""Delivery: at least once, in order, under one id, with every outcome recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from alerts import ChannelError, DeliveryReport, Message, Receipt, build_channels, deliver, dispatch
from alerts.backoff import MESSAGES, Backoff
from monitor.config import ChannelSettings, OutgoingSettings
from monitor.db.incidents import find_incident, resolve_incident
from monitor.db.models import Notification
from monitor.db.notifications import incident_notifications

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STEADY = Backoff(timedelta(seconds=5), timedelta(hours=1), attempts=4, jitter=0)


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Scripted:
    """A channel that fails as it is told to, then takes everything."""

    failures: list[BaseException] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def send(self, message: Message) -> Receipt:
        self.before()
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(message)
        return Receipt("ok")


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


def rows(world: Any, incident: Any) -> list[Notification]:
    with world.db.reading() as session:
        return list(incident_notifications(session, incident.id))


def opened(world: Any, clock: Clock, *channels: str, metric: str = "auc") -> Any:
    incident = world.open(metric, now=clock())
    dispatch(world.db, channels or ["oncall"], {}, clock())
    return incident


def send(world: Any, channels: dict[str, Any], clock: Clock, **options: Any) -> DeliveryReport:
    return deliver(world.db, channels, clock, Random(1), **({"backoff": STEADY} | options))


def test_nothing_due_is_nothing_sent(world: Any, clock: Clock) -> None:
    assert send(world, {"oncall": Scripted()}, clock) == DeliveryReport()


def test_a_message_is_sent_once_and_its_receipt_kept(world: Any, clock: Clock) -> None:
    incident, channel = opened(world, clock), Scripted()
    assert send(world, {"oncall": channel}, clock, public_url="https://mon.example") == DeliveryReport(sent=1)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport()
    (row,), (message,) = rows(world, incident), channel.taken
    assert (row.state, row.attempts, row.receipt, row.sent_at, row.lease_until) == ("sent", 1, "ok", clock(), None)
    assert (message.id, message.kind, message.reason) == (row.id, "opened", "first notification")
    assert message.incident_url == f"https://mon.example/incident?incident={incident.id}"
    assert message.cause.startswith("Version 2 began to serve on 1 Mar 2026 11:00 UTC, 1 d before the breach")


def test_a_failure_is_tried_again_when_it_is_due_under_the_same_id(world: Any, clock: Clock) -> None:
    incident = opened(world, clock)
    channel = Scripted([ChannelError("hooks.example answered 500"), ChannelError("hooks.example answered 502")])
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(retrying=1)
    (row,) = rows(world, incident)
    assert (row.state, row.receipt) == ("pending", "hooks.example answered 500")
    assert row.next_attempt_at == clock() + timedelta(seconds=5)
    clock.forward(seconds=4)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport()
    clock.forward(seconds=1)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(retrying=1)
    clock.forward(seconds=10)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(sent=1)
    (sent,) = rows(world, incident)
    assert (sent.id, sent.state, sent.attempts, sent.receipt) == (row.id, "sent", 3, "ok")


def test_a_permanent_failure_is_final_at_once(world: Any, clock: Clock) -> None:
    incident = opened(world, clock)
    channel = Scripted([ChannelError("hooks.example answered 410 Gone", permanent=True)])
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(failed=1)
    clock.forward(days=2)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport()
    (row,) = rows(world, incident)
    assert (row.state, row.receipt, row.attempts) == ("failed", "hooks.example answered 410 Gone", 1)


def test_it_is_given_up_after_the_last_attempt(world: Any, clock: Clock) -> None:
    incident, channel = opened(world, clock), Scripted([ChannelError("no") for _ in range(9)])
    for _ in range(STEADY.attempts):
        send(world, {"oncall": channel}, clock)
        clock.forward(hours=1)
    (row,) = rows(world, incident)
    assert (row.state, row.attempts, row.receipt) == ("failed", 4, "no; given up after 4 attempts")


def test_retry_after_is_honoured_for_the_whole_channel(world: Any, clock: Clock) -> None:
    first = opened(world, clock)
    second = opened(world, clock, metric="f1")
    channel = Scripted([ChannelError("429", retry_after=90)])
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(retrying=1)
    assert [row.next_attempt_at for row in rows(world, first)] == [clock() + timedelta(seconds=90)]
    clock.forward(seconds=89)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport()
    clock.forward(seconds=1)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(sent=2)
    assert [row.attempts for row in rows(world, second)] == [1]  # it lost no attempt to the other one's 429


def test_a_crash_between_sending_and_recording_sends_the_same_id_again(world: Any, clock: Clock) -> None:
    incident, channel = opened(world, clock), Scripted()

    class Dies(Scripted):
        def send(self, message: Message) -> Receipt:
            super().send(message)
            raise Killed

    dying = Dies()
    with pytest.raises(Killed):
        send(world, {"oncall": dying}, clock)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport()  # it could still be sending
    clock.forward(minutes=4)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(sent=1)
    assert [message.id for message in dying.taken] == [message.id for message in channel.taken]
    assert [(row.state, row.attempts) for row in rows(world, incident)] == [("sent", 2)]


def test_a_message_that_kills_its_sender_every_time_is_given_up(world: Any, clock: Clock) -> None:
    incident = opened(world, clock)
    for _ in range(STEADY.attempts):
        with pytest.raises(Killed):
            send(world, {"oncall": Scripted([Killed()])}, clock)
        clock.forward(minutes=4)
    assert send(world, {"oncall": Scripted()}, clock) == DeliveryReport(failed=1)
    assert [(row.state, row.receipt) for row in rows(world, incident)] == [("failed", "no attempt came to an end")]


def test_whoever_lost_the_lease_overwrites_nothing(world: Any, clock: Clock) -> None:
    """A sender stalls past its lease and then fails; meanwhile another one has sent the message."""
    incident = opened(world, clock)
    other = Scripted()

    def meanwhile() -> None:
        clock.forward(minutes=4)
        assert send(world, {"oncall": other}, clock) == DeliveryReport(sent=1)

    stalled = Scripted([ChannelError("late failure", permanent=True)], before=meanwhile)
    send(world, {"oncall": stalled}, clock)
    assert [(row.state, row.receipt) for row in rows(world, incident)] == [("sent", "ok")]


def test_whoever_lost_the_lease_does_not_end_what_another_one_will_retry(world: Any, clock: Clock) -> None:
    incident = opened(world, clock)
    other = Scripted([ChannelError("down")])

    def meanwhile() -> None:
        clock.forward(minutes=4)
        assert send(world, {"oncall": other}, clock) == DeliveryReport(retrying=1)

    send(world, {"oncall": Scripted([ChannelError("late", permanent=True)], before=meanwhile)}, clock)
    assert [(row.state, row.receipt) for row in rows(world, incident)] == [("pending", "down")]


def test_many_workers_send_each_message_once(world: Any, clock: Clock) -> None:
    for metric in ("auc", "f1", "mae", "rmse"):
        opened(world, clock, metric=metric)
    channel, start = Scripted(), threading.Barrier(4)
    reports: list[DeliveryReport] = []

    def work() -> None:
        start.wait()
        reports.append(send(world, {"oncall": channel}, clock))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(reports, DeliveryReport()) == DeliveryReport(sent=4)
    assert len({message.id for message in channel.taken}) == len(channel.taken) == 4


def test_resolved_never_overtakes_opened(world: Any, clock: Clock) -> None:
    incident, channel = opened(world, clock), Scripted([ChannelError("down")])
    send(world, {"oncall": channel}, clock)
    with world.db.session() as session:
        resolve_incident(session, find_incident(session, incident.id), clock(), "fine", clock())
    dispatch(world.db, ["oncall"], {}, clock())
    assert send(world, {"oncall": channel}, clock) == DeliveryReport()
    clock.forward(seconds=5)
    assert send(world, {"oncall": channel}, clock) == DeliveryReport(sent=2)
    assert [message.kind for message in channel.taken] == ["opened", "resolved"]


def test_a_slow_channel_holds_up_no_other(lite: Any, clock: Clock) -> None:
    opened(lite, clock, "fast", "slow")
    fast_done = threading.Event()

    class Fast(Scripted):
        def send(self, message: Message) -> Receipt:
            fast_done.set()
            return super().send(message)

    slow = Scripted(before=lambda: pytest.fail("the fast channel waited") if not fast_done.wait(10) else None)
    assert send(lite, {"slow": slow, "fast": Fast()}, clock) == DeliveryReport(sent=2)


def test_a_broken_plug_in_stops_nobody_and_tells_no_secret(lite: Any, clock: Clock) -> None:
    incident = opened(lite, clock, "bad", "good")
    channels = {"bad": Scripted([RuntimeError("https://hooks.example/T0KEN")]), "good": Scripted()}
    assert send(lite, channels, clock) == DeliveryReport(sent=1, retrying=1)
    assert [row.receipt for row in rows(lite, incident)] == ["channel 'bad' raised RuntimeError", "ok"]


def test_a_channel_that_is_configured_elsewhere_is_waited_for(lite: Any, clock: Clock) -> None:
    incident = opened(lite, clock)
    assert send(lite, {"hook": Scripted()}, clock) == DeliveryReport(retrying=1)
    (row,) = rows(lite, incident)
    assert row.receipt == "channel 'oncall' is not configured; configured: hook"
    clock.forward(minutes=1)
    assert send(lite, {"oncall": Scripted()}, clock) == DeliveryReport(sent=1)


def test_over_real_http_a_retry_succeeds_and_verifies(world: Any, now: datetime, receiver: Any) -> None:
    clock = Clock(datetime.now(now.tzinfo))  # signatures are verified against the real clock
    incident = opened(world, clock, "hook", "slack")
    channels = build_channels(
        {
            "hook": ChannelSettings(kind="webhook", url=receiver.url + "/hook", secret=SECRET),
            "slack": ChannelSettings(kind="slack", url=receiver.url + "/services/T0KEN"),
        },
        OutgoingSettings(allow_loopback=True),
    )
    receiver.answer(503)
    receiver.answer(503)
    assert send(world, channels, clock, backoff=MESSAGES) == DeliveryReport(retrying=2)
    clock.forward(seconds=6)
    assert send(world, channels, clock, backoff=MESSAGES) == DeliveryReport(sent=2)
    hooks = [request for request in receiver.requests if request.path == "/hook"]
    assert len({request.headers["webhook-id"] for request in hooks}) == 1
    assert len({request.body for request in hooks}) == 1
    for request in hooks:
        assert Webhook(SECRET).verify(request.body, request.headers)["data"]["id"] == incident.id
    assert all("T0KEN" not in (row.receipt or "") for row in rows(world, incident))


def test_slack_s_own_word_for_the_error_is_kept(lite: Any, clock: Clock, receiver: Any) -> None:
    incident = opened(lite, clock)
    settings = ChannelSettings(kind="slack", url=receiver.url + "/services/T0KEN")
    channels = build_channels({"oncall": settings}, OutgoingSettings(allow_loopback=True))
    receiver.answer(404, b"no_service")
    assert send(lite, channels, clock) == DeliveryReport(failed=1)
    assert [row.receipt for row in rows(lite, incident)] == ["127.0.0.1 answered 404 Not Found (no_service)"]
