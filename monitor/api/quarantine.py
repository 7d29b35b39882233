"""Quarantine: records that were refused, and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from monitor import queries
from monitor.api.dependencies import Db, Reader, Text

router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])
RecordId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("", summary="Refused records, the newest first, with the beginning of what was sent")
def list_quarantine(
    db: Db,
    _caller: Reader,
    model: Annotated[Text | None, Query(description="the model that the records name")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[queries.QuarantineRecord]:
    return queries.quarantine(db, model, limit)


@router.get("/{record_id}", summary="One refused record: the reason, and up to 64 KiB of what was sent")
def read_quarantined(record_id: RecordId, db: Db, _caller: Reader) -> queries.QuarantineRecord:
    return queries.quarantine_record(db, record_id)
