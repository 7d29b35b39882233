"""Making baselines: from the first predictions of a model nobody configured, from a file, from a window."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from monitor.baselines import BaselineProfile, SegmentReference, encode_baseline
from monitor.db import baseline_store, catalog
from monitor.db.models import Baseline, Model
from monitor.dimensions import Dimension
from monitor.engines import ProfileRequest, RowSource
from monitor.engines.engine import Sample
from monitor.errors import Conflict, InvalidValue
from monitor.estimation import encode_estimator
from monitor.explanation import learn_importance
from monitor.jobs.estimator_job import fit_estimator, refresh_estimator
from monitor.jobs.stores import Stores
from monitor.privacy_settings import protected_names
from monitor.profiles import LabelledProfile, WindowProfile
from monitor.profiles.quality import QualityLimits
from monitor.quality import learn_limits, learn_outliers, numeric_rows
from monitor.sample import SAMPLE_ROWS, encode_sample, sample_features
from monitor.schemas import Feature, Task
from monitor.segments import ALL, segment_key, slicings
from monitor.windows import windows_between

log = logging.getLogger(__name__)

LEAST_BLOCKS = 5
PARTS = 10
LEAST_ROWS = 100
_TICK = timedelta(microseconds=1)
# Labels of a baseline made from production come late; it is read again until this share of it has them.
ENOUGH_LABELS = 0.9
FIRST_ROWS = "first predictions"
PINNED = "pinned "


def ensure_baselines(stores: Stores, now: datetime) -> int:
    """Make a baseline for every model that has none and enough predictions; returns how many were made."""
    needed = stores.settings.monitoring.baseline_rows
    with stores.db.reading() as session:
        waiting = [
            model.name
            for model in catalog.list_models(session)
            if model.predictions >= needed and not baseline_store.has_baseline(session, model.id)
        ]
    made = 0
    for name in waiting:
        try:
            made += _from_first_rows(stores, name, needed, now)
        except Conflict:
            log.info("another worker made the baseline of model %r", name)
        except Exception:
            log.exception("no baseline could be made for model %r; it will be tried again", name)
    return made


def _from_first_rows(stores: Stores, model_name: str, rows: int, now: datetime) -> bool:
    predictions = stores.predictions(model_name)
    last = stores.engine.nth_event_time(predictions, rows)
    if last is None:
        return False
    origin = f"first {rows} predictions"
    create_baseline(stores, model_name, FIRST_ROWS, origin, predictions, None, last + _TICK, now)
    return True


def create_baseline(
    stores: Stores,
    model_name: str,
    name: str,
    origin: str,
    predictions: RowSource,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
    labels: RowSource | None = None,
) -> Baseline:
    """Freeze a baseline from these rows, with event times in [start, end), and make it the model's active one.

    The model learns its task from it, unless it has one. Raises InvalidValue when there are fewer than 100 rows.
    """
    with stores.db.reading() as session:
        model = catalog.find_model(session, model_name)
        features = catalog.read_features(session, model.id)
    first = start or datetime.min.replace(year=1970, tzinfo=now.tzinfo)
    last = end or datetime.max.replace(year=9000, tzinfo=now.tzinfo)
    labels = labels if labels is not None else stores.labels(model_name)
    declared = stores.settings.model(model_name)
    known = declared.task or (Task(model.task) if model.task else None)
    sample = stores.engine.sample(predictions, labels, first, last, features, known)
    if sample.rows < LEAST_ROWS:
        raise InvalidValue(f"a baseline needs at least {LEAST_ROWS} rows; {origin} has {sample.rows}")
    positive = declared.positive_class or model.positive_class or sample.positive_class
    left_out = protected_names(stores.settings.collector.privacy, model_name)
    rows = stores.engine.rows(predictions, first, last, sample_features(features, left_out), SAMPLE_ROWS)
    limits = QualityLimits(outliers=learn_outliers(numeric_rows(rows, features)))
    reading = _Reading(stores, model_name, predictions, labels, features, sample.task, positive, limits)
    profile = _profile(reading, sample)
    estimator = fit_estimator(stores.engine, profile, predictions, labels, first, last, features, sample.task, positive)
    importance = learn_importance(rows, features)
    with stores.db.session() as session:
        stored = catalog.find_model(session, model_name)
        stored.task = sample.task.value if sample.task else None
        stored.positive_class = positive
        baseline = baseline_store.add_baseline(
            session,
            stored.id,
            name=name,
            origin=origin,
            rows=sample.rows,
            start=sample.start,
            end=sample.end,
            payload=encode_baseline(profile),
            now=now,
        )
        baseline.sample = encode_sample(rows)
        baseline.estimator = encode_estimator(estimator) if estimator else None
        baseline.importance = importance
        return baseline


def pin_baseline(stores: Stores, model: str, name: str, start: datetime, end: datetime, now: datetime) -> Baseline:
    """Freeze the model's own predictions with event times in [start, end) and make them its active baseline.

    Raises InvalidValue for a span that ends before it starts or has fewer than 100 rows, Conflict for a name that is
    taken, NotFound for an unknown model.
    """
    if end <= start:
        raise InvalidValue(f"a baseline from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is empty; end it later")
    origin = f"{PINNED}{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    return create_baseline(
        stores, model, name or origin, origin, stores.predictions(model, start, end), start, end, now
    )


def refresh_labels(stores: Stores, model: Model, baseline: Baseline) -> bool:
    """Read the labels that have come since for a baseline made from production; True when there were new ones.

    Segments that the settings have named since are read as well.
    """
    if not _is_from_production(baseline):
        return False
    assert baseline.start is not None
    assert baseline.end is not None
    known = stores.baselines.decode(baseline.payload)
    predictions = stores.predictions(model.name, baseline.start, baseline.end + _TICK)
    labels = stores.labels(model.name, baseline.start)
    request = ProfileRequest(predictions, labels, baseline.start, baseline.end + _TICK)
    dimensions = stores.settings.monitoring.dimensions(model.name)
    if not _lacks_segments(known, dimensions) and not _has_more_labels(stores, known.whole.labelled, request):
        return False
    with stores.db.reading() as session:
        features = catalog.read_features(session, model.id)
    sample = Sample(baseline.rows, baseline.start, baseline.end, known.columns, known.prediction, None, None)
    task = Task(model.task) if model.task else None
    positive = model.positive_class
    reading = _Reading(stores, model.name, predictions, labels, features, task, positive, known.limits)
    profile, end = _with_labels(known, _profile(reading, sample)), baseline.end + _TICK
    with stores.db.session() as session:
        baseline_store.replace_payload(session, baseline.id, encode_baseline(profile))
    refresh_estimator(stores, baseline.id, profile, predictions, labels, baseline.start, end, features, task, positive)
    return True


def _has_more_labels(stores: Stores, known: LabelledProfile, request: ProfileRequest) -> bool:
    if known.labelled >= ENOUGH_LABELS * max(known.predicted, 1) or request.labels.empty:
        return False
    return stores.engine.profile(request).labelled.labelled > known.labelled


def _lacks_segments(known: BaselineProfile, dimensions: Sequence[Dimension]) -> bool:
    prefixes = {segment_key(cut.dimension, "") for cut in slicings(dimensions, known) if not cut.if_several}
    return not all(any(key.startswith(prefix) for key in known.segments) for prefix in prefixes)


def _is_from_production(baseline: Baseline) -> bool:
    """Whether its rows are the model's own traffic, not a file's."""
    return baseline.origin.startswith(("first ", PINNED)) and baseline.start is not None and baseline.end is not None


def _with_labels(known: BaselineProfile, fresh: BaselineProfile) -> BaselineProfile:
    """The frozen profile with the labels and segments of the fresh one; rows that came late change no count of it."""

    def relabel(old: WindowProfile, new: WindowProfile) -> WindowProfile:
        return msgspec.structs.replace(old, labelled=new.labelled)

    blocks = known.blocks
    if len(blocks) == len(fresh.blocks):
        blocks = tuple(map(relabel, blocks, fresh.blocks))
    whole = relabel(known.whole, fresh.whole)
    return msgspec.structs.replace(known, whole=whole, blocks=blocks, segments=fresh.segments or known.segments)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where a baseline's profiles are read from, and what is read."""

    stores: Stores
    model: str
    predictions: RowSource
    labels: RowSource
    features: Mapping[str, Feature]
    task: Task | None
    positive: str | None
    limits: QualityLimits

    def request(self, sample: Sample, first: datetime, last: datetime) -> ProfileRequest:
        declared = self.stores.settings.model(self.model)
        return ProfileRequest(
            self.predictions,
            self.labels,
            first,
            last,
            self.features,
            sample.columns,
            sample.prediction,
            self.task,
            self.positive,
            self.limits,
            declared.protected,
            tuple(declared.metrics),
        )


