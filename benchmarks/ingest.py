"""How much durability costs: batches over real HTTP, stored durably, against the same server decoding and dropping.

    python -m benchmarks.ingest

Every request is a batch of 1,000 new records of 22 fields. `drop` decodes it into the same typed records and forgets
them: the ceiling. `durable` is the collector: validated, packed, fsynced, then acknowledged. `flushing` is the
collector with its flusher writing to the lake at the same time, in the same process. The modes take turns, so that a
slow moment of the machine hits all of them; the median round counts. Client and server share the machine's cores.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from collectors.collector import Collector
from collectors.flusher import Flusher
from collectors.inbox import Inbox
from collectors.sources.http import routes
from collectors.wire import WirePrediction
from monitor.access import KeyRing
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.lake import Lake

RECORDS = 1000
CONNECTIONS = 4
ROUNDS = 3
SECONDS = 2.0
_MARK = b"########"
MODES = ("drop", "durable", "flushing")


def batch() -> bytes:
    """One batch of predictions, 8 fields of the record and 14 features each; `_MARK` stands in their ids."""
    start = datetime.now(UTC)
    return msgspec.json.encode(
        [
            {
                "model": "income",
                "version": "3",
                "prediction_id": f"{_MARK.decode()}-{i}",
                "event_time": start - timedelta(milliseconds=i),
                "features": {f"num_{k}": i * 0.37 + k for k in range(10)} | {f"cat_{k}": f"v{i % 7}" for k in range(4)},
                "prediction": i % 2,
                "score": i / RECORDS,
                "latency_ms": 12.5,
                "status_code": 200,
            }
            for i in range(RECORDS)
        ]
    )


def serve(mode: str, folder: Path) -> None:
    """The server process: says its port on standard output, then runs until its standard input is closed."""
    stop = threading.Event()
    flushing = threading.Thread(target=lambda: None)
    if mode == "drop":
        app_routes = [Route("/v1/predictions", _decode_and_drop, methods=["POST"])]
    else:
        settings = CollectorSettings()
        db = Database(f"sqlite:///{folder / 'control.sqlite'}")
        db.upgrade()
        inbox = Inbox(folder / "inbox.sqlite", settings.inbox_max_bytes)
        app_routes = routes(Collector(inbox, settings), KeyRing(db), lambda: datetime.now(UTC))
        if mode == "flushing":
            flusher = Flusher(inbox, Lake(str(folder / "lake")), db, settings)
            flushing = threading.Thread(target=flusher.run, args=(stop, lambda: datetime.now(UTC)))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=app_routes), log_level="warning", access_log=False))
    print(listener.getsockname()[1], flush=True)
    flushing.start()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    server.run(sockets=[listener])
    stop.set()
    flushing.join()


_DECODER = msgspec.json.Decoder(list[WirePrediction])


async def _decode_and_drop(request: Request) -> Response:
    records = _DECODER.decode(await request.body())
    return Response(msgspec.json.encode({"accepted": len(records)}), 202, media_type="application/json")


@contextmanager
def server(mode: str, folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve", mode, "--folder", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def send(port: int, template: bytes, seconds: float) -> float:
    """Send batches over several connections for a while; records per second that were acknowledged."""
    accepted = [0] * CONNECTIONS
    numbers = itertools.count(time.time_ns() % 10**7)
    end = time.perf_counter() + seconds

    def sender(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while time.perf_counter() < end:
            body = template.replace(_MARK, b"%08d" % next(numbers))
            connection.request("POST", "/v1/predictions", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            accepted[number] += json.loads(answer.read())["accepted"]
        connection.close()

    started = time.perf_counter()
    senders = [threading.Thread(target=sender, args=(number,)) for number in range(CONNECTIONS)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    return sum(accepted) / (time.perf_counter() - started)


def bench(seconds: float = SECONDS, rounds: int = ROUNDS) -> dict[str, object]:
    """Measure all modes in turns; prints a table and returns the numbers."""
    template = batch()
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(rounds):
        for mode in MODES:
            with tempfile.TemporaryDirectory(prefix="kedge-bench-") as folder, server(mode, Path(folder)) as port:
                send(port, template, 0.3)
                rates[mode].append(send(port, template, seconds))
    medians = {mode: statistics.median(rates[mode]) for mode in MODES}
    print(f"{'mode':<10} {'records/s':>12} {'of drop':>8}   rounds")
    for mode, rate in medians.items():
        each = ", ".join(f"{value:,.0f}" for value in rates[mode])
        print(f"{mode:<10} {rate:>12,.0f} {rate / medians['drop']:>8.2f}   {each}")
    return {
        "bench": "ingest",
        "records_per_batch": RECORDS,
        "fields": 22,
        "bytes_per_batch": len(template),
        **{f"{mode}_records_per_second": round(rate) for mode, rate in medians.items()},
        "ratio": round(medians["durable"] / medians["drop"], 3),
        "ratio_flushing": round(medians["flushing"] / medians["drop"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--serve", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of one round")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.folder)
    else:
        print(json.dumps(bench(arguments.seconds)))


if __name__ == "__main__":
    main()
