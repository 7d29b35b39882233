"""Making a model and its features known to the control database, within the limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collectors.wire import WirePrediction
from monitor.config import CollectorSettings
from monitor.db import catalog
from monitor.db.database import Database
from monitor.errors import NotFound
from monitor.records import Scalar
from monitor.schemas import Feature, learn


@dataclass(frozen=True, slots=True)
class Registration:
    """A model as the control database knows it. `full`: it has as many features as a model may have."""

    model_id: int
    features: dict[str, Feature]
    full: bool


def register(
    db: Database, model: str, rows: Sequence[Mapping[str, Scalar]], limits: CollectorSettings, now: datetime
) -> Registration | None:
    """Register what is new in `rows` of features; None when the model is new and there are max_models already.

    The features are read back after they were added, so that all collectors agree on their kinds.
    """
    model_id: int | None = None
    known: dict[str, Feature] = {}
    with db.reading() as session:
        try:
            model_id = catalog.find_model(session, model).id
            known = catalog.read_features(session, model_id)
        except NotFound:
            if catalog.count_models(session) >= limits.max_models:
                return None
    found = learn(known, rows)[: max(limits.max_features - len(known), 0)]
    if found or model_id is None:
        with db.session() as session:
            model_id = catalog.ensure_model(session, model, now).id
            catalog.add_features(session, model_id, found, now)
            known = catalog.read_features(session, model_id)
    return Registration(model_id, known, len(known) >= limits.max_features)


class Registrar:
    """Registers what the predictions of one model bring that is new; asks the database only when there is something."""

    def __init__(self, db: Database, model: str, limits: CollectorSettings, now: datetime) -> None:
        self._db, self._model, self._limits, self._now = db, model, limits, now
        self.registration: Registration | None = None

    def register(self, rows: Sequence[Mapping[str, Scalar]]) -> Registration | None:
        """The model with all features of `rows`, as far as there is room; None when there is none for the model."""
        known = self.registration
        if known is None or not (known.full or known.features.keys() >= set[str]().union(*rows)):
            self.registration = register(self._db, self._model, rows, self._limits, self._now)
        return self.registration

    @property
    def no_room(self) -> str:
        return f"model {self._model!r} is new and there are max_models = {self._limits.max_models} models already"

    def no_room_for(self, feature: str) -> str:
        most, known = self._limits.max_features, self.registration
        has = len(known.features) if known else 0
        return f"feature {feature!r} is new and the model has {has} features; accepted: up to max_features = {most}"


def unknown_features(record: WirePrediction, features: Iterable[str]) -> set[str]:
    """The features of the record that have a value but no column."""
    return {name for name in record.features.keys() - set(features) if record.features[name] is not None}
