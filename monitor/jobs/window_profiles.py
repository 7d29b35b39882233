"""The profiles of one window and of its segments: merged from stored smaller windows, or read from the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from monitor.baselines import BaselineProfile
from monitor.db import catalog, service_samples
from monitor.db.database import Session
from monitor.db.models import Model
from monitor.db.stored_profiles import parts_of
from monitor.engines import ProfileRequest
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


def read_profiles(stores: Stores, watched: Watched) -> Profiles:
    """The window's profile as `all`, and those of its segments by key.

    Whether they are merged or read from the rows, they are the same, up to the last digits of sums.
    """
    wanted = stores.settings.monitoring
    dimensions = wanted.dimensions(watched.model.name)
    cuts = slicings(dimensions, watched.baseline, wanted.most_segments)
    with stores.db.reading() as session:
        features = catalog.read_features(session, watched.model.id)
        counted = service_samples.served_in(session, watched.model.id, watched.window)
        # What a server counted completes each window's own log, so such windows are read whole.
        merged = _merge_stored(session, watched, cuts) if counted == ServiceProfile() else None
    profiles = merged if merged is not None else stores.engine.profiles(request_for(stores, watched, features), cuts)
    whole = profiles[ALL]
    return {**profiles, ALL: msgspec.structs.replace(whole, service=with_counters(whole.service, counted))}


def request_for(stores: Stores, watched: Watched, features: Mapping[str, Feature]) -> ProfileRequest:
    """What the engine is asked about a window."""
    window, model, baseline = watched.window, watched.model, watched.baseline
    declared = stores.settings.model(model.name)
    return ProfileRequest(
        stores.predictions(model.name, window.start, window.end),
        stores.labels(model.name, window.start),
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


def _merge_stored(session: Session, watched: Watched, cuts: Sequence[Slicing]) -> Profiles | None:
    """The profiles as merges of stored smaller windows; None where those can't tell everything."""
    stored = parts_of(session, watched.model.id, watched.window, watched.baseline_id)
    if stored is None:
        return None
    parts = [{key: decode_profile(payload) for key, payload in part.payloads.items()} for part in stored]
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
