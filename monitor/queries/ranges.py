"""A longer range as one profile: the merge of its stored windows, whatever the number of rows behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.baselines import decode_bins
from monitor.db.catalog import find_model
from monitor.db.database import Database
from monitor.db.reads.points import window_sizes_by_use
from monitor.db.reads.profiles import baseline_payloads, profiles_between
from monitor.profiles import WindowProfile, merge_stored
from monitor.queries.series import main_size


@dataclass(frozen=True, slots=True)
class RangeProfile:
    """All windows of a range as one profile, its columns on the bins of the newest window.

    `windows` were merged. `left_out` are the starts of those on other bins (of an earlier baseline, or of none): they
    count in service, labels and quality, and not in the columns and the prediction. `baseline` is what that of the
    newest window holds (see `decode_baseline`).
    """

    profile: WindowProfile
    size: timedelta
    windows: int
    left_out: tuple[datetime, ...] = ()
    baseline: bytes | None = None


def range_profile(
    db: Database,
    model: str,
    start: datetime,
    end: datetime,
    size: timedelta | None = None,
    segment: str = "all",
    fields: frozenset[str] | None = None,
) -> RangeProfile:
    """The windows of this size that start in [start, end), merged; `size` None means the one the model is mostly
    watched at. With `fields`, only these (`service`, `labelled` …) are merged beside the columns and the prediction.

    Raises NotFound for an unknown model; without windows the profile is empty.
    """
    with db.reading() as session:
        found = find_model(session, model)
        seconds = int(size.total_seconds()) if size else main_size(window_sizes_by_use(session, found.id))
        windows = profiles_between(session, found.id, seconds, start, end, segment)
        behind = {window.baseline_id for window in windows if window.baseline_id is not None}
        baselines = baseline_payloads(session, behind)
    merged = merge_stored([window.payload for window in windows], map(decode_bins, baselines.values()), fields)
    left_out = tuple(windows[i].start for i in merged.left_out)
    newest = baselines.get(windows[-1].baseline_id) if windows else None
    return RangeProfile(merged.profile, timedelta(seconds=seconds), len(windows), left_out, newest)
