"""Taking in logs that are already there: `kedge ingest`."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from collectors.collector import Collector, Request
from collectors.formats import Decoded, Log, LogFormat
from collectors.inbox import Inbox
from monitor.app.files import choose_format
from monitor.app.log_files import OpenLog, goes_by_lines, log_files, open_log, pieces
from monitor.app.understanding import Understood, understand
from monitor.config import CollectorSettings, MappingSettings
from monitor.errors import InvalidValue
from monitor.lake import Kind


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    path: Path | None  # None is standard input
    kind: Kind
    mapping: MappingSettings
    model: str | None = None
    version: str | None = None
    format_name: str = "auto"


@dataclass(slots=True)
class Tally:
    """What came of it so far. `halves` of calls were taken and wait for their other side."""

    accepted: int = 0
    refused: int = 0
    skipped: int = 0
    halves: int = 0
    reason: str = ""
    formats: list[str] = field(default_factory=list)
    files: int = 0
    unrecognised: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of an ingest: a log was opened and `understood`, or a stretch of it was stored."""

    log: OpenLog
    log_format: LogFormat
    understood: Understood | None = None


class _AsWished:
    """The format with what the command line says on top, counting what it leaves out."""

    def __init__(self, log_format: LogFormat, mapping: MappingSettings, at: datetime) -> None:
        self._format, self._mapping, self._at = log_format, mapping, at
        self.name, self.title, self.media_types = log_format.name, log_format.title, log_format.media_types
        self.skipped = 0

    def sniff(self, log: Log) -> bool:
        return self._format.sniff(log)

    def decode(self, log: Log) -> Iterator[Decoded]:
        for decoded in self._format.decode(replace(log, mapping=self._mapping, at=self._at)):
            self.skipped += decoded.skipped
            yield decoded

    def example(self) -> Log:
        return self._format.example()


class Ingest:
    """One `kedge ingest`. `run` stores as it goes; each Step is durable when it is yielded. `tally` counts.

    `explain`: the first Step of each format says how its first record was understood.
    """

    def __init__(self, wish: Wish, settings: CollectorSettings, now: datetime, explain: bool = False) -> None:
        self.tally = Tally()
        self._wish, self._settings, self._now, self._explain = wish, settings, now, explain
        self._memory: dict[str, Any] = {}
        self._shown: set[str] = set()

    def run(self, inbox: Inbox) -> Iterator[Step]:
        """Read every log. Raises InvalidValue when no format recognises the one file, or any of a folder's."""
        collector = Collector(inbox, self._settings)
        for log, log_format in self._logs():
            yield self._opening(log, log_format)
            wished = _AsWished(log_format, self._wish.mapping, log.at)
            for piece in pieces(log, goes_by_lines(log_format, log.head)):
                for taken in collector.ingest(piece, self._request(log), wished):
                    self.tally.accepted += taken.accepted - len(taken.delivery.halves)
                    self.tally.halves += len(taken.delivery.halves)
                    self.tally.refused += taken.refused
                    if taken.delivery.refusals and not self.tally.reason:
                        self.tally.reason = taken.delivery.refusals[0].reason
                    yield Step(log, log_format)
            self.tally.skipped += wished.skipped

    def preview(self) -> Iterator[Step]:
        """How each kind of log would be understood; nothing is stored."""
        for log, log_format in self._logs():
            step = self._opening(log, log_format)
            if step.understood is not None:
                yield step

    def _logs(self) -> Iterator[tuple[OpenLog, LogFormat]]:
        wish = self._wish
        for path in [None] if wish.path is None else log_files(wish.path):
            log = open_log(path, self._now)
            try:
                if not log.head and wish.path != path:
                    continue  # empty files of a folder, such as marks of success
                log_format = self._recognised(log, alone=wish.path == path)
                if log_format is None:
                    self.tally.unrecognised.append(log.path)
                    continue
                self.tally.files += 1
                if log_format.name not in self.tally.formats:
                    self.tally.formats.append(log_format.name)
                yield log, log_format
            finally:
                if path is not None:
                    log.raw.close()
        if not self.tally.files:
            known = ", ".join(repr(name) for name in self.tally.unrecognised[:3]) or "no file with content"
            raise InvalidValue(
                f"no log format recognises what is in {str(wish.path)!r} ({known}); name one with --format"
            )

    def _recognised(self, log: OpenLog, alone: bool) -> LogFormat | None:
        wish = self._wish
        try:
            return choose_format(
                Log(log.head, wish.kind, wish.model, path=log.path, mapping=wish.mapping), wish.format_name
            )
        except InvalidValue:
            if alone:
                raise
            return None

    def _opening(self, log: OpenLog, log_format: LogFormat) -> Step:
        """What the first record of the first log of each format was understood as."""
        if not self._explain or log_format.name in self._shown:
            return Step(log, log_format)
        self._shown.add(log_format.name)
        wish = self._wish
        by_lines = goes_by_lines(log_format, log.head)
        body = log.head[: log.head.rfind(b"\n") + 1] or log.head if by_lines else _whole(log)
        first = Log(
            body,
            wish.kind,
            wish.model,
            path=log.path,
            at=log.at,
            mapping=wish.mapping,
            mappings=self._settings.mappings,
            memory=deepcopy(self._memory),
        )
        return Step(log, log_format, understand(log_format, first))

    def _request(self, log: OpenLog) -> Request:
        name = "-" if self._wish.path is None else Path(log.path).name
        wish = self._wish
        return Request(
            wish.kind, self._now, f"file:{name}", wish.model, wish.version, path=log.path, memory=self._memory
        )


def _whole(log: OpenLog) -> bytes:
    """All of a log that can only be read whole; it becomes the head, so that it is read once."""
    log.head += log.stream.read()
    return log.head
