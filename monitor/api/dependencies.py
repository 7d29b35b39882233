"""What routes are given: the database, the time, a caller who may do this, and values that are safe to ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from monitor.access import KeyRing
from monitor.db.database import Database
from monitor.db.keys import Role
from monitor.windows import EPOCH, parse_span

_LAST_MOMENT = datetime(9000, 1, 1, tzinfo=UTC)


class ErrorAnswer(BaseModel):
    """Every error of the API has this body."""

    error: str


def _database(request: Request) -> Database:
    database: Database = request.app.state.db
    return database


def _now(request: Request) -> datetime:
    moment: datetime = request.app.state.now()
    return moment


def _caller(needed: Role, request: Request) -> str:
    keys: KeyRing = request.app.state.keys
    caller = keys.authorize(request.headers, request.client.host if request.client else None, needed)
    return "anonymous" if caller.anonymous else caller.role.value


def _reader(request: Request) -> str:
    return _caller(Role.READ, request)


def _admin(request: Request) -> str:
    return _caller(Role.ADMIN, request)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"time {moment.isoformat()!r} has no zone; write it as 2026-03-04T12:00:00Z")
    # Comparing is safe where converting is not: the first hours of year 1 have no UTC time in Python.
    if not EPOCH <= moment < _LAST_MOMENT:
        raise ValueError(f"time {moment.isoformat()!r} is out of range; accepted: years 1970 to 8999")
    return moment.astimezone(UTC)


def _to_size(text: str) -> timedelta:
    try:
        return parse_span(text)
    except OverflowError:
        raise ValueError(f"window size {text!r} is too long; accepted: less than a million years") from None


Db = Annotated[Database, Depends(_database)]
Now = Annotated[datetime, Depends(_now)]
Reader = Annotated[str, Depends(_reader)]
Admin = Annotated[str, Depends(_admin)]
# PostgreSQL can't hold the character 0 in a text, so no name has it.
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
WindowSize = Annotated[timedelta, BeforeValidator(_to_size), WithJsonSchema({"type": "string", "examples": ["1h"]})]