def _profile(reading: _Reading, sample: Sample) -> BaselineProfile:
    """The whole, the blocks and the segments of these rows, and the limits of what is usual in them."""
    assert sample.start is not None
    assert sample.end is not None
    stores, start, end = reading.stores, sample.start, sample.end + _TICK
    dimensions = stores.settings.monitoring.dimensions(reading.model)
    whole = stores.engine.profile(reading.request(sample, start, end))
    profile = BaselineProfile(dict(sample.columns), sample.prediction, whole)
    requests = [reading.request(sample, *span) for span in _block_spans(start, end, stores.window_size)]
    if not dimensions:
        blocks = tuple(b for request in requests if (b := stores.engine.profile(request)).service.rows)
    else:
        most = stores.settings.monitoring.most_segments
        profiles = stores.engine.profiles(reading.request(sample, start, end), slicings(dimensions, profile, most))
        profile = msgspec.structs.replace(profile, segments=_references(profiles, []))
        cuts = slicings(dimensions, profile, most)
        parts = [part for each in requests if (part := stores.engine.profiles(each, cuts))[ALL].service.rows]
        blocks = tuple(part[ALL] for part in parts)
        profile = msgspec.structs.replace(profile, segments=_references(profiles, parts))
    limits = learn_limits(whole, blocks, reading.limits.outliers)
    return msgspec.structs.replace(profile, blocks=blocks, limits=limits)


def _references(
    profiles: Mapping[str, WindowProfile], parts: Sequence[Mapping[str, WindowProfile]]
) -> dict[str, SegmentReference]:
    """Each segment's whole and its blocks."""
    return {
        key: SegmentReference(whole, tuple(part[key] for part in parts if key in part))
        for key, whole in profiles.items()
        if key != ALL
    }


def _block_spans(start: datetime, end: datetime, size: timedelta) -> list[tuple[datetime, datetime]]:
    """The windows the rows span, or ten equal parts of time where those would be fewer than five."""
    windows = [(window.start, window.end) for window in windows_between(start, end, size)]
    if LEAST_BLOCKS <= len(windows) <= 1000:
        return windows
    part = (end - start) / PARTS
    return [(start + i * part, start + (i + 1) * part if i < PARTS - 1 else end) for i in range(PARTS)]
