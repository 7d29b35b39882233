"""The worker process: every scheduled job, wired to the stores, channels and responses."""

from __future__ import annotations

import logging
import os
import secrets
from datetime import datetime
from random import Random

from alerts import build_channels, build_responses, deliver, dispatch, respond
from monitor.app.control import clock
from monitor.app.logs import set_up_logging
from monitor.app.signals import stop_on_signal
from monitor.app.stores import open_stores
from monitor.config import Settings
from monitor.db import catalog
from monitor.jobs import (
    Job,
    Scheduler,
    SloWatch,
    Stores,
    check_silence,
    close_count_windows,
    ensure_baselines,
    evaluate_due_windows,
    forget_old_refusals,
    onboard_models,
)
from monitor.lake import Kind

log = logging.getLogger(__name__)
_SILENCE_SECONDS = 60.0
_COUNT_SECONDS = 10.0
_SLO_SECONDS = 60.0
_QUARANTINE_SECONDS = 3600.0


def build_jobs(stores: Stores) -> list[Job]:
    """The jobs of one worker. Channels and responses are built here, so a wrong setting ends the start, not a run."""
    settings = stores.settings
    owner = f"{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}"
    channels = build_channels(settings.channels, settings.outgoing)
    responses = build_responses(settings.responses, settings.outgoing)
    random = Random()

    def watch(now: datetime) -> None:
        ensure_baselines(stores, now)
        onboard_models(stores, now)
        evaluate_due_windows(stores, owner, now)

    def alert(now: datetime) -> None:
        dispatch(stores.db, channels, settings.responses, now)
        deliver(stores.db, channels, clock, random, settings.public_url)

    def act(now: datetime) -> None:
        respond(stores.db, responses, clock, random, settings.public_url)

    tick, slos = settings.jobs.tick_seconds, SloWatch(stores)
    return [
        Job("watch", tick, watch),
        Job("alert", tick, alert),
        Job("respond", tick, act),
        Job("counts", max(tick, _COUNT_SECONDS), lambda now: close_count_windows(stores, now)),
        Job("silence", _SILENCE_SECONDS, lambda now: check_silence(stores, now)),
        Job("slos", _SLO_SECONDS, slos.check),
        Job("quarantine", _QUARANTINE_SECONDS, lambda now: forget_old_refusals(stores, now)),
        Job("compact", settings.jobs.compact_seconds, lambda now: compact_lake(stores)),
    ]


def check_alerting(settings: Settings) -> None:
    """Raise ConfigError for a channel or response that can't be built, before anything is started."""
    build_channels(settings.channels, settings.outgoing)
    build_responses(settings.responses, settings.outgoing)


def compact_lake(stores: Stores) -> int:
    """Merge the small files that frequent flushes leave; returns how many were merged. A table that fails is logged."""
    with stores.db.reading() as session:
        names = [model.name for model in catalog.list_models(session)]
    merged = 0
    for name in names:
        for kind in Kind:
            try:
                merged += stores.lake.compact(name, kind)
            except Exception:
                log.exception("the %s of model %r could not be compacted; it will be tried again", kind, name)
    return merged


def run_worker(settings: Settings) -> None:
    """Run the jobs until a signal; running ones end first."""
    set_up_logging()
    stores = open_stores(settings)
    scheduler = Scheduler(build_jobs(stores))
    stop = stop_on_signal()
    scheduler.start()
    stop.wait()
    scheduler.stop()
    stores.db.close()
