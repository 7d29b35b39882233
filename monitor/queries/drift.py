"""Which features moved, how far, and what their distributions look like beside the baseline's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.baselines import BaselineProfile, decode_baseline, decode_bins
from monitor.db.catalog import find_model, read_features
from monitor.db.database import Database
from monitor.db.models import MetricPoint
from monitor.db.reads import Session
from monitor.db.reads.points import column_scores, column_starts, window_sizes_by_use
from monitor.db.reads.profiles import baseline_behind, find_profile
from monitor.errors import NotFound
from monitor.profiles import ColumnProfile, WindowProfile, decode_profile
from monitor.queries.feature_verdicts import read_feature_verdicts
from monitor.queries.histograms import EMPTY, Histogram, histogram
from monitor.queries.series import SeriesPoint, main_size, series
from monitor.windows import span_of

METRIC = "drift"
LOOK_BACK = 30
MINI_BARS = 12


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One feature in one window.

    `status` is breach, ok, insufficient or undefined (or unjudged where no monitor looked); `windows_in_breach` counts
    the windows in a row up to this one, at most 30. `scores` are the latest ones, oldest first.
    """

    feature: str
    kind: str
    score: float | None
    limit: float | None
    p_value: float | None
    status: str
    windows_in_breach: int
    why: str
    n: int
    scores: tuple[float | None, ...]
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class DriftTable:
    """All features in one window, the most drifted first; `window` is None before any window was judged."""

    window: datetime | None
    size: timedelta
    baseline: str | None
    rows: tuple[DriftRow, ...]

    @property
    def drifted(self) -> int:
        return sum(row.status == "breach" for row in self.rows)


@dataclass(frozen=True, slots=True)
class DriftWindow:
    """How many features one window flagged, of how many; `verdict` is the monitor's of all features together."""

    start: datetime
    size: timedelta
    drifted: int
    features: int
    verdict: str


@dataclass(frozen=True, slots=True)
class FeatureDetail:
    """One feature: its row, its distribution in full, missing shares, and its score over time."""

    row: DriftRow
    window: datetime
    size: timedelta
    baseline: str | None
    histogram: Histogram
    reference_missing: float | None
    current_missing: float | None
    reference_median: float | None
    current_median: float | None
    series: tuple[SeriesPoint, ...]


def drift_windows(
    db: Database,
    model: str,
    start: datetime | None = None,
    end: datetime | None = None,
    size: timedelta | None = None,
    limit: int = 500,
    segment: str = "all",
) -> list[DriftWindow]:
    """The newest `limit` windows of [start, end) that were judged for drift, in time order."""
    with db.reading() as session:
        found = find_model(session, model)
        seconds = _seconds(session, found.id, size)
        found_windows = read_feature_verdicts(session, found.id, METRIC, seconds, segment, limit, start, end)
    return [
        DriftWindow(
            each.start,
            span_of(each.evidence, timedelta(seconds=seconds)),
            each.flagged,
            len(each.features),
            each.verdict,
        )
        for each in reversed(found_windows)
    ]


def drift_table(db: Database, model: str, window: datetime | None = None, size: timedelta | None = None) -> DriftTable:
    """Every feature in the window that starts at `window`, None meaning the latest; the most drifted first.

    Raises NotFound for a window that has no drift scores.
    """
    with db.reading() as session:
        found = find_model(session, model)
        seconds = _seconds(session, found.id, size)
        at = _find_window(session, found.id, seconds, window, model)
        if at is None:
            return DriftTable(None, timedelta(seconds=seconds), None, ())
        read = _Read(session, found.id, seconds, at)
        kinds = {name: feature.kind.value for name, feature in read_features(session, found.id).items()}
    names = sorted({*read.scores, *read.verdicts})
    rows = [read.row(name, kinds.get(name, "unknown"), MINI_BARS) for name in names]
    return DriftTable(at, timedelta(seconds=seconds), read.baseline_name, tuple(sorted(rows, key=_rank)))


