"""The joiner: settles the halves of one inbox, step by step.

A step reads what can be settled, works out what becomes of it without touching the file, and writes the outcome:
records, refusals and the deletion of the halves are one transaction, so a call is settled once, whenever the process
dies. One process settles an inbox: the flusher, which holds it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from collectors.join_buffer import Due, read_due, write
from collectors.settlement import Settled, settle
from monitor.config import CollectorSettings


@dataclass(slots=True)
class JoinReport:
    """What steps did: calls joined, halves that stayed alone, records made of them, and what was refused."""

    joined: int = 0
    alone: int = 0
    records: int = 0
    refused: int = 0
    more: bool = False

    def add(self, part: JoinReport) -> None:
        self.joined += part.joined
        self.alone += part.alone
        self.records += part.records
        self.refused += part.refused
        self.more = part.more


class Joiner:
    """Settles the halves of one inbox, step by step. `writing` gives its connection, held and in a transaction."""

    def __init__(
        self, writing: Callable[[], AbstractContextManager[sqlite3.Connection]], settings: CollectorSettings
    ) -> None:
        self._writing = writing
        self._settings = settings

    def step(self, now: datetime) -> JoinReport:
        """Settle what can be settled, the oldest first. The inbox is held only while the file is read and written."""
        with self._writing() as connection:
            due = read_due(connection, now, self._settings)
        settled = settle(due.calls, now, self._settings)
        if due.through > due.since or due.late:
            with self._writing() as connection:
                write(connection, due, settled, now)
        return report_of(due, settled)

    def run(self, now: datetime, most_steps: int = 20) -> JoinReport:
        """Steps until nothing can be settled, or so many; `more` says which."""
        report = self.step(now)
        for _ in range(most_steps - 1):
            if not report.more:
                break
            report.add(self.step(now))
        return report


def report_of(due: Due, settled: Settled) -> JoinReport:
    return JoinReport(
        joined=len(due.pairs),
        alone=len(due.late),
        records=sum(batch.count for _, batch in settled.batches),
        refused=len(settled.refusals),
        more=due.more,
    )
