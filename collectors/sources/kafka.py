"""Kafka: the messages of topics, as one member of a consumer group.

Offsets are in the checkpoint, which is durable together with the records, and are committed to Kafka after that. A
member that died between the two goes on from its checkpoint, so the messages that Kafka sends again are not read again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from collectors.formats.reading import said
from collectors.sources.registry import Options, Piece, SourceContext
from monitor.config import resolve_secret
from monitor.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

log = logging.getLogger(__name__)

_COMMIT_SECONDS = 10.0


class KafkaOptions(Options):
    """Settings of a Kafka source."""

    brokers: str = Field(description="Addresses of brokers: host:port, several with commas.")
    topics: list[str] = Field(min_length=1, description="Topics; one that begins with ^ is a regular expression.")
    group: str = Field("kedge", description="Consumer group. Members of one group share its topics.")
    start: Literal["earliest", "latest"] = Field("earliest", description="Where a group without offsets begins.")
    batch: int = Field(500, ge=1, le=100_000, description="Most messages that become durable together.")
    batch_ms: int = Field(100, ge=1, le=60_000, description="Longest wait for so many messages.")
    config: dict[str, str] = Field(
        {}, description="librdkafka's own settings, such as sasl.password; env:NAME and file:PATH are looked up."
    )


class KafkaSource:
    """One consumer. It joins its group at the first read."""

    poll_seconds = 0.2

    def __init__(self, context: SourceContext) -> None:
        self._options: KafkaOptions = KafkaOptions.of(context)
        self._name = context.name
        self._consumer: Consumer | None = None
        self._position: dict[str, int] = {}
        self._committed: dict[str, int] = {}

    def read(self, position: Any) -> Iterator[Piece]:
        self._position = dict(position or {})
        consumer = self._consumer or self._join()
        for message in consumer.consume(self._options.batch, self._options.batch_ms / 1000):
            yield self._piece(message)

    def done(self, position: Any) -> None:
        """Commit the offsets. Should that fail, the checkpoint has them."""
        from confluent_kafka import KafkaException, TopicPartition

        moved = {place: offset for place, offset in position.items() if self._committed.get(place) != offset}
        offsets = [TopicPartition(*_place(place), offset) for place, offset in moved.items()]
        if self._consumer is None or not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._committed |= moved
        except KafkaException as error:
            log.warning("source %r: offsets were not committed: %s", self._name, said(error))

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _join(self) -> Consumer:
        from confluent_kafka import KafkaException

        self._consumer = _consumer(self._options)
        try:
            self._consumer.subscribe(self._options.topics, on_assign=self._assign)
        except KafkaException as error:
            raise Unavailable(f"topics {', '.join(self._options.topics)}: {said(error)}") from error
        return self._consumer

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin each partition where this source or the group has come to, whichever is further."""
        known = [each for each in partitions if f"{each.topic}/{each.partition}" in self._position]
        committed = consumer.committed(known, timeout=_COMMIT_SECONDS) if known else []
        offsets = {(each.topic, each.partition): each.offset for each in committed}
        for each in known:
            mine = self._position[f"{each.topic}/{each.partition}"]
            each.offset = max(mine, offsets.get((each.topic, each.partition), -1))
        consumer.assign(partitions)

    def _piece(self, message: Message) -> Piece:
        error = message.error()
        if error is not None:
            raise Unavailable(f"Kafka topic {message.topic() or ', '.join(self._options.topics)!r}: {error.str()}")
        topic, partition, offset = message.topic(), message.partition(), message.offset() or 0
        self._position = {**self._position, f"{topic}/{partition}": offset + 1}
        kind, at = message.timestamp()
        moment = datetime.fromtimestamp(at / 1000, UTC) if kind and at > 0 else None
        return Piece(message.value() or b"", self._position, path=topic or "", headers=_headers(message), at=moment)


def _consumer(options: KafkaOptions) -> Consumer:
    try:
        from confluent_kafka import Consumer, KafkaException
    except ImportError as error:
        raise ConfigError(f"source kind 'kafka' needs a library ({error}); try: pip install 'kedge[kafka]'") from None
    settings = {
        "bootstrap.servers": options.brokers,
        "group.id": options.group,
        "auto.offset.reset": options.start,
        **{name: resolve_secret(value) for name, value in options.config.items()},
        # Ours to do, after the records are durable.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }
    try:
        return Consumer(settings, logger=log)
    except KafkaException as error:
        raise ConfigError(f"Kafka settings are not usable: {said(error)}") from None


def _headers(message: Message) -> Mapping[str, str]:
    """The headers as text, names in lower case; the key is there as `kafka-key`."""
    sent: Any = message.headers() or []
    headers = {name.lower(): _text(value) for name, value in sent}
    key = message.key()
    return headers if key is None else {**headers, "kafka-key": _text(key)}


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def _place(place: str) -> tuple[str, int]:
    topic, _, partition = place.rpartition("/")
    return topic, int(partition)