def feature_detail(
    db: Database,
    model: str,
    feature: str,
    window: datetime | None = None,
    size: timedelta | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> FeatureDetail:
    """One feature in one window (None: the latest), and its score over [start, end).

    Raises NotFound for an unknown feature, and where there is no window with drift scores.
    """
    with db.reading() as session:
        found = find_model(session, model)
        seconds = _seconds(session, found.id, size)
        features = read_features(session, found.id)
        if feature not in features:
            raise NotFound(
                f"feature {feature!r} of model {model!r} does not exist; known: {', '.join(features) or 'none yet'}"
            )
        at = _find_window(session, found.id, seconds, window, model)
        if at is None:
            raise NotFound(f"model {model!r} has no window with drift scores yet")
        read = _Read(session, found.id, seconds, at)
    reference, current = read.reference(feature), read.current.columns.get(feature)
    return FeatureDetail(
        row=read.row(feature, features[feature].kind.value, MINI_BARS),
        window=at,
        size=timedelta(seconds=seconds),
        baseline=read.baseline_name,
        histogram=read.histogram(feature, 24),
        reference_missing=_missing(reference),
        current_missing=_missing(current),
        reference_median=_median(reference),
        current_median=_median(current),
        series=tuple(series(db, model, [METRIC], start, end, timedelta(seconds=seconds), column=feature)),
    )


class _Read:
    """What the database holds about drift up to one window."""

    def __init__(self, session: Session, model_id: int, size: int, at: datetime) -> None:
        after = at + timedelta(seconds=1)
        starts = column_starts(session, model_id, METRIC, size, LOOK_BACK, after)
        self.at = at
        self.history: dict[str, list[float | None]] = {}
        self.scores: dict[str, MetricPoint] = {}
        for point in column_scores(session, model_id, METRIC, size, starts[0] if starts else at, after):
            self.history.setdefault(point.metric_column, []).append(point.value)
            if point.start == at:
                self.scores[point.metric_column] = point
        past = read_feature_verdicts(session, model_id, METRIC, size, "all", LOOK_BACK, end=after)
        self.past = [window.features for window in past]
        self.verdicts: dict[str, dict[str, Any]] = self.past[0] if past and past[0].start == at else {}
        profile = find_profile(session, model_id, size, at)
        baseline = baseline_behind(session, model_id, profile)
        bins = decode_bins(baseline.payload) if baseline else None
        self.current = decode_profile(profile.payload, bins) if profile else WindowProfile()
        self.baseline: BaselineProfile | None = decode_baseline(baseline.payload) if baseline else None
        self.baseline_name = baseline.name if baseline else None

    def reference(self, feature: str) -> ColumnProfile | None:
        return self.baseline.whole.columns.get(feature) if self.baseline else None

    def histogram(self, feature: str, most: int) -> Histogram:
        bins = self.baseline.columns.get(feature) if self.baseline else None
        if bins is None:
            return EMPTY
        return histogram(bins, self.reference(feature), self.current.columns.get(feature), most)

    def row(self, feature: str, kind: str, bars: int) -> DriftRow:
        point, verdict = self.scores.get(feature), self.verdicts.get(feature)
        return DriftRow(
            feature=feature,
            kind=kind,
            score=point.value if point else (verdict or {}).get("value"),
            limit=(verdict or {}).get("limit"),
            p_value=(verdict or {}).get("p_value"),
            status=_status(point, verdict),
            windows_in_breach=self._in_breach(feature),
            why=str((verdict or {}).get("why") or (point.reason if point else "")),
            n=point.n if point else 0,
            scores=tuple(self.history.get(feature, ())),
            histogram=self.histogram(feature, bars),
        )

    def _in_breach(self, feature: str) -> int:
        if not self.verdicts:
            return 0
        in_a_row = 0
        for verdicts in self.past:
            if not verdicts.get(feature, {}).get("breach"):
                break
            in_a_row += 1
        return in_a_row


def _status(point: MetricPoint | None, verdict: dict[str, Any] | None) -> str:
    if verdict and verdict.get("breach"):
        return "breach"
    if point is not None and point.status != "ok":
        return point.status
    return "ok" if verdict is not None else "unjudged"


def _rank(row: DriftRow) -> tuple[bool, float, float, str]:
    over = (row.score or 0.0) / row.limit if row.limit else 0.0
    return row.status != "breach", -over, -(row.score or 0.0), row.feature


def _seconds(session: Session, model_id: int, size: timedelta | None) -> int:
    return int(size.total_seconds()) if size else main_size(window_sizes_by_use(session, model_id))


def _find_window(session: Session, model_id: int, size: int, window: datetime | None, model: str) -> datetime | None:
    if window is None:
        latest = column_starts(session, model_id, METRIC, size, 1)
        return latest[0] if latest else None
    if not column_scores(session, model_id, METRIC, size, window, window + timedelta(seconds=1)):
        raise NotFound(f"window {window.isoformat()} of model {model!r} has no drift scores")
    return window


def _missing(profile: ColumnProfile | None) -> float | None:
    return profile.missing / profile.rows if profile is not None and profile.rows else None


def _median(profile: ColumnProfile | None) -> float | None:
    quantile = getattr(profile, "quantile", None)
    return float(quantile(0.5)) if quantile is not None and profile is not None and profile.n else None
