"""Models, their versions and their schema: what the collectors register and everybody reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from monitor.db.models import FeatureColumn, Model, ModelVersion
from monitor.errors import NotFound
from monitor.records import check_model_name
from monitor.schemas import Feature, FeatureKind


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """That a version served `predictions` rows with event times in [first, last]."""

    name: str
    first: datetime
    last: datetime
    predictions: int


def find_model(session: Session, name: str) -> Model:
    """The model of this name. Raises NotFound naming the models there are."""
    model = session.scalar(select(Model).where(Model.name == name))
    if model is None:
        known = session.scalars(select(Model.name).order_by(Model.name).limit(10)).all()
        raise NotFound(f"model {name!r} does not exist; known: {', '.join(known) or 'none yet'}")
    return model


def lock_model(session: Session, model_id: int) -> Model:
    """The model as it is now, held until the transaction ends: nobody counts its predictions or touches its windows."""
    # Not FOR UPDATE: rows that only refer to the model (an evaluation's results) must not wait for this one, which may
    # itself be waiting for the window they are about.
    return session.get_one(Model, model_id, with_for_update={"key_share": True}, populate_existing=True)


def list_models(session: Session) -> Sequence[Model]:
    return session.scalars(select(Model).order_by(Model.name)).all()


def count_models(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Model)) or 0


def ensure_model(session: Session, name: str, now: datetime) -> Model:
    """The model of this name, registered now if it is new. Raises InvalidValue for an unusable name."""
    model = session.scalar(select(Model).where(Model.name == name))
    if model is None:
        model = Model(name=check_model_name(name), created_at=now)
        session.add(model)
        session.flush()
    return model


def read_features(session: Session, model_id: int) -> dict[str, Feature]:
    """The model's schema, by feature name, in the order it was learnt."""
    rows = session.scalars(select(FeatureColumn).where(FeatureColumn.model_id == model_id).order_by(FeatureColumn.id))
    return {row.name: Feature(row.name, FeatureKind(row.kind), row.lake_column) for row in rows}


def add_features(session: Session, model_id: int, features: Iterable[Feature], now: datetime) -> None:
    """Extend the model's schema; a feature that is there already keeps its kind."""
    known = read_features(session, model_id)
    for feature in features:
        if feature.name not in known:
            session.add(
                FeatureColumn(
                    model_id=model_id,
                    name=feature.name,
                    kind=feature.kind.value,
                    lake_column=feature.column,
                    created_at=now,
                )
            )
    session.flush()


def count_predictions(session: Session, model_id: int, seen: Sequence[VersionSeen], now: datetime) -> None:
    """Add to the model's and its versions' counters, and move the watermark on (never back)."""
    if not seen:
        return
    model = lock_model(session, model_id)
    first, last = min(v.first for v in seen), max(v.last for v in seen)
    model.predictions += sum(v.predictions for v in seen)
    model.first_event_time = min(model.first_event_time or first, first)
    model.watermark = max(model.watermark or last, last)
    model.last_received_at = now
    known: Mapping[str, ModelVersion] = {
        version.name: version
        for version in session.scalars(select(ModelVersion).where(ModelVersion.model_id == model_id))
    }
    for version in seen:
        row = known.get(version.name)
        if row is None:
            row = ModelVersion(
                model_id=model_id,
                name=version.name,
                first_event_time=version.first,
                last_event_time=version.last,
                predictions=0,
            )
            session.add(row)
        row.first_event_time = min(row.first_event_time, version.first)
        row.last_event_time = max(row.last_event_time, version.last)
        row.predictions += version.predictions
    session.flush()


def count_labels(session: Session, model_id: int, labels: int) -> None:
    session.execute(update(Model).where(Model.id == model_id).values(labels=Model.labels + labels))


def list_versions(session: Session, model_id: int) -> Sequence[ModelVersion]:
    """The model's versions, in the order in which they first served."""
    statement = select(ModelVersion).where(ModelVersion.model_id == model_id).order_by(ModelVersion.first_event_time)
    return session.scalars(statement).all()
