"""Making baselines: from the first predictions of a model nobody configured, from a file, from a window."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from monitor.baselines import encode_baseline
from monitor.db import baseline_store, catalog
from monitor.db.models import Baseline
from monitor.engines import ProfileRequest, RowSource
from monitor.errors import Conflict, InvalidValue
from monitor.estimation import encode_estimator
from monitor.explanation import learn_importance
from monitor.jobs.baseline_reading import read_baseline
from monitor.jobs.estimator_job import fit_estimator
from monitor.jobs.stores import Stores
from monitor.privacy_settings import protected_names
from monitor.profiles.quality import QualityLimits
from monitor.quality import learn_outliers, numeric_rows
from monitor.sample import SAMPLE_ROWS, encode_sample, sample_features
from monitor.schemas import Task

log = logging.getLogger(__name__)

Made = TypeVar("Made")

LEAST_ROWS = 100
_TICK = timedelta(microseconds=1)
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
    if sample.rows < LEAST_ROWS or sample.start is None or sample.end is None:
        raise InvalidValue(f"a baseline needs at least {LEAST_ROWS} rows; {origin} has {sample.rows}")
    positive = declared.positive_class or model.positive_class or sample.positive_class
    left_out = protected_names(stores.settings.collector.privacy, model_name)
    rows = stores.engine.rows(predictions, first, last, sample_features(features, left_out), SAMPLE_ROWS)
    request = ProfileRequest(
        predictions,
        labels,
        sample.start,
        sample.end + _TICK,
        features,
        sample.columns,
        sample.prediction,
        sample.task,
        positive,
        QualityLimits(outliers=learn_outliers(numeric_rows(rows, features))),
        declared.protected,
        tuple(declared.metrics),
    )
    profile = read_baseline(stores, model_name, request)
    estimator = _if_possible("estimator", lambda: fit_estimator(stores.engine, request))
    importance = _if_possible("importance of features", lambda: learn_importance(rows, features))
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


def _if_possible(what: str, make: Callable[[], Made]) -> Made | None:
    """What a baseline can do without: no model goes unwatched for want of it."""
    try:
        return make()
    except Exception:
        log.exception("the baseline gets no %s", what)
        return None


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
