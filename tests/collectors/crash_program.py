"""A small collector that is killed: it sends itself records and says on standard output which were acknowledged.

    crash_program.py FOLDER DATABASE_URL ROUND [STEP CALL before|after]

With a STEP it kills itself at that step of the flusher, at its CALLth call, before or after the step's work.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collectors.collector import Collector, Request
from collectors.flusher import Flusher
from collectors.hand_over import HandOver
from collectors.inbox import Inbox
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.lake import Kind, Lake

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=3)
PER_REQUEST = 20


def event_time(number: int) -> datetime:
    return START + timedelta(minutes=number % 2000)


def deadly(step: str, call: int, when: str) -> type[HandOver]:
    """The steps, one of which kills the process."""
    calls = [0]

    class Deadly(HandOver):
        def __getattribute__(self, name: str) -> Any:
            method = super().__getattribute__(name)
            if name != step:
                return method

            def die(*args: Any) -> Any:
                calls[0] += 1
                result = method(*args) if when == "after" or calls[0] != call else None
                if calls[0] == call:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return die

    return Deadly


def main(folder: Path, url: str, number_of_round: int, steps: type[HandOver]) -> None:
    settings = CollectorSettings(flush_seconds=0.01)
    inbox = Inbox(folder / "inbox.sqlite", settings.inbox_max_bytes)
    collector = Collector(inbox, settings)
    flusher = Flusher(inbox, Lake(str(folder / "lake")), Database(url), settings, hand_over=steps)
    threading.Thread(target=flusher.run, args=(threading.Event(), lambda: NOW), daemon=True).start()
    first = 100_000 * number_of_round
    while True:
        ids = list(range(first, first + PER_REQUEST))
        repeated = [*ids[: PER_REQUEST // 2], max(first - 7, 0)]  # within this request, and from an earlier one
        predictions = [
            {"model": "m", "version": str(n % 3), "prediction_id": f"p{n}", "event_time": event_time(n).isoformat()}
            for n in ids + repeated
        ]
        labels = [{"model": "m", "prediction_id": f"p{n}", "label": n} for n in ids[::4]]
        for kind, sent in ((Kind.PREDICTIONS, predictions), (Kind.LABELS, labels)):
            request = Request(kind=kind, received_at=NOW, source="test")
            taken = collector.take(json.dumps([*sent, {"bad": first}]).encode(), request)
            inbox.append(taken.delivery)
            print(kind, *(record["prediction_id"] for record in sent), flush=True)
        first += PER_REQUEST


if __name__ == "__main__":
    folder, url, number, *fault = sys.argv[1:]
    main(Path(folder), url, int(number), deadly(fault[0], int(fault[1]), fault[2]) if fault else HandOver)
