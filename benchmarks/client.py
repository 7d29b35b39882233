"""What logging costs the endpoint: PredictionLogger.log in the serving thread, and the proxy on the way of a request.

    python -m benchmarks.client

`log` is timed call by call with 20 features, while the sender thread works: with a collector that takes everything,
and with one that is away, without and with a spool. The calls come in bursts with pauses, as requests do. The proxy is
timed against the same endpoint without it, one request at a time over a kept connection, in turns.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from collectors.client import PredictionLogger
from collectors.proxy.server import ProxySettings, run
from collectors.proxy.target import read_target

FEATURES = {f"num_{i}": i * 0.37 for i in range(15)} | {f"cat_{i}": f"v{i}" for i in range(5)}
CALLS = 20_000
BURST = 10
PAUSE = 0.001
REQUESTS = 1500
AWAY = "http://127.0.0.1:9"
ANSWER = b'{"predictions": [1]}'


def time_log(calls: int, url: str, spool_dir: str | None = None) -> list[float]:
    """Microseconds of each call of `log`, sorted."""
    took = []
    with PredictionLogger(url, "income", version="3", spool_dir=spool_dir) as logger:
        for number in range(calls):
            if number % BURST == 0:
                time.sleep(PAUSE)
            started = time.perf_counter_ns()
            logger.log(features=FEATURES, prediction=1, score=0.81, latency_ms=4.2, status_code=200)
            took.append((time.perf_counter_ns() - started) / 1000)
    return sorted(took)


async def endpoint(scope: Any, receive: Any, send: Any) -> None:
    """The fastest endpoint there is: whatever is asked, it answers the same."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def serve(what: str) -> None:
    """A process of the benchmark: `endpoint`, or the address of the endpoint that a proxy is to stand before."""
    if what == "endpoint":
        config = uvicorn.Config(endpoint, port=0, log_level="critical", access_log=False)
        listener = config.bind_socket()
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(config).run(sockets=[listener])
    else:
        settings = ProxySettings(target=read_target(what), port=0)
        run(settings, PredictionLogger(AWAY, "income"), on_ready=lambda port: print(port, flush=True))


@contextmanager
def process(what: str) -> Iterator[int]:
    """One of the two in a process of its own; its port."""
    command = [sys.executable, "-m", "benchmarks.client", "--serve", what]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert started.stdout is not None
    try:
        yield int(started.stdout.readline())
    finally:
        started.terminate()
        started.wait()


def time_requests(port: int, requests: int) -> list[float]:
    """Microseconds of each request, sorted."""
    body = json.dumps({"instances": [FEATURES]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for _ in range(requests):
        started = time.perf_counter_ns()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        if connection.getresponse().read() != ANSWER:
            raise RuntimeError("the answer is not the endpoint's")
        took.append((time.perf_counter_ns() - started) / 1000)
        time.sleep(PAUSE / 2)
    connection.close()
    return sorted(took)


def bench(calls: int = CALLS, requests: int = REQUESTS) -> dict[str, object]:
    """Measure both; prints a table and returns the numbers, in microseconds."""
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kedge-bench-") as folder:
        with process("endpoint") as port:  # which takes batches as well
            time_log(calls // 10, f"http://127.0.0.1:{port}")
            took["log, collector there"] = time_log(calls, f"http://127.0.0.1:{port}")
        took["log, collector away"] = time_log(calls, AWAY)
        took["log, away, with a spool"] = time_log(calls, AWAY, folder)
    with process("endpoint") as direct, process(f"http://127.0.0.1:{direct}") as proxied:
        rounds = [(time_requests(direct, requests), time_requests(proxied, requests)) for _ in range(3)]
    took["request, direct"] = sorted(each for pair in rounds for each in pair[0])
    took["request, through the proxy"] = sorted(each for pair in rounds for each in pair[1])
    print(f"{'microseconds':<28} {'p50':>8} {'p99':>8} {'max':>9}")
    for name, each in took.items():
        print(f"{name:<28} {at(each, 0.5):>8.1f} {at(each, 0.99):>8.1f} {each[-1]:>9.0f}")
    added = statistics.median(at(pair[1], 0.5) - at(pair[0], 0.5) for pair in rounds)
    return {
        "bench": "client",
        "features": len(FEATURES),
        "client_p50_us": round(at(took["log, collector there"], 0.5), 1),
        "client_p99_us": round(at(took["log, collector there"], 0.99), 1),
        "client_away_p50_us": round(at(took["log, away, with a spool"], 0.5), 1),
        "proxy_added_p50_us": round(added),
    }


def at(took: list[float], share: float) -> float:
    return took[int(len(took) * share)]


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        print(json.dumps(bench()))


if __name__ == "__main__":
    main()
