"""How fast records are taken in durably, against the same server dropping them and against what a tutorial builds.

    python -m benchmarks.ingest [--minutes 5] [--rounds 11]

Records have 22 fields. The servers take turns, so that a slow moment of the machine hits all of them, and medians
count. Load generator and servers share the machine's cores. The last line is JSON:

durable_batch_ratio     records per second of batches of 1,000, durable, to the same decoded and dropped
durable_single_ratio    requests per second of one record over 64 connections, durable, to dropped
single_p99_ms           how long the slowest hundredth of those waited for their 202
fastapi_postgres_ratio  durable batches to FastAPI, pydantic and a bulk insert into PostgreSQL
sustained_ratio         the collector with its flusher writing the lake beside it, for minutes, to dropped
backlog_s               age of the oldest record that waited when that run ended
rss_mb                  most memory its processes held together
freshness_p95_s         from sending a record until the model's count of predictions includes it, at 20,000 per second
client_p50_us           what a prediction of 20 features costs the thread that logs it (see benchmarks.client)
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks import client
from benchmarks.ingest_load import RECORDS, requests
from benchmarks.ingest_sustained import measure_freshness, measure_sustained
from benchmarks.load import Outcome, drive

ROUNDS = 11
SECONDS = 2.0
BATCH_CONNECTIONS = 4
SINGLE_CONNECTIONS = 64
SUSTAINED = 0.302
"""The pace of the sustained run, as a share of `drop`."""
_MODES = {
    "drop": ("starlette", "msgspec", "uvicorn"),
    "durable": ("kedge",),
    "postgres": ("fastapi", "pydantic", "sqlalchemy", "psycopg"),
}


@contextmanager
def server(mode: str, folder: Path) -> Iterator[int]:
    """One of the servers of `ingest_server`, in a process of its own; gives its port."""
    command = [sys.executable, "-m", "benchmarks.ingest_server", mode, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


def measure(mode: str, records: int, connections: int, seconds: float) -> Outcome:
    """One round of one server, after a short one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="kedge-bench-") as folder, server(mode, Path(folder)) as port:
        make = requests(port, records)
        drive(port, make, connections=connections, seconds=0.3)
        return drive(port, make, connections=connections, seconds=seconds)


def bench(rounds: int = ROUNDS, seconds: float = SECONDS, minutes: float = 5.0) -> dict[str, object]:
    """Measure everything; prints a table and returns the figures."""
    batches: dict[str, list[Outcome]] = {mode: [] for mode in _MODES}
    singles: dict[str, list[Outcome]] = {mode: [] for mode in ("drop", "durable")}
    for _ in track(range(rounds), "batches and single records", console=Console(stderr=True), transient=True):
        for mode in _MODES:
            batches[mode].append(measure(mode, RECORDS, BATCH_CONNECTIONS, seconds))
        for mode in singles:
            singles[mode].append(measure(mode, 1, SINGLE_CONNECTIONS, seconds))
    rates = {mode: RECORDS * _median(outcomes) for mode, outcomes in batches.items()}
    single_rates = {mode: _median(outcomes) for mode, outcomes in singles.items()}
    _print(rates, single_rates, rounds)
    sustained = measure_sustained(SUSTAINED * rates["drop"], 60 * minutes)
    freshness = measure_freshness(20_000, 60.0)
    return {
        "bench": "ingest",
        "cores": os.cpu_count(),
        "rounds": rounds,
        "durable_batch_ratio": round(rates["durable"] / rates["drop"], 3),
        "durable_single_ratio": round(single_rates["durable"] / single_rates["drop"], 3),
        "single_p99_ms": round(statistics.median(each.latency_ms(0.99) for each in singles["durable"]), 1),
        "sustained_ratio": round(sustained.per_second / rates["drop"], 3),
        "sustained_seconds": round(60 * minutes),
        "fastapi_postgres_ratio": round(rates["durable"] / rates["postgres"], 1),
        "backlog_s": round(sustained.backlog_seconds, 1),
        "rss_mb": round(sustained.most_megabytes),
        "rss_mb_by_minute": [round(each) for each in sustained.megabytes_by_minute],
        "freshness_p95_s": round(freshness, 2),
        "client_p50_us": client.bench()["client_p50_us"],
        "batch_records_per_second": {mode: round(rate) for mode, rate in rates.items()},
        "single_requests_per_second": {mode: round(rate) for mode, rate in single_rates.items()},
    }


def _median(outcomes: list[Outcome]) -> float:
    return statistics.median(outcome.per_second for outcome in outcomes)


def _print(rates: dict[str, float], single_rates: dict[str, float], rounds: int) -> None:
    print(f"{os.cpu_count()} cores, medians of {rounds} rounds; every record has 22 fields")
    heads = ("server", "batches: records/s", "of drop", "single: requests/s", "of drop")
    print("{:<10} {:>20} {:>8} {:>20} {:>8}   versions".format(*heads))
    for mode, packages in _MODES.items():
        single = single_rates.get(mode)
        of_single = f"{single:>20,.0f} {single / single_rates['drop']:>8.2f}" if single else f"{'':>20} {'':>8}"
        versions = ", ".join(f"{name} {version(name)}" for name in packages)
        print(f"{mode:<10} {rates[mode]:>20,.0f} {rates[mode] / rates['drop']:>8.2f} {of_single}   {versions}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of one round")
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the sustained run")
    arguments = parser.parse_args()
    print(json.dumps(bench(arguments.rounds, arguments.seconds, arguments.minutes)))


if __name__ == "__main__":
    main()
