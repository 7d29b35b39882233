"""A join buffer that is killed: it takes halves in, says which are durable, and dies at a step of the joiner.

join_crash_program.py FOLDER ROUND read|settle|write CALL before|after|within
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collectors import join_buffer, joiner
from collectors.deliveries import Answer, Delivery
from collectors.inbox import Inbox
from collectors.joiner import Joiner
from collectors.wire import Half, Side, WirePrediction
from monitor.config import CollectorSettings
from monitor.lake import Kind

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SETTINGS = CollectorSettings(join_seconds=60)
STEPS = {"read": "read_due", "settle": "settle", "write": "write"}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(step: str, call: int, when: str) -> None:
    """Put a step in place that kills the process. `within` is between the inserts and the deletes of the write."""
    module, name = (join_buffer, "_insert") if when == "within" else (joiner, STEPS[step])
    work, calls = getattr(module, name), [0]

    def working(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == call and when == "before":
            die()
        result = work(*args)
        if calls[0] == call:
            die()
        return result

    setattr(module, name, working)


def half(side: Side, number: int) -> Half:
    row = WirePrediction(features={"n": number}) if side is Side.REQUEST else WirePrediction(prediction=number)
    return Half(
        key=f"c{number}", side=side, request_id=f"c{number}", model="m", time=NOW, rows=[row], alone="no response"
    )


def main(folder: Path, number_of_round: int) -> None:
    inbox = Inbox(folder / "inbox.sqlite", SETTINGS.inbox_max_bytes)
    joiner = Joiner(inbox.writing, SETTINGS)
    first, now = 1000 * number_of_round, NOW + timedelta(minutes=10 * number_of_round)
    while True:
        numbers = range(first, first + 10)
        # Of ten calls one stays without its response; some halves come in the delivery before or after their other one.
        halves = [half(Side.REQUEST, n) for n in numbers] + [half(Side.RESPONSE, n - 3) for n in numbers if n % 10]
        inbox.append(Delivery(now, "test", Kind.PREDICTIONS, Answer(202, b"{}"), halves=halves))
        print(*(f"{each.side}:{each.key}" for each in halves), flush=True)
        joiner.run(now)
        first, now = first + 10, now + timedelta(seconds=7)


if __name__ == "__main__":
    folder, number, step, call, when = sys.argv[1:]
    deadly(step, int(call), when)
    main(Path(folder), int(number))
