"""kill -9 of the collector and of its children at random moments, under load: nothing acknowledged is lost or doubled.

`make test-kill` runs the long version too. The figures are printed at the end (`-s` shows them).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil
import pytest
from deltalake import DeltaTable
from sqlalchemy import select

from monitor.app.stores import open_stores
from monitor.config import load_settings
from monitor.db.models import QuarantineRow
from monitor.jobs import Stores
from monitor.lake import Kind
from monitor.queries import model_summary

from . import shipments
from .conftest import KEDGE, Run, Start, wait_until
from .shipments import EXPORTED, MODEL, OTHER, SERVICE, TAIL, Shipment

pytestmark = pytest.mark.e2e

SEED = 20261120
APART = 10**7  # the numbers of two senders never meet
ROUNDS = [pytest.param(5, id="5-rounds"), pytest.param(50, id="50-rounds", marks=[pytest.mark.slow])]
MARKER = re.compile(r"bad-[a-z]+-\d+")
SETTINGS = """
[collector]
flush_seconds = 0.1

[collector.sources.tail]
kind = "files"
path = "tail.jsonl"
format = "json"
poll_seconds = 0.05
"""
Traffic = Callable[[Random, int, threading.Event], Iterator[Shipment]]


class Sender(threading.Thread):
    """Sends one shipment after the other, each until it is acknowledged, and some of them once more."""

    def __init__(self, traffic: Traffic, place: int, port: int) -> None:
        super().__init__(name=traffic.__name__)
        self.acknowledged: list[Shipment] = []
        self.retries, self.wrong = 0, [""] * 0
        self._random, self._stop_it = Random(SEED + place), threading.Event()
        self._traffic = traffic(Random(SEED - place), place * APART + 1, self._stop_it)
        self._http = connect(port)
        self.start()

    def run(self) -> None:
        for shipment in self._traffic:
            first = self._deliver(shipment)
            if first.status_code != shipment.status or len(first.json().get("refused", ())) != len(shipment.bad):
                self.wrong.append(f"{first.status_code} {first.text} to {shipment.body!r}")
            self.acknowledged.append(shipment)
            if self._random.random() < 0.1:
                self._repeat(shipment, first)
            time.sleep(0.002)

    def _repeat(self, shipment: Shipment, first: httpx.Response) -> None:
        again = self._deliver(shipment)
        known = shipment.key is None or again.headers.get("Idempotency-Replayed") == "true"
        if not known or (again.status_code, again.content) != (first.status_code, first.content):
            self.wrong.append(f"{again.status_code} {again.text} to the repeat of {shipment.body!r}")

    def _deliver(self, shipment: Shipment) -> httpx.Response:
        while True:
            try:
                answer = self._http.post(shipment.path, content=shipment.body, headers=shipment.headers)
                if answer.status_code not in (429, 503):
                    return answer
            except httpx.TransportError:
                pass
            self.retries += 1
            time.sleep(0.02)

    def end(self) -> None:
        self._stop_it.set()
        self.join(60)
        assert not self.is_alive(), f"{self.name}: what is under way is not acknowledged within 60 s"
        self._http.close()


class Endpoint(threading.Thread):
    """Appends lines without ids to a log, in two parts each; some of them are no records."""

    def __init__(self, log: Path) -> None:
        super().__init__(name="endpoint")
        self.numbers, self.bad = list[int](), set[str]()
        self._log, self._random, self._stop_it = log, Random(SEED), threading.Event()
        self.start()

    def run(self) -> None:
        with self._log.open("a") as log:
            for number in range(10**6):
                line = json.dumps(shipments.prediction(number, None, TAIL))
                if self._random.random() < 0.02:
                    line = f"bad-tail-{number}"
                    self.bad.add(line)
                else:
                    self.numbers.append(number)
                middle = self._random.randint(0, len(line))
                for part in (line[:middle], line[middle:] + "\n"):
                    log.write(part)
                    log.flush()
                if self._stop_it.wait(0.002):
                    return

    def end(self) -> None:
        self._stop_it.set()
        self.join(10)


class Site:
    """`kedge collect` in a folder of its own, killed and started again."""

    def __init__(self, folder: Path, port: int, start: Start) -> None:
        self.folder, self.data, self._port, self._start = folder, folder / "data", port, start
        (folder / "kedge.toml").write_text(SETTINGS)
        self.tail = folder / "tail.jsonl"
        self.tail.touch()

    def up(self) -> Run:
        run = self._start("collect", "--data", self.data, "--port", self._port)
        with connect(self._port) as api:
            wait_until(lambda: run.process.poll() is not None or _answers(api), "the collector to answer")
        assert run.process.poll() is None, run.said
        return run

    def kill(self, run: Run, victim: str) -> bool:
        """kill -9; False when there is none now, because the supervisor has not started it again."""
        if victim == "everything":
            return bool(run.kill())
        found = [run.process] if victim == "collector" else [p for p in run.processes() if _command(p) == victim]
        for each in found:
            os.kill(each.pid, signal.SIGKILL)
        if victim == "collector":
            run.process.wait(20)
        return bool(found)

    def kedge(self, *arguments: str, **environment: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KEDGE_")}
        environment = {**inherited, **environment, "KEDGE_DATA_DIR": str(self.data)}
        done = subprocess.run([*KEDGE, *arguments], cwd=self.folder, env=environment, capture_output=True, check=True)
        return done.stdout.decode()

    def drain(self) -> None:
        """Read the log to its end, settle calls that were never answered, and empty the inbox."""

        def is_empty() -> bool:
            self.kedge("pull", "--once", KEDGE_COLLECTOR__JOIN_SECONDS="0.001")
            with closing(sqlite3.connect(f"file:{self.data / 'inbox.sqlite'}?mode=ro", uri=True)) as inbox:
                tables = ("inbox", "halves", "quarantine")
                waiting = [inbox.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
            return waiting == [0, 0, 0]

        wait_until(is_empty, "the inbox to be empty")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", ROUNDS)
def test_what_was_acknowledged_is_stored_once_however_often_and_whoever_is_killed(
    rounds: int, start: Start, tmp_path: Path, ports: tuple[int, int]
) -> None:
    random, (port, _) = Random(SEED + rounds), ports
    site = Site(tmp_path, port, start)
    site.kedge("pull", "--once")  # what a log holds before the first look may be history
    run = site.up()
    s = shipments
    traffics = (s.singles, s.batches, s.lines, s.labels, s.halves, s.exports)
    senders = [Sender(traffic, place, port) for place, traffic in enumerate(traffics, 1)]
    endpoint = Endpoint(site.tail)
    killed: Counter[str] = Counter()
    try:
        for victim in victims(random, rounds):
            before = len(senders[0].acknowledged)
            wait_until(lambda before=before: len(senders[0].acknowledged) > before + 20, "acknowledgements")
            time.sleep(random.uniform(0, 2))
            wait_until(lambda run=run, victim=victim: site.kill(run, victim), f"{victim} to be there", pause=0.01)
            killed[victim] += 1
            if victim in ("collector", "everything"):
                run = site.up()
    finally:
        for each in (endpoint, *senders):
            each.end()
    assert run.end(signal.SIGTERM, 60) == 0
    assert run.processes() == []
    site.drain()
    assert [wrong for sender in senders for wrong in sender.wrong] == []
    figures = check(site, senders, endpoint)
    print(f"\n{rounds} rounds {dict(killed)}, {sum(s.retries for s in senders)} retries, {figures}")


def victims(random: Random, rounds: int) -> Iterator[str]:
    """Each in turn, in an order of chance."""
    for start in range(0, rounds, 5):
        some = ["collector", "flush", "pull", "everything", "collector"]
        random.shuffle(some)
        yield from some[: rounds - start]


def check(site: Site, senders: list[Sender], endpoint: Endpoint) -> dict[str, int]:
    """What is stored is what was acknowledged, each once, and nothing else; the counters say the same."""
    sent = [shipment for sender in senders for shipment in sender.acknowledged]
    ids: dict[int, str | None] = {n: name for s in sent for n, name in s.stored.items()}
    unanswered = {-n for n in ids if n < 0}
    ids = {abs(n): name for n, name in ids.items()}
    stores = open_stores(load_settings(data_dir=site.data))
    rows = {model: predictions(stores, model) for model in (MODEL, OTHER, SERVICE, EXPORTED, TAIL)}
    assert_once([row["n"] for row in rows.pop(TAIL)], endpoint.numbers, "lines of the log")
    stored = [row for some in rows.values() for row in some]
    assert_once([row["n"] for row in stored], ids, "predictions")
    assert_once([row["id"] for row in stored], {row["id"] for row in stored}, "prediction ids")
    for row in stored:
        number = int(row["n"])
        assert row["id"] == (ids[number] or row["id"]), row
        if number in unanswered:
            assert row["value"] is None, row
            assert row["error"], row
        else:
            assert (row["value"], row["error"]) == (2 * number, None), row  # the two halves of one call

    labels = DeltaTable(stores.lake.uri(MODEL, Kind.LABELS)).to_pyarrow_table().to_pylist()
    expected = {name: value for s in sent for name, value in s.labels.items()}
    assert_once([row["prediction_id"] for row in labels], expected, "labels")
    assert all(row["label_value"] == expected[row["prediction_id"]] for row in labels)

    refused = Counter(quarantined(stores))
    once = endpoint.bad | {marker for s in sent if s.key for marker in s.bad}
    assert refused.keys() == once | {marker for s in sent for marker in s.bad}
    assert {marker: refused[marker] for marker in once if refused[marker] != 1} == {}

    for model, count in ((TAIL, len(endpoint.numbers)), *((model, len(some)) for model, some in rows.items())):
        summary = model_summary(stores.db, model, datetime.now(UTC))
        assert (summary.predictions, sum(version.predictions for version in summary.versions)) == (count, count)
        assert summary.labels == (len(expected) if model == MODEL else 0)
    stores.db.close()
    return {
        "acknowledged": len(ids), "stored": len(stored), "calls without answer": len(unanswered), "labels": len(labels),
        "lines": len(endpoint.numbers), "refused": len(refused), "requests": len(sent),
    }  # fmt: skip


def predictions(stores: Stores, model: str) -> list[dict[str, Any]]:
    table = DeltaTable(stores.lake.uri(model, Kind.PREDICTIONS)).to_pyarrow_table()
    (feature,) = (name for name in table.column_names if name.endswith("_n"))
    columns = {"id": "prediction_id", "n": feature, "value": "prediction_value", "error": "error"}
    rows = zip(*(table[column].to_pylist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def quarantined(stores: Stores) -> list[str]:
    """The marker of each refused record, which stands alone: its neighbours are no part of it."""
    with stores.db.reading() as session:
        payloads = session.scalars(select(QuarantineRow.payload)).all()
    assert [payload for payload in payloads if b"\n" in payload.strip()] == []
    return [match[0] if (match := MARKER.search(payload.decode())) else payload.decode() for payload in payloads]


def assert_once(stored: list[Any], expected: Any, what: str) -> None:
    counts, expected = Counter(stored), set(expected)
    assert sorted(expected - counts.keys())[:20] == [], f"lost {what}"
    assert sorted(counts.keys() - expected)[:20] == [], f"unknown {what}"
    assert {each: count for each, count in counts.items() if count > 1} == {}, f"doubled {what}"


def connect(port: int) -> httpx.Client:
    """Without a key: as long as there is none, this machine may send."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False)


def _answers(api: httpx.Client) -> bool:
    try:
        return api.get("/v1/status").status_code == 200
    except httpx.TransportError:
        return False


def _command(process: psutil.Process) -> str:
    """What a process was started for: `pull`, or the last part of its module's name."""
    try:
        return process.cmdline()[-1].rpartition(".")[2]
    except psutil.Error:
        return ""
