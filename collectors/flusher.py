"""The flusher: empties an inbox into the lake, pass by pass. What one pass does for one model is in `hand_over`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectors.declarations import move_declared
from collectors.flush_totals import FlushTotals, keep_totals, read_totals
from collectors.hand_over import HandedOver, HandOver
from collectors.inbox_reader import InboxReader
from collectors.joiner import Joiner
from collectors.prediction_ids import PredictionIds
from monitor.config import CollectorSettings
from monitor.db import quarantine
from monitor.db.database import Database
from monitor.db.quarantine import RefusedRecord
from monitor.errors import Conflict
from monitor.lake import Kind, Lake

log = logging.getLogger(__name__)

_HOUSEKEEPING = timedelta(hours=6)
_POLL_SECONDS = 0.1
_SWEEP_SECONDS = 1.0


@dataclass(slots=True)
class FlushReport:
    """What one pass did. `failures` names what will be tried again and why; `more`: another pass has work to do."""

    predictions: int = 0
    labels: int = 0
    duplicates: int = 0
    refused: int = 0
    quarantined: int = 0
    failures: list[str] = field(default_factory=list)
    more: bool = False

    def add(self, kind: Kind, done: HandedOver) -> None:
        if kind is Kind.PREDICTIONS:
            self.predictions += done.written
        else:
            self.labels += done.written
        self.duplicates += done.duplicates
        self.refused += done.refused
        self.more |= done.full


class Flusher:
    """Empties one inbox. One flusher works on an inbox: `flush` raises Conflict while another holds it."""

    def __init__(
        self,
        inbox: InboxReader,
        lake: Lake,
        db: Database,
        settings: CollectorSettings,
        hand_over: type[HandOver] = HandOver,
    ) -> None:
        self.inbox = inbox
        self.lake = lake
        self.db = db
        self.settings = settings
        self._joiner = Joiner(inbox.writing, settings)
        self._steps = hand_over
        self._held: tuple[PredictionIds, HandOver] | None = None
        self._cleaned: datetime | None = None
        self._swept = float("-inf")

    def flush(self, now: datetime) -> FlushReport:
        """One pass: up to flush_rows records of each model and kind. A failing one does not hold up the others."""
        started = time.perf_counter()
        ids, hand_over = self._hold()
        report = FlushReport()
        try:
            move_declared(self.inbox.writing, self.db, self.settings, now)
            report.more = self._joiner.run(now).more
        except Exception as error:
            log.exception("joining requests and responses failed; it will be tried again")
            report.failures.append(f"join buffer: {error}")
        for model, kind in self.inbox.waiting():
            step = hand_over.predictions if kind is Kind.PREDICTIONS else hand_over.labels
            try:
                report.add(kind, step(model, now))
            except Exception as error:
                log.exception("flush of the %s of model %r failed; it will be tried again", kind, model)
                report.failures.append(f"{kind} of model {model!r}: {error}")
        try:
            self._move_quarantine(report)
        except Exception as error:
            log.exception("moving refused records to the control database failed; it will be tried again")
            report.failures.append(f"quarantine: {error}")
        self._sweep()
        self._forget_old(ids, now)
        self._keep_totals(report, time.perf_counter() - started)
        return report

    def run(self, stop: threading.Event, clock: Callable[[], datetime]) -> None:
        """Flush every flush_seconds, or as soon as flush_rows wait, until `stop`; then until the inbox is empty."""
        last = -self.settings.flush_seconds
        pause = min(_POLL_SECONDS, self.settings.flush_seconds)
        while not stop.wait(pause):
            due = time.monotonic() - last >= self.settings.flush_seconds
            if due or self.inbox.records_waiting() >= self.settings.flush_rows:
                report = self._try_flush(clock())
                last = time.monotonic()
                pause = 0 if report is not None and report.more and not report.failures else _POLL_SECONDS
        while (report := self._try_flush(clock())) and report.more and not report.failures:
            pass
        self.close()

    def close(self) -> None:
        """Let go of the inbox, so that another flusher may take it."""
        if self._held is not None:
            self._held[0].close()
            self._held = None

    def _try_flush(self, now: datetime) -> FlushReport | None:
        try:
            return self.flush(now)
        except Conflict as error:
            log.info("standing by: %s", error)
        except Exception:
            log.exception("a flush pass failed; it will be tried again")
        return None

    def _hold(self) -> tuple[PredictionIds, HandOver]:
        if self._held is None:
            path = self.inbox.path.with_name(f"{self.inbox.path.stem}-ids.sqlite")
            ids = PredictionIds(path, self.inbox.collector_id)
            self._held = ids, self._steps(self.inbox, self.lake, self.db, ids, self.settings)
        return self._held

    def _move_quarantine(self, report: FlushReport) -> None:
        """Refused records move to the control database; keyed by collector and row, so a repeat adds nothing."""
        while rows := self.inbox.refused():
            records = [
                RefusedRecord(
                    row.id, row.received_at, row.source, row.model, row.kind, row.reason, row.payload, row.log_format
                )
                for row in rows
            ]
            with self.db.session() as session:
                report.quarantined += quarantine.add_refusals(session, self.inbox.collector_id, records)
            self.inbox.forget_refused(rows[-1].id)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            self.inbox.sweep()
            self._swept = time.monotonic()

    def _forget_old(self, ids: PredictionIds, now: datetime) -> None:
        if self._cleaned is None or now - self._cleaned >= _HOUSEKEEPING:
            self.inbox.forget_keys(now)
            ids.forget_old(now)
            self._cleaned = now

    def _keep_totals(self, report: FlushReport, seconds: float) -> None:
        if report == FlushReport():
            return
        before = read_totals(self.inbox)
        keep_totals(
            self.inbox,
            FlushTotals(
                predictions=before.predictions + report.predictions,
                labels=before.labels + report.labels,
                duplicates=before.duplicates + report.duplicates,
                refused=before.refused + report.refused,
                failures=before.failures + len(report.failures),
                passes=before.passes + 1,
                seconds=before.seconds + seconds,
            ),
        )
