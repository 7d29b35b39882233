"""Pull sources: what reads logs that nobody sends. Ours and third parties' enter through one door, the entry points.

A third party announces its source in its package's entry points, group `kedge.sources`; the value is called with a
SourceContext and returns an object that satisfies `Source`. It raises ConfigError for settings it can't use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from collectors.formats import Log, LogFormat, find_format, format_names
from monitor.config import CollectorSettings, SourceSettings
from monitor.db.database import Database
from monitor.errors import ConfigError
from monitor.plugins import SOURCES


@dataclass(frozen=True, slots=True)
class Piece:
    """One body that a source has read, and where reading goes on after it.

    `position` (JSON types only) becomes durable together with the piece's records; `read` is called with it after a
    restart. `path`, `headers` and `at` are handed to the format. `log_format` names the format where the source knows
    it; None is what the settings say. `moment` is None, or how far the log is read, for `kedge sources list`. A piece
    without a body only moves the position on.
    """

    body: bytes
    position: Any
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    log_format: str | None = None
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is made of: its name in the settings, these, the collector's limits, a clock, and the database."""

    name: str
    settings: SourceSettings
    limits: CollectorSettings
    clock: Callable[[], datetime]
    db: Database | None = None

    def format_of(self, head: bytes, path: str) -> str:
        """The name of the settings' format; with `auto`, of the one that recognises the beginning of this log."""
        if self.settings.format != "auto":
            return self.settings.format
        model = self.settings.model or None
        mapping = self.limits.mapping_of(model)
        return recognise(Log(head, model=model, path=path, mapping=mapping)).name


class Source(Protocol):
    """One place logs are read from. A runner calls it from one thread, every `poll_seconds` when all is read.

    `read` yields what there is after `position` (None at first) and ends when there is no more now. It is called again
    after a pause. `done` is called with the position of the last piece that is durable; several may become so together.
    Errors are raised: the runner closes the source, makes a new one and goes on from the last durable position.
    """

    poll_seconds: float

    def read(self, position: Any) -> Iterator[Piece]: ...

    def done(self, position: Any) -> None: ...

    def close(self) -> None: ...


def make_source(context: SourceContext) -> Source:
    """The source that these settings describe. Raises ConfigError naming what is wrong."""
    make = SOURCES.load(context.settings.kind)
    source: Source = make(context)
    return source


@lru_cache
def _formats() -> tuple[LogFormat, ...]:
    return tuple(map(find_format, format_names()))


def recognise(log: Log) -> LogFormat:
    """The format that recognises the log, else Kedge's own JSON. Asked often, so the formats are looked up once."""
    return next((each for each in _formats() if each.sniff(log)), None) or find_format("json")


class Options(BaseModel):
    """Base of a source's own settings, which stand beside the common ones in its table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, context: SourceContext) -> Any:
        """Read from the source's settings. Raises ConfigError naming each setting that is wrong."""
        try:
            return cls(**context.settings.options)
        except ValidationError as error:
            problems = "; ".join(
                f"collector.sources.{context.name}.{'.'.join(map(str, each['loc'])) or '*'}: {_in_words(cls, each)}"
                for each in error.errors()
            )
            raise ConfigError(f"settings are not usable: {problems}") from None


def _in_words(options: type[Options], problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return f"there is no such setting; accepted: {', '.join([*SourceSettings.model_fields, *options.model_fields])}"
    message: str = problem["msg"]
    return message.removeprefix("Value error, ")
