"""Models, their metrics and their drift."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from monitor import queries
from monitor.api.dependencies import Db, Moment, Now, Reader, Text, WindowSize

router = APIRouter(prefix="/v1", tags=["models"])


@router.get("/models", summary="Every model, worst first")
def list_models(request: Request, db: Db, now: Now, _caller: Reader) -> list[queries.ModelRow]:
    return queries.overview(db, now, request.app.state.baseline_rows)


# Model names may hold slashes, so a name is the last part of its path.
@router.get("/metrics/{name:path}", summary="Values of metrics over time, with the expected bounds")
def read_metrics(
    name: Text,
    db: Db,
    _caller: Reader,
    metric: Annotated[list[Text], Query(description="one or more metric names, such as auc", max_length=50)],
    start: Annotated[Moment | None, Query(alias="from")] = None,
    end: Annotated[Moment | None, Query(alias="to")] = None,
    window: Annotated[WindowSize | None, Query(description="window size, such as 1h")] = None,
    column: Annotated[Text | None, Query(description="the feature, for metrics about one")] = None,
    segment: Annotated[Text, Query(description="all, or a segment such as region=eu")] = "all",
) -> list[queries.SeriesPoint]:
    return queries.series(db, name, metric, start, end, window, column, segment)


@router.get("/drift/{name:path}", summary="Every feature of the latest window (or the one at `window`), drifted first")
def read_drift(name: Text, db: Db, _caller: Reader, window: Moment | None = None) -> queries.DriftTable:
    return queries.drift_table(db, name, window)


@router.get("/monitors/{name:path}", summary="What the model is watched for, and each monitor's state")
def read_monitors(name: Text, db: Db, _caller: Reader) -> list[queries.MonitorRow]:
    return queries.monitors(db, name)


@router.get("/models/{name:path}", summary="One model: versions, schema, baselines, counts")
def read_model(name: Text, request: Request, db: Db, now: Now, _caller: Reader) -> queries.ModelSummary:
    known = request.app.state
    return queries.model_summary(db, name, now, known.baseline_rows, known.settle)
