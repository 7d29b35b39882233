"""The profiles of window after window, as a backtest needs them: stored, merged, or of rows that are read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.db import catalog, service_samples, stored_profiles
from monitor.engines import ProfileRequest, RowSource
from monitor.evaluation import MonitorRule
from monitor.evaluation.threshold_kinds import ROW_KINDS
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Profiles, Watched, cuts_of, merge_stored, request_for, with_counted
from monitor.performance import PERFORMANCE_METRICS
from monitor.profiles import decode_profile
from monitor.segments import ALL, Slicing
from monitor.windows import EPOCH, Window

MOST_VALUES = 4_000_000
"""Rows times columns that are in memory at once."""
MOST_WINDOWS = 1024

_TICK = timedelta(microseconds=1)
_BARE: dict[str, Any] = {
    "columns": {},
    "prediction": None,
    "limits": None,
    "protected": None,
    "metrics": (),
    "scored": False,
}
_SERVICE = ("predictions", "throughput", "volume", "error_rate", "client_error_rate", "server_error_rate")
_SERVICE_PREFIXES = ("latency_", "timeout_rate", "request_bytes_", "response_bytes_")
_OF_LABELS = PERFORMANCE_METRICS | {"target_drift", "labels", "label_coverage", "label_delay_p50", "label_delay_p95"}


@dataclass(frozen=True, slots=True)
class _Run:
    """Windows from `first` until `until` whose rows are in memory; None where one window alone has too many."""

    first: int
    until: int
    rows: pa.Table | None
    times: NDArray[np.int64]
    labels: RowSource


class ReplayedProfiles:
    """One rule's profiles of a model's windows, asked for in order; `watched` says what they are counted on."""

    def __init__(self, stores: Stores, watched: Watched, rule: MonitorRule, windows: Sequence[Window]) -> None:
        self._stores, self._watched, self._rule, self._windows = stores, watched, rule, windows
        self._cuts = [cut for cut in cuts_of(stores, watched) if _is_looked_at(rule, cut)]
        self._run = _Run(0, 0, None, np.empty(0, np.int64), RowSource())
        self._at_once = 64
        with stores.db.reading() as session:
            self._features = catalog.read_features(session, watched.model.id)

    def of(self, at: int) -> tuple[Watched, Profiles]:
        """The window at this place, and as much of its profile and those of its segments as the rule looks at."""
        watched = replace(self._watched, window=self._windows[at])
        return watched, self._stored(watched) or self._merged_or_read(at, watched)

    def _stored(self, watched: Watched) -> Profiles | None:
        """The window's stored profiles as they are; None unless they are on the same bins."""
        segment = ALL if self._rule.segment == ALL else None
        with self._stores.db.reading() as session:
            found = stored_profiles.stored_window(session, watched.model.id, watched.window, segment)
        if found is None or found.baseline_id != watched.baseline_id:
            return None
        return {key: decode_profile(payload, watched.bins) for key, payload in found.payloads.items()}

    def _merged_or_read(self, at: int, watched: Watched) -> Profiles:
        with self._stores.db.reading() as session:
            counted = service_samples.served_in(session, watched.model.id, watched.window)
            profiles = merge_stored(session, watched, self._cuts, counted)
        if profiles is None:
            profiles = self._stores.engine.profiles(self._request(at, watched), self._cuts)
        return with_counted(profiles, counted)

    def _request(self, at: int, watched: Watched) -> ProfileRequest:
        if not self._run.first <= at < self._run.until:
            self._run = self._load(at)
        run, window, name = self._run, watched.window, watched.model.name
        if run.rows is None:
            sources = self._stores.predictions(name, window.start, window.end), self._stores.labels(name, window.start)
        else:
            first, last = np.searchsorted(run.times, [_micros(window.start), _micros(window.end)])
            sources = RowSource(table=run.rows.slice(first, last - first)), run.labels
        return _needed(request_for(self._stores.settings, watched, self._features, *sources), self._rule)

    def _load(self, at: int) -> _Run:
        """As many of the next windows as are quick to hold: a file of the lake is not opened once per window."""
        name = self._watched.model.name
        while True:
            run = self._windows[at : at + self._at_once]
            start, end = run[0].start, max(window.end for window in run)
            predictions = self._stores.predictions(name, start, end)
            found = self._stores.engine.load(predictions, self._stores.labels(name, start), start, end, MOST_VALUES)
            if found is not None or len(run) == 1:
                break
            self._at_once = len(run) // 4 or 1
        if found is None or (rows := found[0].table) is None:
            return _Run(at, at + len(run), None, np.empty(0, np.int64), RowSource())
        if rows.num_rows * rows.num_columns < MOST_VALUES // 8:
            self._at_once = min(4 * self._at_once, MOST_WINDOWS)
        times = rows.column("event_time").cast(pa.int64()).to_numpy()
        return _Run(at, at + len(run), rows, times, found[1])


def _is_looked_at(rule: MonitorRule, cut: Slicing) -> bool:
    """Whether a rule needs the segments of a dimension; drift is judged over all of them together."""
    if rule.segment in (ALL, "*") or rule.metric == "drift":
        return rule.segment != ALL
    return rule.segment.startswith(f"{cut.dimension.name}=")


def _needed(request: ProfileRequest, rule: MonitorRule) -> ProfileRequest:
    """As much of a request as the rule looks at; all of it where that is not known."""
    metric, no_labels = rule.metric, RowSource()
    if metric in request.metrics:
        return request
    if metric in _SERVICE or metric.startswith(_SERVICE_PREFIXES) or rule.threshold.get("kind") in ROW_KINDS:
        return replace(request, labels=no_labels, **_BARE)
    if metric in ("drift", "prediction_drift"):
        return replace(request, labels=no_labels, limits=None, protected=None, metrics=(), scored=False)
    return replace(request, **_BARE) if metric in _OF_LABELS else request


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // _TICK
