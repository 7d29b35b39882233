"""Running the responses that are due: guarded, once per idempotency key, and recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec

from alerts.backoff import RESPONSES, Backoff
from alerts.delivery import LEASE
from alerts.errors import ChannelError
from alerts.responses.base import ResponsePlan, ResponseReceipt
from alerts.responses.guards import decide
from alerts.responses.plans import Blocked, fix_plan
from alerts.responses.registry import Response
from monitor.db.audit import record_action
from monitor.db.catalog import list_versions
from monitor.db.database import Database
from monitor.db.incidents import KEDGE, add_note
from monitor.db.models import ResponseRun
from monitor.db.response_runs import claim_run, due_runs, finish_run, model_runs, retry_run, start_run

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResponseReport:
    """What one pass did, by outcome; `retrying` runs are tried again later."""

    done: int = 0
    failed: int = 0
    blocked: int = 0
    dry_run: int = 0
    retrying: int = 0

    def __add__(self, other: ResponseReport) -> ResponseReport:
        return ResponseReport(
            self.done + other.done,
            self.failed + other.failed,
            self.blocked + other.blocked,
            self.dry_run + other.dry_run,
            self.retrying + other.retrying,
        )


@dataclass(frozen=True, slots=True)
class Responder:
    """What running responses needs. `clock` is read anew for each run, since running takes time."""

    db: Database
    responses: Mapping[str, Response]
    clock: Callable[[], datetime]
    rng: Random
    public_url: str = ""
    backoff: Backoff = RESPONSES
    lease: timedelta = LEASE

    def run_due(self) -> ResponseReport:
        with self.db.reading() as session:
            due = due_runs(session, self.clock())
        report = ResponseReport()
        for run_id in due:
            report += self._run(run_id)
        return report

    def _run(self, run_id: str) -> ResponseReport:
        begun = self._begin(run_id)
        if begun is None or isinstance(begun, ResponseReport):
            return begun or ResponseReport()
        run, fixed = begun
        try:
            receipt = self._attempt(run, fixed)
        except ChannelError as error:
            return self._record_failure(run, fixed, error)
        return self._finish(run, fixed, "done", fixed.reason, receipt.text)

    def _begin(self, run_id: str) -> tuple[ResponseRun, ResponsePlan] | ResponseReport | None:
        """Claim the run and, in the same transaction, fix its plan or record why it is not run.

        None: another worker has it. A run that was begun before is not judged again; its plan stands.
        """
        now = self.clock()
        with self.db.session() as session:
            claimed = claim_run(session, run_id, now, self.lease)
            if claimed is None:
                return None
            run, incident, model = claimed
            if run.state == "running":
                fixed = msgspec.convert(run.plan, ResponsePlan)
                if incident.state == "resolved":
                    why = f"the incident was resolved before an attempt was known to succeed; last: {run.reason}"
                    return self._conclude(session, run, "failed", why, now, fixed)
                return run, fixed
            response = self.responses.get(run.response)
            if response is None:
                return self._conclude(session, run, "blocked", _not_configured(run), now)
            versions, runs = list_versions(session, model.id), model_runs(session, model.id)
            decision = decide(run, incident, versions, runs, response.settings, now)
            if isinstance(decision, Blocked):
                return self._conclude(session, run, "blocked", decision.reason, now)
            fixed = fix_plan(run, incident, model.name, decision, self.public_url, now)
            if response.settings.dry_run:
                return self._conclude(session, run, "dry_run", decision.reason, now, fixed)
            start_run(session, run, msgspec.to_builtins(fixed))
            return run, fixed

    def _attempt(self, run: ResponseRun, fixed: ResponsePlan) -> ResponseReceipt:
        if run.attempts > self.backoff.attempts:  # every attempt ended in a crash before it was recorded
            raise ChannelError("no attempt came to an end", permanent=True)
        response = self.responses.get(run.response)
        if response is None:
            raise ChannelError(_not_configured(run), permanent=True)
        try:
            return response.target.run(msgspec.structs.replace(fixed, sent_at=self.clock()))
        except ChannelError:
            raise
        except Exception as error:  # a plug-in's mistake must not stop the other runs; its text may hold a secret
            raise ChannelError(f"target of response {run.response!r} raised {type(error).__name__}") from error

    def _record_failure(self, run: ResponseRun, fixed: ResponsePlan, error: ChannelError) -> ResponseReport:
        _log.warning("response run %s of %s: %s", run.id, run.response, error)
        wait = None if error.permanent else self.backoff.wait(run.attempts, self.rng, error.retry_after)
        if wait is None:
            why = str(error) if error.permanent else f"{error}; given up after {run.attempts} attempts"
            return self._finish(run, fixed, "failed", why, None)
        with self.db.session() as session:
            retry_run(session, run, str(error), self.clock() + wait)
        return ResponseReport(retrying=1)

    def _finish(
        self, run: ResponseRun, fixed: ResponsePlan, state: str, reason: str, receipt: str | None
    ) -> ResponseReport:
        with self.db.session() as session:
            return self._conclude(session, run, state, reason, self.clock(), fixed, receipt)

    def _conclude(
        self,
        session: Any,
        run: ResponseRun,
        state: str,
        reason: str,
        now: datetime,
        fixed: ResponsePlan | None = None,
        receipt: str | None = None,
    ) -> ResponseReport:
        """Record the outcome, with an audit entry and a note on the incident's timeline."""
        recorded = msgspec.to_builtins(fixed) if fixed is not None else {}
        if not finish_run(session, run, state, reason, now, plan=recorded, receipt=receipt):
            return ResponseReport()  # the lease was lost; whoever took over records the outcome
        detail = {"run": run.id, "kind": run.kind, "incident": run.incident_id, "reason": reason, "plan": recorded}
        record_action(session, now, KEDGE, f"response.{state}", run.response, **detail)
        target = f" to version {fixed.target_version}" if fixed is not None and fixed.target_version else ""
        text = f"response {run.response} ({run.kind}{target}) {state.replace('_', ' ')}: {reason}"
        add_note(session, run.incident_id, KEDGE, text, now)
        return ResponseReport(**{state: 1})


def _not_configured(run: ResponseRun) -> str:
    return f"response {run.response!r} is not configured any more"


def respond(
    db: Database,
    responses: Mapping[str, Response],
    clock: Callable[[], datetime],
    rng: Random,
    public_url: str = "",
    backoff: Backoff = RESPONSES,
    lease: timedelta = LEASE,
) -> ResponseReport:
    """Run every due response run; see docs/alerts.md for the guards and the schedule of retries."""
    return Responder(db, responses, clock, rng, public_url, backoff, lease).run_due()
