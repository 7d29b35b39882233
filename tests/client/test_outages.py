"""Outages with a spool: serving goes on, and every record arrives later, once and in order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.client import PredictionLogger
from collectors.client.batches import Batch, Kind
from collectors.client.spool import Spool

from .conftest import HANG_UP, Answer, LoopbackCollector

NewLogger = Callable[..., PredictionLogger]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.batch"))


def test_records_of_an_outage_arrive_later_once_and_in_order(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    logger = new_logger(spool_dir=tmp_path, batch_records=10, longest_retry_seconds=0.2)
    ids = [logger.log(features={"a": 0}, prediction=1)]
    assert logger.flush(10)
    collector.stop()
    ids += [logger.log(features={"a": i}, prediction=1) for i in range(200)]
    wait_until(lambda: logger.stats.spooled == 200)
    assert logger.stats.queued == 0
    collector.start()
    ids += [logger.log(features={"a": i}, prediction=1) for i in range(50)]
    assert logger.flush(20)
    assert collector.stored_ids() == ids
    assert files(tmp_path) == []
    assert (logger.stats.acknowledged, logger.stats.dropped) == (251, {})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("with_spool", [True, False])
def test_whatever_a_flaky_collector_answers_each_record_is_stored_once_and_in_order(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path, seed: int, with_spool: bool
) -> None:
    dice = random.Random(seed)
    trouble: list[Answer] = [(HANG_UP, {}, {}), (500, {}, {}), (503, {"Retry-After": "0"}, {}), (429, {}, {})]
    fine: Answer = (202, {}, {"refused": []})
    collector.answers = dice.choices([*trouble, fine], k=40)
    logger = new_logger(spool_dir=tmp_path if with_spool else None, batch_records=7, batch_seconds=0.005)
    ids = []
    for _ in range(60):
        ids += [logger.log(features={"a": 1}, prediction=1) for _ in range(dice.randint(1, 9))]
        time.sleep(dice.random() * 0.004)
    assert logger.flush(20)
    assert collector.stored_ids() == ids
    assert (logger.stats.acknowledged, logger.stats.dropped, logger.stats.queued) == (len(ids), {}, 0)


def test_the_spool_survives_a_restart_and_goes_first(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    collector.stop()
    first = new_logger(spool_dir=tmp_path)
    old = [first.log(features={"a": i}, prediction=1) for i in range(30)]
    first.log_label("p1", 1)
    first.close(timeout=5)
    assert first.stats.spooled == 31
    assert first.stats.queued == 0
    collector.start()
    second = new_logger(spool_dir=tmp_path)
    new = [second.log(features={"a": i}, prediction=1) for i in range(3)]
    assert second.flush(10)
    assert collector.stored_ids() == old + new
    assert [label["prediction_id"] for label in collector.stored("labels")] == ["p1"]
    assert files(tmp_path) == []


def test_a_flush_alone_sends_what_an_earlier_process_left(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    Spool(tmp_path, 10**6).append(Batch(Kind.PREDICTIONS, 1, b'[{"prediction_id": "old"}]', "key-1"))
    assert new_logger(spool_dir=tmp_path).flush(10)
    assert collector.stored_ids() == ["old"]
    assert collector.requests[0]["headers"]["idempotency-key"] == "key-1"


def test_a_process_that_is_killed_leaves_its_spool_to_the_next(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    collector.stop()
    script = (
        "import os, signal, time\n"
        "from collectors.client import PredictionLogger\n"
        f"logger = PredictionLogger({collector.url!r}, 'late', spool_dir={str(tmp_path)!r})\n"
        "for i in range(20):\n"
        "    logger.log(prediction=1, prediction_id=f'p{i}')\n"
        "while logger.stats.spooled < 20:\n"
        "    time.sleep(0.01)\n"
        "os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode != 0
    collector.start()
    assert new_logger(spool_dir=tmp_path).flush(10)
    assert collector.stored_ids() == [f"p{i}" for i in range(20)]


def test_a_batch_keeps_its_key_from_the_first_attempt_through_the_spool(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    logger = new_logger(spool_dir=tmp_path)
    collector.answers = [(503, {}, {}), (500, {}, {})]
    logger.log(prediction=1, prediction_id="p1")
    assert logger.flush(10)
    assert len({request["headers"]["idempotency-key"] for request in collector.requests}) == 1
    assert collector.stored_ids() == ["p1"]


def test_a_close_in_the_middle_of_an_attempt_keeps_the_batch_on_disk_under_its_key(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    logger = new_logger(spool_dir=tmp_path)
    collector.hold.clear()
    logger.log(prediction=1, prediction_id="p1")
    collector.wait_for(lambda: collector.requests)
    logger.close(timeout=0.05)
    collector.hold.set()
    assert logger.stats.spooled == 1
    again = new_logger(spool_dir=tmp_path)
    assert again.flush(10)
    assert collector.stored_ids() == ["p1"]
    assert len({request["headers"]["idempotency-key"] for request in collector.requests}) == 1


def test_a_spool_that_is_full_drops_its_oldest_and_counts_them(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    collector.stop()
    logger = new_logger(spool_dir=tmp_path, spool_bytes=3000, batch_records=10)
    ids = [logger.log(features={"a": i}, prediction=1) for i in range(100)]
    wait_until(lambda: logger.stats.queued == 0)
    stats = logger.stats
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 3000
    assert stats.spooled + stats.dropped["spool full"] == 100
    collector.start()
    assert logger.flush(10)
    assert collector.stored_ids() == ids[-stats.spooled :]


def test_a_slow_collector_overflows_to_disk_rather_than_dropping(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    logger = new_logger(spool_dir=tmp_path, queue_records=100, batch_records=10)
    collector.hold.clear()
    ids = [logger.log(prediction=1)]
    collector.wait_for(lambda: collector.requests)
    ids += [logger.log(prediction=1) for _ in range(90)]
    collector.let_one_through()
    collector.wait_for(lambda: len(collector.requests) == 2)
    ids += [logger.log(prediction=1) for _ in range(90)]
    collector.hold.set()
    assert logger.flush(10)
    assert collector.stored_ids() == ids
    assert logger.stats.dropped == {}


def test_a_folder_that_can_not_be_used_leaves_the_logger_in_memory(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")
    logger = new_logger(spool_dir=occupied)
    logger.log(prediction=1)
    assert logger.flush(10)
    assert logger.stats.acknowledged == 1


def test_the_sender_goes_on_after_an_error_nobody_foresaw(
    collector: LoopbackCollector, new_logger: NewLogger, tmp_path: Path
) -> None:
    logger = new_logger(spool_dir=tmp_path)
    (tmp_path / f"{0:020d}-predictions-1-unreadable.batch").mkdir()
    logger.log(prediction=1, prediction_id="p1")
    wait_until(lambda: "see the log" in logger.stats.last_error)
    (tmp_path / f"{0:020d}-predictions-1-unreadable.batch").rmdir()
    assert logger.flush(10)
    assert collector.stored_ids() == ["p1"]


def test_two_processes_share_a_folder_without_sending_a_batch_twice_at_once(tmp_path: Path) -> None:
    ours, theirs = Spool(tmp_path, 10**6), Spool(tmp_path, 10**6)
    for key in ("a", "b"):
        ours.append(Batch(Kind.PREDICTIONS, 1, b"[]", key))
    theirs.refresh()
    first = ours.claim()
    second = theirs.claim()
    assert first is not None
    assert second is not None
    if os.name == "posix":
        assert (first.key, second.key) == ("a", "b")
    ours.release(settled=True)
    theirs.release(settled=True)
    assert ours.claim() is None
    assert theirs.claim() is None
    assert files(tmp_path) == []


def test_a_batch_given_back_is_the_next_one_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.append(Batch(Kind.LABELS, 2, b"[1,2]", "a"))
    for _ in range(2):
        assert spool.claim() == Batch(Kind.LABELS, 2, b"[1,2]", "a")
        spool.release()
    assert spool.records == 2


def test_the_bound_holds_for_what_an_earlier_process_left_too(tmp_path: Path) -> None:
    earlier = Spool(tmp_path, 1000)
    for key in "abc":
        earlier.append(Batch(Kind.PREDICTIONS, 10, b"x" * 300, key))
    later = Spool(tmp_path, 1000)
    assert later.append(Batch(Kind.PREDICTIONS, 7, b"x" * 600, "d")) == 20
    assert [later.claim(), later.bytes] == [Batch(Kind.PREDICTIONS, 10, b"x" * 300, "c"), 900]


def test_what_a_killed_process_had_half_written_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "1-predictions-3-a.partial", tmp_path / "2-predictions-3-b.partial"
    for path in (old, new):
        path.write_bytes(b"[{")
    os.utime(old, (0, time.time() - 1000))
    assert not Spool(tmp_path, 1000)
    assert [path.exists() for path in (old, new)] == [False, True]


def test_files_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.batch").write_text("mine")
    (tmp_path / "1-other-3-key.batch").write_text("mine")
    spool = Spool(tmp_path, 10**6)
    assert not spool
    assert spool.claim() is None
    assert len(files(tmp_path)) == 2
