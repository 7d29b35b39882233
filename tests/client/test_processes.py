"""Forks, workers of multiprocessing, event loops: the ways in which serving processes start and end."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.client import PredictionLogger
from collectors.client.batches import Batch, Kind
from collectors.client.spool import Spool

from .conftest import LoopbackCollector

NewLogger = Callable[..., PredictionLogger]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_fork
def test_workers_forked_from_a_parent_that_has_logged_each_send_their_own(collector: LoopbackCollector) -> None:
    """As gunicorn --preload does: the parent's thread is running, its children have none until they log."""
    run(
        "import os, sys\n"
        "from collectors.client import PredictionLogger\n"
        f"logger = PredictionLogger({collector.url!r}, 'late', batch_seconds=60)\n"
        "logger.log(prediction=1, prediction_id='parent')\n"
        "assert logger.flush(10)\n"
        "logger.log(prediction=1, prediction_id='parent waits')\n"
        "children = []\n"
        "for worker in range(3):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        assert (logger.stats.logged, logger.stats.queued) == (0, 0)\n"
        "        for i in range(5):\n"
        "            logger.log(prediction=1, prediction_id=f'{worker}-{i}')\n"
        "        sys.exit(0)  # which runs atexit, as gunicorn's workers do\n"
        "    children.append(child)\n"
        "assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]\n"
    )
    expected = [f"{worker}-{i}" for worker in range(3) for i in range(5)]
    assert sorted(collector.stored_ids()) == [*expected, "parent", "parent waits"]


@pytest.mark.parametrize("method", [pytest.param("fork", marks=needs_fork), "spawn"])
def test_a_worker_of_multiprocessing_sends_what_waits_before_it_ends(
    collector: LoopbackCollector, tmp_path: Path, method: str
) -> None:
    (tmp_path / "serving.py").write_text(
        "import multiprocessing\n"
        "from collectors.client import PredictionLogger\n"
        "def work(logger, number):\n"
        "    logger.log(prediction=1, prediction_id=f'p{number}')\n"
        "if __name__ == '__main__':\n"
        f"    logger = PredictionLogger({collector.url!r}, 'late', batch_seconds=60)\n"
        f"    context = multiprocessing.get_context({method!r})\n"
        "    workers = [context.Process(target=work, args=(logger, number)) for number in range(2)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "serving.py"], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert sorted(collector.stored_ids()) == ["p0", "p1"]


@needs_fork
def test_a_child_does_not_hold_the_batch_that_its_parent_was_sending(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.append(Batch(Kind.PREDICTIONS, 1, b"[]", "a"))
    assert spool.claim() is not None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        spool.let_go_in_child()
        os.close(writing)
        os.read(reading, 1)  # lives on while the parent goes on
        os._exit(0)
    os.close(reading)
    try:
        other = Spool(tmp_path, 10**6)
        assert other.claim() is None, "the child has let go of the parent's lock"
        spool.release()
        while (found := other.claim()) is None:  # until the child has had its turn
            other.refresh()
        assert found.key == "a"
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def test_a_fork_that_python_was_not_told_of_is_noticed(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger(batch_seconds=60)
    logger.log(prediction=1, prediction_id="parent")
    logger._process = -1
    logger.log(prediction=1, prediction_id="child")
    assert logger.flush(10)
    assert collector.stored_ids() == ["child"]
    assert logger.stats.logged == 1


def test_a_thread_that_can_not_start_now_starts_with_a_later_record(
    collector: LoopbackCollector, new_logger: NewLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    logger = new_logger()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        logger.log(prediction=1, prediction_id="p1")
        assert (logger.stats.queued, logger.stats.dropped) == (1, {})
    logger.log(prediction=1, prediction_id="p2")
    assert logger.flush(10)
    assert collector.stored_ids() == ["p1", "p2"]


def test_a_pickled_logger_is_one_like_it_and_empty(collector: LoopbackCollector, new_logger: NewLogger) -> None:
    logger = new_logger(version="3", sampling_fraction=0.5)
    logger.log(prediction=1)
    copy = pickle.loads(pickle.dumps(logger))
    assert (copy.model, copy.version, copy.sampling_fraction, copy.stats.logged) == ("late", "3", 0.5, 0)
    copy.close()


def test_an_event_loop_goes_on_while_the_logger_waits_for_its_collector(
    collector: LoopbackCollector, new_logger: NewLogger
) -> None:
    async def serve() -> int:
        turns = 0
        async with new_logger() as logger:
            collector.hold.clear()
            logger.log(prediction=1, prediction_id="p1")
            flushing = asyncio.create_task(logger.aflush(10))
            while not collector.requests:
                await asyncio.sleep(0.001)
            for _ in range(10):
                await asyncio.sleep(0.001)
                turns += 1
            assert not flushing.done()
            collector.hold.set()
            assert await flushing
            logger.log(prediction=1, prediction_id="p2")
        return turns

    assert asyncio.run(serve()) == 10
    assert collector.stored_ids() == ["p1", "p2"]
