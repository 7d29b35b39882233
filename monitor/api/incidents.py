"""Incidents: reading them, and taking one on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from monitor import queries
from monitor.api.dependencies import Admin, Db, Now, Reader
from monitor.db import incidents as store

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])


class Acknowledgement(BaseModel):
    """Who looks after the incident."""

    by: str = Field(min_length=1, max_length=200)


@router.get("", summary="Incidents, the latest first")
def list_incidents(
    db: Db,
    _caller: Reader,
    model: str | None = None,
    state: Annotated[list[str] | None, Query(description="open, acknowledged, resolved")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[queries.IncidentRow]:
    return queries.incidents(db, model, state, limit)


@router.get("/{incident_id}", summary="One incident: evidence, timeline, messages, responses")
def read_incident(incident_id: int, db: Db, _caller: Reader) -> queries.IncidentDetail:
    return queries.incident_detail(db, incident_id)


@router.post("/{incident_id}/acknowledge", summary="Say who looks after it")
def acknowledge(incident_id: int, body: Acknowledgement, db: Db, now: Now, _caller: Admin) -> queries.IncidentDetail:
    with db.session() as session:
        store.acknowledge_incident(session, incident_id, body.by, now)
    return queries.incident_detail(db, incident_id)
