"""What the monitors of one metric said of each feature, window by window: there may be several, such as a preset beside
Kedge's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.db.models import Evaluation
from monitor.db.reads import Session
from monitor.db.reads.evaluations import list_monitors, read_evaluations

_WORST_FIRST = ("breach", "ok", "insufficient", "undefined")


@dataclass(frozen=True, slots=True)
class FeatureVerdicts:
    """One window: the worst verdict of its monitors, and by feature what the one said that flagged it, if any did.

    `evidence` is that of one of the monitors.
    """

    start: datetime
    verdict: str
    features: dict[str, dict[str, Any]]
    evidence: dict[str, Any]

    @property
    def flagged(self) -> int:
        return sum(bool(verdict.get("breach")) for verdict in self.features.values())


def read_feature_verdicts(
    session: Session,
    model_id: int,
    metric: str,
    size: int,
    segment: str,
    limit: int,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[FeatureVerdicts]:
    """The newest windows of `size` seconds that start in [start, end), the newest first."""
    looking = sum(m.metric == metric and m.window_seconds == size for m in list_monitors(session, model_id))
    rows = read_evaluations(
        session,
        model_id,
        metric=metric,
        size=size,
        segment=segment,
        start=start,
        end=end,
        limit=limit * max(looking, 1),
    )
    by_window: dict[datetime, list[Evaluation]] = {}
    for _, row in rows:
        by_window.setdefault(row.window_start, []).append(row)
    return [_together(some) for some in list(by_window.values())[:limit]]


def _together(rows: Sequence[Evaluation]) -> FeatureVerdicts:
    features: dict[str, dict[str, Any]] = {}
    for row in rows:
        for name, verdict in column_verdicts(row.evidence).items():
            if name not in features or (verdict.get("breach") and not features[name].get("breach")):
                features[name] = verdict
    worst = min((row.verdict for row in rows), key=_WORST_FIRST.index)
    return FeatureVerdicts(rows[0].window_start, worst, features, rows[0].evidence)


def column_verdicts(evidence: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By feature, what a monitor of all features said of each; of the flagged ones where it listed no others."""
    flagged = {column["name"]: {"breach": True, **column} for column in evidence.get("columns") or []}
    return flagged | {column["name"]: column for column in evidence.get("all_columns") or []}
