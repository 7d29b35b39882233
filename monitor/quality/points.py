"""The quality metrics of one window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from monitor.baselines import BaselineProfile
from monitor.points import Point, point, share_point, undefined
from monitor.profiles import CategoricalProfile, NumericProfile, WindowProfile
from monitor.quality.columns import is_constant, schema_changes
from monitor.windows import EPOCH, Window


def quality_points(profile: WindowProfile, baseline: BaselineProfile | None, window: Window) -> list[Point]:
    """Per feature: `missing_rate`, and where there is any, `type_errors`, `out_of_range` and `unseen_category`.

    Of the window: the worst feature's of the latter three; `duplicates`, `repeated_ids`, `freshness_p50` and `_p95`
    (seconds), `freshness_age` (seconds from the newest row to the window's end); against a baseline `outlier_rate`,
    `schema_changes` and `constant` (numbers of features). Undefined, with the reason, where there is nothing to count.
    """
    quality, columns = profile.quality, profile.columns
    outside = {
        name: (quality.outside.get(name, 0) + column.infinite, column.n + column.infinite)
        for name, column in columns.items()
        if isinstance(column, NumericProfile)
    }
    unseen = {n: (column.unseen, column.n) for n, column in columns.items() if isinstance(column, CategoricalProfile)}
    mistyped = {name: (count, profile.service.rows) for name, count in profile.type_errors.items()}
    return [
        *(share_point("missing_rate", column.missing, column.rows, name) for name, column in columns.items()),
        *_shares("type_errors", mistyped, profile.service.rows),
        *_shares("out_of_range", outside, profile.service.rows),
        *_shares("unseen_category", unseen, profile.service.rows),
        share_point("duplicates", quality.alike, quality.compared),
        share_point("repeated_ids", quality.repeated, quality.identified),
        *_freshness(profile, window),
        *_against(profile, baseline),
    ]


def _shares(metric: str, counts: Mapping[str, tuple[int, int]], rows: int) -> list[Point]:
    """A point per feature that has any, and one for the worst of all; no rows in any feature are no error."""
    points = [share_point(metric, hits, n, name) for name, (hits, n) in counts.items() if hits]
    worst = max(points, key=lambda found: found.value or 0.0, default=None)
    overall = share_point(metric, 0, rows) if worst is None else _of_window(worst)
    return [*points, overall]


def _of_window(worst: Point) -> Point:
    return Point(worst.metric, worst.value, worst.n, "", worst.low, worst.high, worst.status, worst.reason)


def _freshness(profile: WindowProfile, window: Window) -> list[Point]:
    quality = profile.quality
    if quality.newest is None:
        return [undefined(metric, 0, "no rows") for metric in ("freshness_p50", "freshness_p95", "freshness_age")]
    newest = EPOCH + timedelta(seconds=quality.newest)
    return [
        point("freshness_p50", quality.delay_seconds(0.5), quality.delay.n),
        point("freshness_p95", quality.delay_seconds(0.95), quality.delay.n),
        point("freshness_age", (window.end - newest).total_seconds(), quality.rows),
    ]


def _against(profile: WindowProfile, baseline: BaselineProfile | None) -> list[Point]:
    rows = profile.service.rows
    if baseline is None or not rows:
        reason = "no rows" if baseline else "there is no baseline yet"
        return [undefined(metric, rows, reason) for metric in ("outlier_rate", "schema_changes", "constant")]
    before = baseline.whole.columns
    became = [
        n for n, column in profile.columns.items() if n in before and is_constant(column) != is_constant(before[n])
    ]
    quality = profile.quality
    outliers = share_point("outlier_rate", quality.outliers, quality.tested)
    if not quality.tested:
        outliers = undefined("outlier_rate", rows, "fewer than two numeric features vary in the baseline")
    return [
        outliers,
        Point("schema_changes", float(len(schema_changes(baseline, profile))), rows),
        Point("constant", float(len(became)), rows),
    ]
