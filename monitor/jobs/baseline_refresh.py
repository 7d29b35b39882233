"""What a baseline learns after it was made: labels of its rows that came since, segments that the settings name now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from monitor.baselines import BaselineProfile, encode_baseline
from monitor.db import baseline_store, catalog
from monitor.db.models import Baseline, Model
from monitor.dimensions import Dimension
from monitor.engines import ProfileRequest
from monitor.estimation import encode_estimator
from monitor.jobs.baseline_reading import read_baseline
from monitor.jobs.estimator_job import fit_estimator
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Watched, request_for
from monitor.profiles import WindowProfile
from monitor.segments import segment_key, slicings
from monitor.windows import Window

FROM_TRAFFIC = ("first ", "pinned ")
"""How the origin of a baseline begins whose rows are the model's own traffic, not a file's."""

ENOUGH_LABELS = 0.9
"""Labels of traffic come late; it is read again until this share of it has them."""

_TICK = timedelta(microseconds=1)


def refresh_labels(stores: Stores, model: Model, baseline: Baseline) -> bool:
    """Read the labels that have come since for a baseline made from traffic; True when there was something new.

    Segments that the settings have named since are read as well. Nothing is, once its rows have left the lake.
    """
    if not baseline.origin.startswith(FROM_TRAFFIC) or baseline.start is None or baseline.end is None:
        return False
    known, dimensions = stores.baseline(baseline.payload), stores.settings.monitoring.dimensions(model.name)
    has_enough = known.whole.labelled.labelled >= ENOUGH_LABELS * max(known.whole.labelled.predicted, 1)
    lacks_segments = _lacks_segments(known, dimensions)
    if not lacks_segments and has_enough:
        return False
    predictions = stores.predictions(model.name, baseline.start, baseline.end + _TICK)
    labels = stores.labels(model.name, baseline.start)
    if not lacks_segments and labels.empty:
        return False
    seen = stores.engine.profile(ProfileRequest(predictions, labels, baseline.start, baseline.end + _TICK))
    if seen.service.rows < known.whole.service.rows:
        return False
    if not lacks_segments and seen.labelled.labelled <= known.whole.labelled.labelled:
        return False
    with stores.db.reading() as session:
        features = catalog.read_features(session, model.id)
    span = Window(baseline.start, baseline.end + _TICK - baseline.start)
    request = request_for(stores.settings, Watched(model, span, baseline.id, known), features, predictions, labels)
    _store(stores, baseline.id, _with_labels(known, read_baseline(stores, model.name, request)), request)
    return True


def _store(stores: Stores, baseline_id: int, profile: BaselineProfile, request: ProfileRequest) -> None:
    """Keep the profile and the estimator of the same labels, together: neither is read again once they are enough."""
    estimator = fit_estimator(stores.engine, request)
    with stores.db.session() as session:
        baseline_store.replace_payload(session, baseline_id, encode_baseline(profile))
        if estimator is not None:
            baseline_store.save_estimator(session, baseline_id, encode_estimator(estimator))


def _lacks_segments(known: BaselineProfile, dimensions: Sequence[Dimension]) -> bool:
    prefixes = {segment_key(cut.dimension, "") for cut in slicings(dimensions, known) if not cut.if_several}
    return not all(any(key.startswith(prefix) for key in known.segments) for prefix in prefixes)


def _with_labels(known: BaselineProfile, fresh: BaselineProfile) -> BaselineProfile:
    """The frozen profile with the labels and segments of the fresh one; rows that came late change no count of it."""

    def relabel(old: WindowProfile, new: WindowProfile) -> WindowProfile:
        return msgspec.structs.replace(old, labelled=new.labelled, groups=new.groups)

    blocks = known.blocks
    if len(blocks) == len(fresh.blocks):
        blocks = tuple(map(relabel, blocks, fresh.blocks))
    whole = relabel(known.whole, fresh.whole)
    return msgspec.structs.replace(known, whole=whole, blocks=blocks, segments=fresh.segments or known.segments)
