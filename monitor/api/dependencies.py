"""What routes are given: the database, the time, and a caller who may do this."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from monitor.access import KeyRing
from monitor.db.database import Database
from monitor.db.keys import Role


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


Db = Annotated[Database, Depends(_database)]
Now = Annotated[datetime, Depends(_now)]
Reader = Annotated[str, Depends(_reader)]
Admin = Annotated[str, Depends(_admin)]
