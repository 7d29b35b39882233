"""The API as one FastAPI application, with errors answered in one shape."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from monitor import __version__
from monitor.access import AccessDenied, KeyRing
from monitor.api import incidents, models, status
from monitor.db.database import Database
from monitor.errors import Conflict, InvalidValue, KedgeError, NotFound, Unavailable

_STATUS = {NotFound: 404, InvalidValue: 422, Conflict: 409, Unavailable: 503}


def clock() -> datetime:
    return datetime.now(UTC)


def create_api(db: Database, keys: KeyRing, now: Callable[[], datetime] = clock) -> FastAPI:
    """The API on this control database; every route but the health check asks `keys` who is calling."""
    api = FastAPI(
        title="Kedge",
        version=__version__,
        summary="Model monitoring: what was predicted, what drifted, what was done about it.",
        docs_url="/docs",
        redoc_url=None,
    )
    api.state.db, api.state.keys, api.state.now = db, keys, now
    api.include_router(status.router)
    api.include_router(models.router)
    api.include_router(incidents.router)
    api.add_exception_handler(KedgeError, _answer_error)
    return api


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, AccessDenied):
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return JSONResponse({"error": str(error)}, error.status, headers)
    code = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    return JSONResponse({"error": str(error)}, status_code=code)
