from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collectors.client import PredictionLogger

from .conftest import LoopbackCollector

NewLogger = Callable[..., PredictionLogger]


def accounted_for(logger: PredictionLogger) -> int:
    stats = logger.stats
    return stats.queued + stats.spooled + stats.acknowledged + sum(stats.dropped.values())


def test_a_record_arrives_as_it_was_logged(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger(version="7", api_key="key-1")
    moment = datetime(2026, 3, 4, 12, tzinfo=UTC)
    given = logger.log(
        features={"age": 31, "city": "Bern", "income": None, "member": True},
        prediction="stay",
        prediction_id="p1",
        score=0.8,
        scores={"stay": 0.8, "go": 0.2},
        latency_ms=3.5,
        status_code=200,
        tags={"country": "CH"},
        entity_id="user-9",
        event_time=moment,
    )
    assert given == "p1"
    assert logger.flush(10)
    assert collector.stored() == [
        {
            "model": "late",
            "version": "7",
            "prediction_id": "p1",
            "event_time": "2026-03-04T12:00:00Z",
            "features": {"age": 31, "city": "Bern", "income": None, "member": True},
            "prediction": "stay",
            "score": 0.8,
            "scores": {"stay": 0.8, "go": 0.2},
            "latency_ms": 3.5,
            "status_code": 200,
            "tags": {"country": "CH"},
            "entity_id": "user-9",
        }
    ]
    assert collector.requests[0]["headers"]["authorization"] == "Bearer key-1"


def test_what_is_left_out_gets_an_id_the_clocks_time_and_no_key(
    collector: LoopbackCollector, new_logger: NewLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEDGE_API_KEY", raising=False)
    logger = new_logger()
    before = time.time()
    first, second = logger.log(features={"a": 1}, prediction=0), logger.log(features={"a": 1}, prediction=1)
    assert logger.flush(10)
    assert first != second
    assert collector.stored_ids() == [first, second]
    assert before <= collector.stored()[0]["event_time"] <= time.time()
    assert set(collector.stored()[0]) == {"model", "prediction_id", "event_time", "features", "prediction"}
    assert "authorization" not in collector.requests[0]["headers"]


def test_the_key_may_come_from_the_environment(
    collector: LoopbackCollector, new_logger: NewLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEDGE_API_KEY", "from-env")
    logger = new_logger()
    logger.log(prediction=1)
    assert logger.flush(10)
    assert collector.requests[0]["headers"]["authorization"] == "Bearer from-env"


def test_labels_go_to_their_own_address(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()
    logger.log_label("p1", 1, label_time=datetime(2026, 3, 4))  # noqa: DTZ001 - a time without a zone is UTC
    assert logger.flush(10)
    assert collector.stored("labels") == [
        {"model": "late", "prediction_id": "p1", "label": 1, "label_time": "2026-03-04T00:00:00Z"}
    ]


def test_numpy_values_become_plain_ones_and_nan_becomes_null(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger()
    features = {"f64": np.float64(1.5), "f32": np.float32(2), "i": np.int64(3), "b": np.bool_(True), "nan": np.nan}
    logger.log(features=features, prediction=np.int64(1), score=np.float32(0.5))
    assert logger.flush(10)
    assert collector.stored()[0]["features"] == {"f64": 1.5, "f32": 2.0, "i": 3, "b": True, "nan": None}
    assert (collector.stored()[0]["prediction"], collector.stored()[0]["score"]) == (1, 0.5)


def test_what_is_changed_after_log_is_logged_as_it_was(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()
    features = {"a": 1}
    logger.log(features=features, prediction=1)
    features["a"] = 2
    assert logger.flush(10)
    assert collector.stored()[0]["features"] == {"a": 1}


def test_a_value_that_is_not_loggable_is_counted_and_never_raised(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger()
    logger.log(features={"a": object()}, prediction=1)
    logger.log(features={"a": "x" * 2**21}, prediction=1)
    logger.log(features={"a": 1}, prediction=1, prediction_id="good")
    assert logger.flush(10)
    assert collector.stored_ids() == ["good"]
    assert sorted(reason[:13] for reason in logger.stats.dropped) == ["not encodable", "record larger"]
    assert accounted_for(logger) == logger.stats.logged == 3


def test_records_travel_in_batches_of_bounded_size_and_in_order(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger(batch_seconds=60)
    collector.hold.clear()
    ids = [logger.log(features={"a": i}, prediction=1) for i in range(2500)]
    collector.hold.set()
    assert logger.flush(10)
    assert max(len(request["records"]) for request in collector.requests) == 1000
    assert collector.stored_ids() == ids
    assert collector.requests[0]["headers"]["content-encoding"] == "gzip"
    assert logger.stats.sent == logger.stats.acknowledged == 2500


def test_a_lone_record_leaves_by_itself_and_is_not_zipped(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    new_logger().log(features={"a": 1}, prediction=1)
    collector.wait_for(lambda: collector.requests)
    assert "content-encoding" not in collector.requests[0]["headers"]


def test_503_is_retried_with_the_same_key_after_the_time_it_asked_for(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger()
    collector.answers = [(503, {"Retry-After": "1"}, {}), (429, {}, {}), (408, {}, {})]
    started = time.monotonic()
    logger.log(features={"a": 1}, prediction=1, prediction_id="p1")
    assert logger.flush(10)
    assert time.monotonic() - started >= 1.0
    assert len({request["headers"]["idempotency-key"] for request in collector.requests}) == 1
    assert [request["status"] for request in collector.requests] == [503, 429, 408, 202]
    assert (logger.stats.acknowledged, logger.stats.retries, logger.stats.dropped) == (1, 3, {})


def test_different_batches_have_different_keys(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()
    for _ in range(2):
        logger.log(features={"a": 1}, prediction=1)
        assert logger.flush(10)
    assert len({request["headers"]["idempotency-key"] for request in collector.requests}) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 413, 302])
def test_an_answer_that_will_not_change_drops_the_batch_and_says_so(
    collector: LoopbackCollector, new_logger: NewLogger, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    logger = new_logger()
    collector.answers = [(status, {}, {"detail": "no"})]
    with caplog.at_level(logging.WARNING, "kedge.client"):
        logger.log(features={"a": 1}, prediction=1)
        assert logger.flush(10)
    assert logger.stats.dropped == {f"http {status}": 1}
    assert f"http {status}" in caplog.text
    logger.log(features={"a": 1}, prediction=1, prediction_id="next")
    assert logger.flush(10)
    assert collector.stored_ids() == ["next"]


def test_refused_records_are_counted_under_the_collectors_reason(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger(batch_seconds=60)
    refused = [{"index": 0, "reason": "event_time lies ahead"}, {"index": 2, "reason": "event_time lies ahead"}]
    collector.answers = [
        (202, {}, {"accepted": 1, "refused": refused}),
        (422, {}, {"accepted": 0, "refused": [{"index": 0, "reason": "model name"}]}),
    ]
    for _ in range(3):
        logger.log(prediction=1)
    assert logger.flush(10)
    logger.log(prediction=1)
    assert logger.flush(10)
    assert logger.stats.dropped == {"refused: event_time lies ahead": 2, "refused: model name": 1}
    assert (logger.stats.sent, logger.stats.acknowledged) == (4, 1)


def test_without_a_spool_an_outage_drops_the_oldest_and_memory_stays_bounded(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    collector.stop()
    logger = new_logger(queue_records=100, batch_records=10)
    ids = [logger.log(features={"a": i}, prediction=1) for i in range(1000)]
    assert logger.stats.queued <= 110
    assert logger.stats.dropped["queue full"] >= 890
    assert accounted_for(logger) == 1000
    collector.start()
    assert logger.flush(10)
    assert collector.stored_ids()[-100:] == ids[-100:]
    assert accounted_for(logger) == 1000


def test_the_queue_is_bounded_in_bytes_too(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    collector.stop()
    logger = new_logger(queue_bytes=100_000, batch_records=1)
    for _ in range(100):
        logger.log(features={"text": "x" * 10_000}, prediction=1)
    assert logger.stats.queued <= 11
    assert accounted_for(logger) == 100


def test_a_slow_collector_does_not_slow_the_endpoint_down(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()
    collector.hold.clear()
    logger.log(prediction=1)
    collector.wait_for(lambda: collector.requests)
    started = time.perf_counter()
    for _ in range(1000):
        logger.log(features={"a": 1, "b": "x"}, prediction=1)
    assert time.perf_counter() - started < 1.0
    collector.hold.set()
    assert logger.flush(10)
    assert logger.stats.acknowledged == 1001


def test_logging_is_cheap(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()
    features = {f"f{i}": float(i) for i in range(15)}
    logger.log(features=features, prediction=1)
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(1000):
            logger.log(features=features, prediction=1, score=0.5, latency_ms=1.0)
        rounds.append((time.perf_counter() - started) / 1000)
    assert min(rounds) < 200e-6  # about 10 µs on an idle machine


def test_flush_says_when_it_did_not_get_everything_through(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    collector.stop()
    logger = new_logger()
    assert logger.flush(5)
    logger.log(prediction=1)
    assert not logger.flush(0.1)
    assert "ConnectError" in logger.stats.last_error


def test_close_sends_what_waits_and_later_records_are_counted(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger(batch_seconds=60)
    logger.log(prediction=1, prediction_id="p1")
    logger.close(timeout=10)
    logger.log(prediction=1, prediction_id="p2")
    logger.close()
    assert collector.stored_ids() == ["p1"]
    assert logger.stats.dropped == {"closed": 1}


def test_close_ends_in_time_when_nobody_answers(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()
    collector.hold.clear()
    logger.log(prediction=1)
    collector.wait_for(lambda: collector.requests)
    logger.log(prediction=1)
    started = time.monotonic()
    logger.close(timeout=0.2)
    assert time.monotonic() - started < 2
    assert logger.stats.dropped == {"not sent before the end": 2}
    assert logger.stats.queued == 0


def test_many_threads_lose_nothing(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger()

    def work() -> None:
        for _ in range(300):
            logger.log(features={"a": 1}, prediction=1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logger.flush(20)
    assert len(set(collector.stored_ids())) == 1800
    assert logger.stats.acknowledged == 1800


def test_a_sample_keeps_the_same_ids_for_predictions_and_labels(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    logger = new_logger(sampling_fraction=0.25)
    for i in range(1000):
        logger.log(prediction=1, prediction_id=f"p{i}")
        logger.log_label(f"p{i}", 1)
    assert logger.flush(10)
    assert 180 < len(collector.stored_ids()) < 320
    assert collector.stored_ids() == [label["prediction_id"] for label in collector.stored("labels")]
    assert collector.stored()[0]["sampling_fraction"] == 0.25
    assert logger.stats.sampled_out + logger.stats.logged == 2000


@pytest.mark.parametrize(
    ("url", "model", "options", "named"),
    [
        ("localhost:8600", "late", {}, "localhost:8600"),
        ("http://x", "", {}, "model"),
        ("http://x", "late", {"sampling_fraction": 0}, "sampling_fraction"),
    ],
)
def test_a_setting_that_can_not_work_is_refused_at_the_start(
    url: str, model: str, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        PredictionLogger(url, model, **options)


def test_the_end_of_the_interpreter_sends_what_waits(collector: LoopbackCollector, tmp_path: Path) -> None:
    script = (
        "from collectors.client import PredictionLogger\n"
        f"logger = PredictionLogger({collector.url!r}, 'late', batch_seconds=60)\n"
        "logger.log(prediction=1, prediction_id='p1')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert collector.stored_ids() == ["p1"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_logs_by_itself_and_repeats_nothing_of_its_parent(collector: LoopbackCollector) -> None:
    script = (
        "import json, os\n"
        "from collectors.client import PredictionLogger\n"
        f"logger = PredictionLogger({collector.url!r}, 'late', batch_seconds=60)\n"
        "logger.log(prediction=1, prediction_id='parent')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    logger.log(prediction=1, prediction_id='child')\n"
        "    logger.close(10)\n"
        "    os._exit(0 if logger.stats.acknowledged == 1 else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "logger.close(10)\n"
        "print(json.dumps(logger.stats.acknowledged))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True, text=True)
    assert json.loads(done.stdout) == 1
    assert sorted(collector.stored_ids()) == ["child", "parent"]


def test_httpx_does_not_write_a_line_per_batch_into_the_endpoints_log(
    collector: LoopbackCollector, new_logger: NewLogger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        logger = new_logger()
        logger.log(prediction=1)
        assert logger.flush(10)
    assert caplog.text == ""
