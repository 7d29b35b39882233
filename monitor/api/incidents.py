"""Incidents: reading them, and taking one on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, StringConstraints

from monitor import queries
from monitor.api.dependencies import Admin, Db, Now, Reader, Text
from monitor.db import incidents as store

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
IncidentId = Annotated[int, Path(ge=1, lt=2**63)]


class Acknowledgement(BaseModel):
    """Who looks after the incident."""

    by: Annotated[Text, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


@router.get("", summary="Incidents, the latest first")
def list_incidents(
    db: Db,
    _caller: Reader,
    model: Text | None = None,
    state: Annotated[list[str] | None, Query(description="open, acknowledged, resolved")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[queries.IncidentRow]:
    return queries.incidents(db, model, state, limit)


@router.get("/{incident_id}", summary="One incident: evidence, timeline, messages, responses")
def read_incident(incident_id: IncidentId, db: Db, _caller: Reader) -> queries.IncidentDetail:
    return queries.incident_detail(db, incident_id)


@router.post("/{incident_id}/acknowledge", summary="Say who looks after it")
def acknowledge(
    incident_id: IncidentId, body: Acknowledgement, db: Db, now: Now, _caller: Admin
) -> queries.IncidentDetail:
    with db.session() as session:
        store.acknowledge_incident(session, incident_id, body.by, now)
    return queries.incident_detail(db, incident_id)
