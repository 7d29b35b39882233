"""The worker's clock: APScheduler runs each job at its own pace, one run of a job at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every `seconds`; it is given the time."""

    name: str
    seconds: float
    run: Callable[[datetime], object]


class Scheduler:
    """Runs jobs until it is stopped. A job that fails is logged and runs again at its next turn."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._scheduler = BackgroundScheduler(timezone=UTC)
        for job in jobs:
            self._scheduler.add_job(
                _guarded(job),
                "interval",
                seconds=job.seconds,
                id=job.name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )

    def start(self) -> None:
        # A job that is still running when its next turn comes is no news: it just goes on.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler.start()

    def stop(self) -> None:
        """Let running jobs end, start no more."""
        self._scheduler.shutdown(wait=True)


def _guarded(job: Job) -> Callable[[], None]:
    def run() -> None:
        try:
            job.run(datetime.now(UTC))
        except Exception:
            log.exception("job %s failed; it runs again in %s s", job.name, job.seconds)

    return run
