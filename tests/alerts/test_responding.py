"""Response runs: guarded, once per incident, the same plan in every attempt, and written down."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from alerts import (
    ChannelError,
    Response,
    ResponsePlan,
    ResponseReceipt,
    ResponseReport,
    build_responses,
    dispatch,
    respond,
)
from alerts.backoff import Backoff
from monitor.config import OutgoingSettings, ResponseSettings
from monitor.db.audit import latest_actions
from monitor.db.incidents import find_incident, incident_events, resolve_incident
from monitor.db.models import ResponseRun
from monitor.db.response_runs import claim_run, incident_runs

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
    failures: list[BaseException] = field(default_factory=list)
    plans: list[ResponsePlan] = field(default_factory=list)

    def run(self, plan: ResponsePlan) -> ResponseReceipt:
        self.plans.append(plan)
        if self.failures:
            raise self.failures.pop(0)
        return ResponseReceipt("ok")


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


def rollback(target: Any, **settings: Any) -> dict[str, Response]:
    return {"undo": Response(ResponseSettings(kind="rollback", **settings), target)}


def queued(world: Any, responses: dict[str, Response], clock: Clock, metric: str = "auc") -> Any:
    incident = world.open(metric, now=clock())
    dispatch(world.db, [], {name: response.settings for name, response in responses.items()}, clock())
    return incident


def work(world: Any, responses: dict[str, Response], clock: Clock) -> ResponseReport:
    return respond(world.db, responses, clock, Random(1), "https://mon.example", backoff=STEADY)


def only_run(world: Any, incident: Any) -> ResponseRun:
    with world.db.reading() as session:
        (run,) = incident_runs(session, incident.id)
        return run


def timeline(world: Any, incident: Any) -> list[str]:
    with world.db.reading() as session:
        return [event.text for event in incident_events(session, incident.id) if event.kind == "note"]


def test_nothing_due_is_nothing_done(world: Any, clock: Clock) -> None:
    assert work(world, {}, clock) == ResponseReport()


def test_a_run_is_done_once_and_written_down(world: Any, clock: Clock) -> None:
    target = Scripted()
    incident = queued(world, rollback(target), clock)
    assert work(world, rollback(target), clock) == ResponseReport(done=1)
    assert work(world, rollback(target), clock) == ResponseReport()
    (plan,), run = target.plans, only_run(world, incident)
    assert (run.state, run.receipt, run.finished_at, run.lease_until) == ("done", "ok", clock(), None)
    assert (plan.id, plan.idempotency_key) == (run.id, f"undo:{incident.id}")
    assert (plan.model, plan.version, plan.target_version) == ("churn", "2", "1")
    assert plan.incident_url == f"https://mon.example/incident?incident={incident.id}"
    assert plan.columns == ["temp", "plan"]
    assert (run.plan["version"], run.plan["target_version"], run.plan["sent_at"]) == ("2", "1", None)
    (note,) = timeline(world, incident)
    assert note.startswith("response undo (rollback to version 1) done: version 2 began to serve on 1 Mar 2026")
    with world.db.reading() as session:
        (entry,) = latest_actions(session)
    assert (entry.actor, entry.action, entry.target) == ("kedge", "response.done", "undo")
    assert entry.detail["incident"] == incident.id


def test_a_done_run_is_verified_when_the_incident_resolves(world: Any, clock: Clock) -> None:
    responses = rollback(Scripted())
    incident = queued(world, responses, clock)
    work(world, responses, clock)
    clock.forward(hours=1)
    with world.db.session() as session:
        resolve_incident(session, find_incident(session, incident.id), clock(), "fine", clock())
    assert only_run(world, incident).verified_at == clock()
    assert timeline(world, incident)[-1] == "response undo verified: the metric recovered"


def test_a_plan_that_would_not_help_is_blocked_with_the_reason(world: Any, clock: Clock) -> None:
    target = Scripted()
    responses = rollback(target, recent_seconds=60)
    incident = queued(world, responses, clock)
    assert work(world, responses, clock) == ResponseReport(blocked=1)
    run = only_run(world, incident)
    assert (run.state, run.plan, target.plans) == ("blocked", {}, [])
    assert run.reason == "no deployment in the 1 min before the breach; a rollback would not help"
    assert timeline(world, incident) == [f"response undo (rollback) blocked: {run.reason}"]


def test_a_dry_run_plans_and_calls_nothing(world: Any, clock: Clock) -> None:
    target = Scripted()
    responses = rollback(target, dry_run=True)
    incident = queued(world, responses, clock)
    assert work(world, responses, clock) == ResponseReport(dry_run=1)
    run = only_run(world, incident)
    assert (run.state, run.plan["target_version"], target.plans) == ("dry_run", "1", [])


def test_two_incidents_of_one_fault_roll_back_once(world: Any, clock: Clock) -> None:
    target = Scripted()
    responses = rollback(target)
    first, second = (queued(world, responses, clock, metric) for metric in ("auc", "accuracy"))
    assert work(world, responses, clock) == ResponseReport(done=1, blocked=1)
    assert len(target.plans) == 1
    states = {only_run(world, incident).state: only_run(world, incident).reason for incident in (first, second)}
    assert "cooldown" in states["blocked"]
    clock.forward(hours=2)
    third = queued(world, responses, clock, "f1")
    assert work(world, responses, clock) == ResponseReport(blocked=1)
    assert "version 2 was rolled back" in only_run(world, third).reason


def test_workers_at_the_same_moment_run_one_response_per_model(world: Any, clock: Clock) -> None:
    """While one run is under way the others see it, whichever worker claims them."""
    metrics = ("auc", "accuracy", "f1", "precision")
    under_way, release = threading.Event(), threading.Event()

    class Slow(Scripted):
        def run(self, plan: ResponsePlan) -> ResponseReceipt:
            under_way.set()
            assert release.wait(20)
            return super().run(plan)

    responses = rollback(Slow())
    incidents = [queued(world, responses, clock, metric) for metric in metrics]
    reports: list[ResponseReport] = []
    start = threading.Barrier(4)

    def worker() -> None:
        start.wait()
        reports.append(work(world, responses, clock))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert under_way.wait(20)
    while sum(thread.is_alive() for thread in threads) > 1:  # all but the one that holds the slow run
        for thread in threads:
            thread.join(0.05)
    release.set()
    for thread in threads:
        thread.join()
    assert sum(reports, ResponseReport()) == ResponseReport(done=1, blocked=3)
    reasons = [run.reason for run in (only_run(world, i) for i in incidents) if run.state == "blocked"]
    assert reasons == ["response undo is running for this model; one at a time"] * 3


def test_claiming_a_run_holds_up_claims_for_the_same_model(world: Any, clock: Clock) -> None:
    """Else two workers could both look at the model's other runs before either has begun its own."""
    responses = rollback(Scripted())
    runs = [only_run(world, queued(world, responses, clock, metric)).id for metric in ("auc", "f1")]
    claimed = threading.Event()

    def claim_the_other() -> None:
        with world.db.session() as session:
            assert claim_run(session, runs[1], clock(), timedelta(minutes=1)) is not None
            claimed.set()

    thread = threading.Thread(target=claim_the_other)
    with world.db.session() as session:
        assert claim_run(session, runs[0], clock(), timedelta(minutes=1)) is not None
        thread.start()
        assert not claimed.wait(0.3)
    assert claimed.wait(20)
    thread.join()


