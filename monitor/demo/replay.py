"""Replaying flights against the endpoint, in order, with the labels coming when they were known."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx

from monitor.demo.endpoint import EVENT_TIME_HEADER, MODEL
from monitor.demo.flights import Departures

_LABELS_AT_ONCE = 1000
_LABEL_PACE = timedelta(hours=3)
# The pipeline sets the pace: so many windows may wait to be evaluated, and so many predictions to be stored.
_MOST_WINDOWS, _MOST_PREDICTIONS = 3, 2500
_LONGEST_PAUSE = 5.0
_LONGEST_HOLD = 60.0


@dataclass(slots=True)
class Counts:
    """What was sent, and how the endpoint answered."""

    requests: int = 0
    predictions: int = 0
    failed_requests: int = 0
    labels: int = 0


@dataclass(frozen=True, slots=True)
class Lag:
    """How far Kedge is behind: windows to evaluate, messages and responses to send; `stored` counts predictions."""

    windows: int
    alerts: int
    stored: int


@dataclass(slots=True)
class Replay:
    """Sends requests and labels, at the pace of the pipeline: at the end of each day it waits until Kedge keeps up.

    While `is_held` the replay stands still: a retraining of hours takes seconds here, and should not take weeks there.
    """

    endpoint: httpx.Client
    collector: httpx.Client
    shift: timedelta
    lag: Callable[[], Lag]
    is_held: Callable[[], bool]
    counts: Counts = field(default_factory=Counts)
    _labels: list[tuple[datetime, str, int]] = field(default_factory=list)
    _labels_sent: datetime | None = None

    def run(self, requests: Iterable[Departures], each: Callable[[Departures, Counts], None]) -> None:
        """Send everything; `each` is called after each request. Waits at the end of each day until Kedge keeps up."""
        day: datetime | None = None
        for request in requests:
            moment = request.moment + self.shift
            if day is not None and moment.date() != day.date():
                self._keep_pace()
            day = moment
            self._hold()
            self._send(request, moment)
            self._send_labels(moment)
            each(request, self.counts)

    def finish(self, now: datetime) -> None:
        """Send the labels that are known by `now`; flights that are still in the air have none."""
        self._labels_sent = None
        self._send_labels(now)

    def _send(self, request: Departures, moment: datetime) -> None:
        response = self.endpoint.post(
            "/predict",
            json={"instances": request.instances, "ids": request.ids},
            headers={EVENT_TIME_HEADER: moment.isoformat(), "x-request-id": request.request_id},
        )
        self.counts.requests += 1
        self.counts.predictions += len(request.instances)
        self.counts.failed_requests += response.is_error
        for prediction_id, late, known in zip(request.ids, request.late, request.known, strict=True):
            if late is not None and known is not None:
                heapq.heappush(self._labels, (known + self.shift, prediction_id, late))

    def _send_labels(self, moment: datetime) -> None:
        if self._labels_sent is not None and moment - self._labels_sent < _LABEL_PACE:
            return
        self._labels_sent = moment
        due = []
        while self._labels and self._labels[0][0] <= moment:
            known, prediction_id, late = heapq.heappop(self._labels)
            due.append({"model": MODEL, "prediction_id": prediction_id, "label": late, "label_time": known.isoformat()})
        for start in range(0, len(due), _LABELS_AT_ONCE):
            batch = due[start : start + _LABELS_AT_ONCE]
            self.collector.post("/v1/labels", json=batch).raise_for_status()
            self.counts.labels += len(batch)

    def _hold(self) -> None:
        give_up = time.monotonic() + _LONGEST_HOLD
        while self.is_held() and time.monotonic() < give_up:
            time.sleep(0.05)

    def _keep_pace(self) -> None:
        give_up = time.monotonic() + _LONGEST_PAUSE
        while time.monotonic() < give_up:
            lag = self.lag()
            unstored = self.counts.predictions - lag.stored
            if lag.windows <= _MOST_WINDOWS and unstored <= _MOST_PREDICTIONS and not lag.alerts:
                return
            time.sleep(0.05)
