"""What endpoints served, as their own counters say: one row per model, version and time between two looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.db import catalog, window_store
from monitor.db.models import Model, ServiceSample
from monitor.profiles import ServiceProfile
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class NewSample:
    """What was served between `start` and `end`."""

    model: str
    version: str
    start: datetime
    end: datetime
    service: ServiceProfile


def save_samples(
    session: Session, source: str, samples: Sequence[NewSample], max_models: int, now: datetime
) -> list[str]:
    """Write the samples of one look, register models that are new, and touch the windows they end in.

    A sample of the same source, version and start takes the place of the earlier one. Returns the models that were left
    out because there are max_models already.
    """
    left_out = []
    for sample in samples:
        if not is_model(session, sample.model) and catalog.count_models(session) >= max_models:
            left_out.append(sample.model)
            continue
        model = catalog.ensure_model(session, sample.model, now)
        _save(session, source, model.id, sample)
        model.last_received_at = now
        window_store.touch_moments(session, model.id, [sample.end], now)
    return left_out


def _save(session: Session, source: str, model_id: int, sample: NewSample) -> None:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"end": sample.end, "payload": msgspec.msgpack.encode(sample.service)}
    key = {"model_id": model_id, "source": source, "version": sample.version, "start": sample.start}
    statement = insert(ServiceSample).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def is_model(session: Session, name: str) -> bool:
    return session.scalar(select(Model.id).where(Model.name == name)) is not None


def served_in(session: Session, model_id: int, window: Window) -> ServiceProfile:
    """All calls whose samples end in the window, of all sources and versions."""
    rows = session.scalars(
        select(ServiceSample.payload).where(
            ServiceSample.model_id == model_id, ServiceSample.end >= window.start, ServiceSample.end < window.end
        )
    )
    served = ServiceProfile()
    for payload in rows:
        served = served.merge(msgspec.msgpack.decode(payload, type=ServiceProfile))
    return served


def samples_between(
    session: Session, model_id: int, start: datetime, end: datetime
) -> list[tuple[datetime, ServiceProfile]]:
    """What was served until when, for each sample that ends in [start, end), in time order."""
    statement = (
        select(ServiceSample.end, ServiceSample.payload)
        .where(ServiceSample.model_id == model_id, ServiceSample.end >= start, ServiceSample.end < end)
        .order_by(ServiceSample.end)
    )
    rows = session.execute(statement)
    return [(row.end, msgspec.msgpack.decode(row.payload, type=ServiceProfile)) for row in rows]


def forget_before(session: Session, moment: datetime) -> None:
    """Delete samples that end before this."""
    session.execute(delete(ServiceSample).where(ServiceSample.end < moment))