def test_an_ambiguous_failure_is_tried_again_with_the_same_plan(world: Any, clock: Clock) -> None:
    target = Scripted([ChannelError("hooks.example did not answer in 20 s")])
    responses = rollback(target)
    incident = queued(world, responses, clock)
    assert work(world, responses, clock) == ResponseReport(retrying=1)
    run = only_run(world, incident)
    assert (run.state, run.reason) == ("running", "hooks.example did not answer in 20 s")
    world.add_version("3", clock() - timedelta(days=2), clock())  # the plan is fixed: what came after changes nothing
    clock.forward(seconds=5)
    assert work(world, responses, clock) == ResponseReport(done=1)
    first, second = target.plans
    assert second == type(first)(**{**{f: getattr(first, f) for f in first.__struct_fields__}, "sent_at": clock()})
    assert only_run(world, incident).attempts == 2


def test_a_crash_after_the_call_makes_the_same_call_again(world: Any, clock: Clock) -> None:
    target = Scripted([Killed()])
    responses = rollback(target)
    incident = queued(world, responses, clock)
    with pytest.raises(Killed):
        work(world, responses, clock)
    assert only_run(world, incident).state == "running"
    assert work(world, responses, clock) == ResponseReport()  # it could still be at it
    clock.forward(minutes=4)
    assert work(world, responses, clock) == ResponseReport(done=1)
    assert len({plan.id for plan in target.plans}) == 1


def test_whoever_lost_the_lease_does_not_end_what_another_one_will_retry(world: Any, clock: Clock) -> None:
    other = Scripted([ChannelError("down")])

    class Stalled(Scripted):
        def run(self, plan: ResponsePlan) -> ResponseReceipt:
            clock.forward(minutes=4)
            assert work(world, rollback(other), clock) == ResponseReport(retrying=1)
            raise ChannelError("late", permanent=True)

    incident = queued(world, rollback(other), clock)
    assert work(world, rollback(Stalled()), clock) == ResponseReport()
    run = only_run(world, incident)
    assert (run.state, run.reason, timeline(world, incident)) == ("running", "down", [])


def test_permanent_failures_and_the_last_attempt_end_it(world: Any, clock: Clock) -> None:
    responses = rollback(Scripted([ChannelError("hooks.example answered 404", permanent=True)]))
    incident = queued(world, responses, clock)
    assert work(world, responses, clock) == ResponseReport(failed=1)
    assert only_run(world, incident).reason == "hooks.example answered 404"
    clock.forward(hours=2)
    responses = rollback(Scripted([ChannelError("no") for _ in range(9)]))
    incident = queued(world, responses, clock, "f1")
    for _ in range(STEADY.attempts):
        work(world, responses, clock)
        clock.forward(minutes=10)
    run = only_run(world, incident)
    assert (run.state, run.reason) == ("failed", "no; given up after 4 attempts")
    assert timeline(world, incident) == ["response undo (rollback to version 1) failed: no; given up after 4 attempts"]


