"""The API as one FastAPI application, with errors answered in one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from monitor import __version__
from monitor.access import AccessDenied, KeyRing
from monitor.api import incidents, models, quarantine, status
from monitor.api.dependencies import ErrorAnswer
from monitor.config import Settings
from monitor.db.database import Database
from monitor.errors import Conflict, InvalidValue, KedgeError, NotFound, Unavailable

_STATUS = {NotFound: 404, InvalidValue: 422, Conflict: 409, Unavailable: 503}
_ERRORS = {
    401: "A valid API key is needed.",
    403: "The API key has another role.",
    404: "There is no such thing.",
    422: "A parameter is not usable.",
}


def clock() -> datetime:
    return datetime.now(UTC)


def create_api(
    db: Database, keys: KeyRing, now: Callable[[], datetime] = clock, settings: Settings | None = None
) -> FastAPI:
    """The API on this control database; every route but the health check asks `keys` who is calling.

    With `settings` it can say what a model that is new waits for.
    """
    api = FastAPI(
        title="Kedge",
        version=__version__,
        summary="Model monitoring: what was predicted, what drifted, what was done about it.",
        docs_url="/docs",
        redoc_url=None,
        responses={code: {"model": ErrorAnswer, "description": text} for code, text in _ERRORS.items()},
    )
    api.state.db, api.state.keys, api.state.now = db, keys, now
    api.state.replay = None
    api.state.baseline_rows = settings.monitoring.baseline_rows if settings else None
    api.state.settle = timedelta(seconds=settings.jobs.settle_seconds if settings else 0)
    api.include_router(status.router)
    api.include_router(models.router)
    api.include_router(incidents.router)
    api.include_router(quarantine.router)
    api.add_exception_handler(KedgeError, _answer_error)
    api.add_exception_handler(RequestValidationError, _answer_unusable)
    api.add_exception_handler(HTTPException, _answer_http)
    api.add_exception_handler(Exception, _answer_failure)
    return api


async def _answer_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, AccessDenied):
        return _error(error.status, str(error), {"WWW-Authenticate": "Bearer"} if error.status == 401 else None)
    return _error(next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500), str(error))


async def _answer_unusable(_request: Request, error: Exception) -> JSONResponse:
    problems = cast(RequestValidationError, error).errors()
    return _error(422, "; ".join(_problem(problem) for problem in problems))


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    known = cast(HTTPException, error)
    return _error(known.status_code, f"{known.detail}: {request.method} {request.url.path}", known.headers)


async def _answer_failure(_request: Request, error: Exception) -> JSONResponse:
    return _error(500, f"an unexpected {type(error).__name__}; the collector's log has the details")


def _problem(problem: Mapping[str, Any]) -> str:
    """One of pydantic's findings: the place, what was there, and what is accepted.

    >>> _problem({"loc": ("query", "limit"), "msg": "Input should be at least 1", "input": "0", "type": "ge"})
    "query.limit is '0': Input should be at least 1"
    """
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "value_error":  # one of ours, which names the value
        return f"{place}: {problem['ctx']['error']}"
    shown = "" if problem["type"] == "missing" else f" is {problem.get('input')!r:.100}"
    return f"{place}{shown}: {problem['msg']}"


def _error(code: int, text: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": text}, code, headers)
