"""The profiles of one window and of its segments: merged from stored smaller windows, or read from the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from monitor.baselines import BaselineProfile, empty_window
from monitor.config import Settings
from monitor.db import catalog, service_samples
from monitor.db.database import Session
from monitor.db.models import Model
from monitor.db.stored_profiles import parts_of
from monitor.engines import ProfileRequest, RowSource
from monitor.estimation import Estimator
from monitor.jobs.stores import Stores
from monitor.performance.classification import Costs
from monitor.profiles import ServiceProfile, WindowProfile, decode_profile, merge_all
from monitor.schemas import Feature, Task
from monitor.segments import ALL, Slicing, merge_slices, segment_key, slicings
from monitor.service import with_counters
from monitor.windows import Window

Profiles = dict[str, WindowProfile]


@dataclass(frozen=True, slots=True)
class Watched:
    """A model's window and what its rows are counted on."""

    model: Model
    window: Window
    baseline_id: int | None
    baseline: BaselineProfile | None
    baseline_name: str = ""
    estimator: Estimator | None = None
    costs: Costs | None = None
    baseline_end: datetime | None = None
    """The event time of the baseline's last row, where it is known."""

    @property
    def bins(self) -> WindowProfile | None:
        """What profiles are stored and read with that are on the baseline's bins, which they need not hold."""
        return empty_window(self.baseline.columns, self.baseline.prediction) if self.baseline else None


def read_profiles(stores: Stores, watched: Watched) -> Profiles:
    """The window's profile as `all`, and those of its segments by key.

    Whether they are merged or read from the rows, they are the same, up to the last digits of sums.
    """
    cuts, window, name = cuts_of(stores, watched), watched.window, watched.model.name
    with stores.db.reading() as session:
        features = catalog.read_features(session, watched.model.id)
        counted = service_samples.served_in(session, watched.model.id, window)
        profiles = merge_stored(session, watched, cuts, counted)
    if profiles is None:
        sources = stores.predictions(name, window.start, window.end), stores.labels(name, window.start)
        profiles = stores.engine.profiles(request_for(stores.settings, watched, features, *sources), cuts)
    return with_counted(profiles, counted)


def cuts_of(stores: Stores, watched: Watched) -> list[Slicing]:
    """How the model's windows are cut into segments."""
    wanted = stores.settings.monitoring
    return slicings(wanted.dimensions(watched.model.name), watched.baseline, wanted.most_segments)


def with_counted(profiles: Profiles, counted: ServiceProfile) -> Profiles:
    """The profiles with what the server's own counters know of the whole window."""
    whole = profiles[ALL]
    return {**profiles, ALL: msgspec.structs.replace(whole, service=with_counters(whole.service, counted))}


def request_for(
    settings: Settings, watched: Watched, features: Mapping[str, Feature], predictions: RowSource, labels: RowSource
) -> ProfileRequest:
    """What the engine is asked about a window of these rows."""
    window, model, baseline = watched.window, watched.model, watched.baseline
    declared = settings.model(model.name)
    return ProfileRequest(
        predictions,
        labels,
        window.start,
        window.end,
        features,
        baseline.columns if baseline else {},
        baseline.prediction if baseline else None,
        Task(model.task) if model.task else None,
        model.positive_class,
        baseline.limits if baseline else None,
        declared.protected,
        tuple(declared.metrics),
        scored=watched.estimator is not None,
    )


def merge_stored(
    session: Session, watched: Watched, cuts: Sequence[Slicing], counted: ServiceProfile
) -> Profiles | None:
    """The profiles as merges of stored smaller windows; None where those can't tell everything.

    What a server `counted` completes each window's own log, so such windows are read whole.
    """
    if counted != ServiceProfile():
        return None
    stored = parts_of(session, watched.model.id, watched.window, watched.baseline_id)
    if stored is None:
        return None
    bins = watched.bins
    parts = [{key: decode_profile(payload, bins) for key, payload in part.payloads.items()} for part in stored]
    if not all(ALL in part and _is_cut(part, cuts) for part in parts):
        return None
    merged = {ALL: merge_all(part[ALL] for part in parts)}
    for cut in cuts:
        slices = merge_slices(parts, cut)
        if slices is None:
            return None
        merged |= slices
    return merged


def _is_cut(part: Mapping[str, WindowProfile], cuts: Sequence[Slicing]) -> bool:
    """Whether a stored window was cut in every dimension that this one is."""
    prefixes = [segment_key(cut.dimension, "") for cut in cuts if not cut.if_several]
    return not part[ALL].service.rows or all(any(key.startswith(each) for key in part) for each in prefixes)
