"""The worker's clock: each job at its pace, one run at a time, and a failing one again."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from monitor.jobs import Job, Scheduler

WAIT = 30.0


def test_a_job_that_fails_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    runs: list[datetime] = []
    again = threading.Event()

    def fail(now: datetime) -> None:
        runs.append(now)
        if len(runs) >= 2:
            again.set()
        raise RuntimeError("out of order")

    scheduler = Scheduler([Job("broken", 0.05, fail)])
    with caplog.at_level(logging.ERROR):
        scheduler.start()
        assert again.wait(WAIT)
        scheduler.stop()
    assert "job broken failed; it runs again in 0.05 s" in caplog.text
    assert all(now.tzinfo is UTC and now > datetime.now(UTC) - timedelta(minutes=5) for now in runs)


def test_a_slow_job_never_runs_twice_at_once_and_holds_up_no_other() -> None:
    running, most = 0, 0
    release, others = threading.Event(), threading.Semaphore(0)

    def slow(_: datetime) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        release.wait(WAIT)
        running -= 1

    scheduler = Scheduler([Job("slow", 0.02, slow), Job("quick", 0.02, lambda _: others.release())])
    scheduler.start()
    assert all(others.acquire(timeout=WAIT) for _ in range(5))
    assert most == 1
    release.set()
    scheduler.stop()
    assert running == 0


def test_stopping_lets_the_running_job_end() -> None:
    started, ended = threading.Event(), threading.Event()
    release = threading.Event()

    def work(_: datetime) -> None:
        started.set()
        release.wait(WAIT)
        ended.set()

    scheduler = Scheduler([Job("work", 60, work)])
    scheduler.start()
    assert started.wait(WAIT)
    threading.Timer(0.05, release.set).start()
    scheduler.stop()
    assert ended.is_set()
