"""Kafka, against the library's own mock cluster over real TCP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from monitor.errors import ConfigError
from tests.sources.conftest import MakeReading, Reading, line

confluent_kafka = pytest.importorskip("confluent_kafka", reason="pip install 'kedge[kafka]' to test Kafka")

Produce = Callable[..., None]


@pytest.fixture
def cluster() -> tuple[str, Produce]:
    """Addresses of a cluster, and how to produce to it; it ends with its producer."""
    producer = confluent_kafka.Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1})
    addresses = ",".join(f"{broker.host}:{broker.port}" for broker in producer.list_topics().brokers.values())

    def produce(topic: str, *values: bytes | None, **more: Any) -> None:
        for value in values:
            producer.produce(topic, value, **more)
        producer.flush()

    return addresses, produce


@pytest.fixture
def kafka(cluster: tuple[str, Produce], reading: MakeReading) -> Callable[..., Reading]:
    def build(**settings: Any) -> Reading:
        config = {"session.timeout.ms": "6000", "topic.metadata.refresh.interval.ms": "200"}
        topics = settings.pop("topics", ["churn"])
        return reading("kafka", brokers=cluster[0], topics=topics, batch_ms=50, config=config, **settings)

    return build


def read_until(source: Reading, count: int, seconds: float = 20) -> list[str]:
    """Read until so many records and refusals have come."""
    deadline = time.monotonic() + seconds
    while len(source.ids()) + len(source.refused()) < count and time.monotonic() < deadline:
        source.runner.read_available()
    return source.ids()


def test_messages_are_read_in_order_and_offsets_are_committed(
    cluster: tuple[str, Produce], kafka: Callable[..., Reading]
) -> None:
    cluster[1]("churn", line("a"), line("b"), partition=0)
    source = kafka()
    assert read_until(source, 2) == ["a", "b"]
    assert source.state().position == {"churn/0": 2}
    consumer = source.runner._source._consumer  # type: ignore[union-attr]
    (committed,) = consumer.committed([confluent_kafka.TopicPartition("churn", 0)], timeout=10)
    assert committed.offset == 2


def test_killed_between_inbox_and_offset_commit_nothing_is_read_twice(
    cluster: tuple[str, Produce], kafka: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster[1]("churn", line("a"), line("b"), partition=0)
    source = kafka()
    with monkeypatch.context() as patch:
        patch.setattr("collectors.sources.kafka.KafkaSource.done", lambda self, position: None)
        assert read_until(source, 2) == ["a", "b"]
    source.restart()
    cluster[1]("churn", line("c"), partition=0)
    assert read_until(source, 3) == ["a", "b", "c"]


def test_what_was_read_and_not_stored_is_read_again(
    cluster: tuple[str, Produce], kafka: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster[1]("churn", line("a"), partition=0)
    source = kafka()
    with monkeypatch.context() as patch:
        patch.setattr("collectors.sources.runner.SourceRunner._append", _dies)
        with pytest.raises(RuntimeError, match="killed"):
            read_until(source, 1)
    source.restart()
    assert read_until(source, 1) == ["a"]


def _dies(*_: Any) -> None:
    raise RuntimeError("killed before the commit")


def test_headers_key_topic_and_time_reach_the_format(
    cluster: tuple[str, Produce], kafka: Callable[..., Reading]
) -> None:
    headers = [("CE_Type", b"x"), ("traceparent", None)]
    cluster[1]("churn", line("a"), partition=0, key=b"k-1", headers=headers, timestamp=1_772_600_000_000)
    source = kafka()
    pieces: list[Any] = []
    deadline = time.monotonic() + 20
    while not pieces and time.monotonic() < deadline:
        pieces += source.runner._open().read(None)
    (piece,) = pieces
    assert piece.headers == {"ce_type": "x", "traceparent": "", "kafka-key": "k-1"}
    assert (piece.path, piece.at.timestamp()) == ("churn", 1_772_600_000)


def test_a_poisoned_message_goes_to_quarantine_and_blocks_nothing(
    cluster: tuple[str, Produce], kafka: Callable[..., Reading]
) -> None:
    cluster[1]("churn", b"\xff\x00 not json", None, line("a"), partition=0)
    source = kafka()
    assert read_until(source, 2) == ["a"]
    assert len(source.refused()) == 1
    assert source.state().position == {"churn/0": 3}


def test_two_members_share_the_partitions_and_take_over_from_each_other(
    cluster: tuple[str, Produce], kafka: Callable[..., Reading]
) -> None:
    first, second = kafka(), kafka()
    for partition in range(4):
        cluster[1]("churn", line(f"a{partition}"), partition=partition)
    read_until(first, 4)
    deadline = time.monotonic() + 40
    for _ in range(20):  # let the second one join
        first.runner.read_available(), second.runner.read_available()
    for number in range(20):
        cluster[1]("churn", line(f"b{number}"), partition=number % 4)
    while len(first.ids() + second.ids()) < 24 and time.monotonic() < deadline:
        first.runner.read_available(), second.runner.read_available()
    ids = [*first.ids(), *second.ids()]
    assert sorted(ids) == sorted([f"a{n}" for n in range(4)] + [f"b{n}" for n in range(20)])
    first.close()
    for number in range(8):
        cluster[1]("churn", line(f"c{number}"), partition=number % 4)
    taken_over = {f"c{number}" for number in range(8)}
    while not taken_over <= set(second.ids()) and time.monotonic() < deadline:
        second.runner.read_available()
    assert taken_over <= set(second.ids())
    assert len(second.ids()) == len(set(second.ids()))


def test_a_thousand_messages_share_a_few_commits(cluster: tuple[str, Produce], kafka: Callable[..., Reading]) -> None:
    cluster[1]("churn", *(line(f"p{number}") for number in range(1000)), partition=0)
    source = kafka()
    assert len(read_until(source, 1000)) == 1000


def test_settings_that_are_wrong_are_named(reading: MakeReading) -> None:
    with pytest.raises(ConfigError, match=r"topics: List should have at least 1 item"):
        reading("kafka", brokers="x:1", topics=[]).read()
    with pytest.raises(ConfigError, match=r"Kafka settings are not usable: .*No such configuration property"):
        reading("kafka", brokers="x:1", topics=["t"], config={"nope": "1"}).read()
