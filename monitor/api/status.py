"""Is it alive, and how much has it done."""

from __future__ import annotations

from fastapi import APIRouter

from monitor.api.dependencies import Db, Reader
from monitor.queries.status import Status, status

router = APIRouter(tags=["status"])


@router.get("/healthz", summary="Alive; answers without a key")
def health() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/v1/status", summary="Counts of what was stored, evaluated and sent")
def read_status(db: Db, _caller: Reader) -> Status:
    return status(db)
