"""Quarantine: records that were refused, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from monitor import queries
from monitor.api.dependencies import Admin, Db, Moment, Now, Reader, Text
from monitor.db.quarantine import Selection, drop_refusals
from monitor.errors import Conflict, InvalidValue

ReplaySelected = Callable[[Selection, datetime, str, bool], object]
"""What replays in the process behind the API: of the selection, now, the actor, and whether it is a dry run."""

router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])
RecordId = Annotated[int, Path(ge=1, lt=2**63)]


class Chosen(BaseModel):
    """Which refused records: those that satisfy everything that is given, or `all`."""

    ids: Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=1000)] = []
    model: Text | None = None
    reason: Annotated[Text | None, Field(description="a part of the reason, in any case")] = None
    source: Text | None = None
    since: Moment | None = None
    all: bool = False

    def selection(self) -> Selection:
        selection = Selection(tuple(self.ids), self.model, self.reason, self.source, self.since)
        if selection.is_everything is not self.all:
            raise InvalidValue("say which records: ids, model, reason, source, since, or else all = true")
        return selection


class ToReplay(Chosen):
    """Which refused records to take in again; `dry_run` only says what would become of them."""

    dry_run: bool = False


class Replayed(BaseModel):
    """What became of them. Of a large selection one call looks at the first 10,000 or so.

    `records` is how many predictions and labels the taken ones gave; `again` were refused again and stay, `not_whole`
    stay because only the beginning of what was sent is kept, or nothing.
    """

    selected: int
    taken: int
    records: int
    again: int
    not_whole: int


class Dropped(BaseModel):
    """How many refused records were deleted."""

    dropped: int


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


@router.post("/replay", summary="Take refused records in again; those that are accepted now leave quarantine")
def replay(body: ToReplay, http: Request, now: Now, caller: Admin) -> Replayed:
    replay_selected: ReplaySelected | None = http.app.state.replay
    if replay_selected is None:
        raise Conflict("this process takes in no records; replay with: kedge quarantine replay")
    done = replay_selected(body.selection(), now, caller, body.dry_run)
    return Replayed.model_validate(done, from_attributes=True)


@router.post("/drop", summary="Delete refused records for good")
def drop(body: Chosen, db: Db, now: Now, caller: Admin) -> Dropped:
    with db.session() as session:
        return Dropped(dropped=drop_refusals(session, body.selection(), now, caller))
