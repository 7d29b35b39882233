"""Models, their metrics and their drift."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from monitor import queries
from monitor.api.dependencies import Db, Now, Reader
from monitor.errors import InvalidValue
from monitor.windows import parse_size

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="Every model, worst first")
def list_models(db: Db, now: Now, _caller: Reader) -> list[queries.ModelRow]:
    return queries.overview(db, now)


# Model names may hold slashes, so the parts that follow a name come first in the path.
@router.get("/metrics/{name:path}", summary="Values of metrics over time, with the expected bounds")
def read_metrics(
    name: str,
    db: Db,
    _caller: Reader,
    metric: Annotated[list[str], Query(description="one or more metric names, such as auc")],
    start: Annotated[datetime | None, Query(alias="from")] = None,
    end: Annotated[datetime | None, Query(alias="to")] = None,
    window: Annotated[str | None, Query(description="window size, such as 1h")] = None,
    column: Annotated[str | None, Query(description="the feature, for metrics about one")] = None,
) -> list[queries.SeriesPoint]:
    for moment in (start, end):
        if moment is not None and moment.tzinfo is None:
            raise InvalidValue(f"time {moment.isoformat()!r} has no zone; write it as 2026-03-04T12:00:00Z")
    size = parse_size(window) if window else None
    return queries.series(db, name, metric, start, end, size, column)


@router.get("/drift/{name:path}", summary="Every feature of the latest window (or the one at `window`), drifted first")
def read_drift(name: str, db: Db, _caller: Reader, window: datetime | None = None) -> queries.DriftTable:
    return queries.drift_table(db, name, window)


@router.get("/monitors/{name:path}", summary="What the model is watched for, and each monitor's state")
def read_monitors(name: str, db: Db, _caller: Reader) -> list[queries.MonitorRow]:
    return queries.monitors(db, name)


@router.get("/{name:path}", summary="One model: versions, schema, baselines, counts")
def read_model(name: str, db: Db, now: Now, _caller: Reader) -> queries.ModelSummary:
    return queries.model_summary(db, name, now)