def test_a_run_whose_incident_is_over_is_not_begun_or_tried_again(world: Any, clock: Clock) -> None:
    target = Scripted([ChannelError("did not answer")])
    responses = rollback(target)
    incident = queued(world, responses, clock)
    work(world, responses, clock)
    late = queued(world, responses, clock, "f1")
    with world.db.session() as session:
        for each in (incident, late):
            resolve_incident(session, find_incident(session, each.id), clock(), "fine", clock())
    clock.forward(minutes=1)
    assert work(world, responses, clock) == ResponseReport(failed=1, blocked=1)
    assert len(target.plans) == 1
    assert only_run(world, incident).reason.endswith("known to succeed; last: did not answer")
    assert only_run(world, late).reason == "the incident was resolved before the run began"


def test_a_response_that_was_taken_out_is_blocked(lite: Any, clock: Clock) -> None:
    incident = queued(lite, rollback(Scripted()), clock)
    assert work(lite, {}, clock) == ResponseReport(blocked=1)
    assert only_run(lite, incident).reason == "response 'undo' is not configured any more"


def test_a_broken_target_tells_no_secret(lite: Any, clock: Clock) -> None:
    responses = rollback(Scripted([RuntimeError("https://hooks.example/T0KEN")]))
    incident = queued(lite, responses, clock)
    assert work(lite, responses, clock) == ResponseReport(retrying=1)
    assert only_run(lite, incident).reason == "target of response 'undo' raised RuntimeError"


def test_retraining_waits_for_the_rollback(lite: Any, clock: Clock) -> None:
    target = Scripted()
    responses = {**rollback(target), "train": Response(ResponseSettings(kind="retrain"), target)}
    lite_incident = queued(lite, responses, clock)
    assert work(lite, responses, clock) == ResponseReport(done=1, blocked=1)
    assert [plan.kind for plan in target.plans] == ["rollback"]
    assert any("a rollback comes first" in note for note in timeline(lite, lite_incident))


def test_over_real_http_the_request_verifies(world: Any, now: datetime, receiver: Any) -> None:
    clock = Clock(datetime.now(now.tzinfo))  # signatures are verified against the real clock
    settings = {"undo": ResponseSettings(kind="rollback", url=receiver.url, secret=SECRET)}
    responses = build_responses(settings, OutgoingSettings(allow_loopback=True))
    incident = queued(world, responses, clock)
    receiver.answer(502)
    assert work(world, responses, clock) == ResponseReport(retrying=1)
    clock.forward(seconds=5)
    assert work(world, responses, clock) == ResponseReport(done=1)
    first, second = receiver.requests
    assert first.body == second.body
    assert Webhook(SECRET).verify(second.body, second.headers)["data"]["incident_id"] == incident.id
    assert second.headers["webhook-id"] == only_run(world, incident).id


def alias_answer(receiver: Any, version: str) -> None:
    receiver.answer(200, json.dumps({"model_version": {"name": "churn", "version": version}}).encode())


@pytest.mark.parametrize(
    ("answers", "report", "text"),
    [
        (["2", "", "1"], ResponseReport(done=1), "alias champion moved from version 2 to 1"),
        (["1"], ResponseReport(done=1), "alias champion is at version 1 already"),
        (["5"], ResponseReport(failed=1), "alias champion is at version 5, not at 2, which is to blame; left alone"),
        (["2", "", "2"], ResponseReport(retrying=1), "alias champion is still at version 2 after it was moved"),
    ],
)
def test_mlflow_s_alias_is_moved_only_from_the_version_to_blame(
    lite: Any, clock: Clock, receiver: Any, answers: list[str], report: ResponseReport, text: str
) -> None:
    settings = ResponseSettings(kind="rollback", target="mlflow_alias", url=receiver.url, token="T0KEN")
    responses = build_responses({"undo": settings}, OutgoingSettings(allow_loopback=True))
    incident = queued(lite, responses, clock)
    for version in answers:
        alias_answer(receiver, version)
    assert work(lite, responses, clock) == report
    run = only_run(lite, incident)
    assert text in (run.receipt or run.reason)
    assert receiver.requests[0].path == "/api/2.0/mlflow/registered-models/alias?name=churn&alias=champion"
    assert receiver.requests[0].headers["authorization"] == "Bearer T0KEN"
    if len(answers) == 3:
        assert json.loads(receiver.requests[1].body) == {"name": "churn", "alias": "champion", "version": "1"}


def test_mlflow_s_alias_cannot_retrain(lite: Any, clock: Clock, receiver: Any) -> None:
    settings = ResponseSettings(kind="retrain", target="mlflow_alias", url=receiver.url, recent_seconds=0)
    responses = build_responses({"train": settings}, OutgoingSettings(allow_loopback=True))
    incident = queued(lite, responses, clock)
    assert work(lite, responses, clock) == ResponseReport(failed=1)
    assert only_run(lite, incident).reason == "mlflow_alias can't retrain; accepted: rollback"
    assert receiver.requests == []
