"""Making baselines: from the first predictions of a model nobody configured, from a file, from a window."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec

from monitor.baselines import BaselineProfile, decode_baseline, encode_baseline
from monitor.db import baseline_store, catalog
from monitor.db.models import Baseline, Model
from monitor.engines import ProfileRequest, RowSource
from monitor.engines.engine import Sample
from monitor.errors import Conflict, InvalidValue
from monitor.jobs.stores import Stores
from monitor.profiles import WindowProfile
from monitor.schemas import Feature, Task
from monitor.windows import windows_between

log = logging.getLogger(__name__)

LEAST_BLOCKS = 5
PARTS = 10
LEAST_ROWS = 100
_TICK = timedelta(microseconds=1)
# Labels of a baseline made from production come late; it is read again until this share of it has them.
ENOUGH_LABELS = 0.9
FIRST_ROWS = "first predictions"


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
    known = Task(model.task) if model.task else None
    sample = stores.engine.sample(predictions, labels, first, last, features, known)
    if sample.rows < LEAST_ROWS:
        raise InvalidValue(f"a baseline needs at least {LEAST_ROWS} rows; {origin} has {sample.rows}")
    positive = model.positive_class or sample.positive_class
    profile = _profile(stores, sample, predictions, labels, features, sample.task, positive)
    with stores.db.session() as session:
        stored = catalog.find_model(session, model_name)
        stored.task = sample.task.value if sample.task else None
        stored.positive_class = positive
        return baseline_store.add_baseline(
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


def refresh_labels(stores: Stores, model: Model, baseline: Baseline) -> bool:
    """Read the labels that have come since for a baseline made from production; True when there were new ones."""
    known = decode_baseline(baseline.payload)
    labelled = known.whole.labelled
    if not _is_from_production(baseline) or labelled.labelled >= ENOUGH_LABELS * max(labelled.predicted, 1):
        return False
    assert baseline.start is not None
    assert baseline.end is not None
    predictions = stores.predictions(model.name, baseline.start, baseline.end + _TICK)
    labels = stores.labels(model.name, baseline.start)
    counting = ProfileRequest(predictions, labels, baseline.start, baseline.end + _TICK)
    if labels.empty or stores.engine.profile(counting).labelled.labelled <= labelled.labelled:
        return False
    with stores.db.reading() as session:
        features = catalog.read_features(session, model.id)
    sample = Sample(baseline.rows, baseline.start, baseline.end, known.columns, known.prediction, None, None)
    task = Task(model.task) if model.task else None
    fresh = _profile(stores, sample, predictions, labels, features, task, model.positive_class)
    with stores.db.session() as session:
        baseline_store.replace_payload(session, baseline.id, encode_baseline(_with_labels(known, fresh)))
    return True


def _is_from_production(baseline: Baseline) -> bool:
    """Whether its rows are the model's own traffic, not a file's."""
    return baseline.origin.startswith("first ") and baseline.start is not None and baseline.end is not None


def _with_labels(known: BaselineProfile, fresh: BaselineProfile) -> BaselineProfile:
    """The frozen profile with the labels of the fresh one; rows that came late into its time change no count of it."""

    def relabel(old: WindowProfile, new: WindowProfile) -> WindowProfile:
        return msgspec.structs.replace(old, labelled=new.labelled)

    blocks = known.blocks
    if len(blocks) == len(fresh.blocks):
        blocks = tuple(map(relabel, blocks, fresh.blocks))
    return msgspec.structs.replace(known, whole=relabel(known.whole, fresh.whole), blocks=blocks)


def _profile(
    stores: Stores,
    sample: Sample,
    predictions: RowSource,
    labels: RowSource,
    features: dict[str, Feature],
    task: Task | None,
    positive: str | None,
) -> BaselineProfile:
    assert sample.start is not None
    assert sample.end is not None

    def read(start: datetime, end: datetime) -> WindowProfile:
        request = ProfileRequest(
            predictions, labels, start, end, features, sample.columns, sample.prediction, task, positive
        )
        return stores.engine.profile(request)

    spans = _block_spans(sample.start, sample.end + _TICK, stores.window_size)
    blocks = tuple(block for span in spans if (block := read(*span)).service.rows)
    whole = read(sample.start, sample.end + _TICK)
    return BaselineProfile(dict(sample.columns), sample.prediction, whole, blocks)


def _block_spans(start: datetime, end: datetime, size: timedelta) -> list[tuple[datetime, datetime]]:
    """The windows the rows span, or ten equal parts of time where those would be fewer than five."""
    windows = [(window.start, window.end) for window in windows_between(start, end, size)]
    if LEAST_BLOCKS <= len(windows) <= 1000:
        return windows
    part = (end - start) / PARTS
    return [(start + i * part, start + (i + 1) * part if i < PARTS - 1 else end) for i in range(PARTS)]
