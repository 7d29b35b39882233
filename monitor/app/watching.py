"""What the HTTP process watches beside its requests: how full inbox and disk are, and which sources are paused."""

from __future__ import annotations

import logging
import shutil
import threading
from contextlib import closing
from datetime import datetime

from collectors.gate import Gate
from collectors.inbox_reader import InboxReader
from collectors.pause_notice import PauseNotice
from collectors.pressure import Load, Pressure
from monitor.app.control import clock
from monitor.config import Settings
from monitor.db.database import Database

log = logging.getLogger(__name__)

_MEASURE_SECONDS = 0.1
_NOTICE_SECONDS = 5.0


def measure(inbox: InboxReader, now: datetime) -> Load:
    """How much waits, for how long, and what room there is."""
    oldest = inbox.oldest()
    return Load(
        inbox_bytes=inbox.bytes_in_use(),
        oldest_waiting_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        free_bytes=shutil.disk_usage(inbox.path.parent).free,
    )


def watch(settings: Settings, db: Database, pressure: Pressure, gate: Gate, stop: threading.Event) -> None:
    """Measure ten times a second, and tell of pauses, until `stop`. What fails is logged once and tried again."""
    with closing(InboxReader(settings.inbox_path)) as inbox:
        notice = PauseNotice(db, inbox.collector_id, gate.pauses.all)
        noticed, failed = clock(), ""
        while not stop.wait(_MEASURE_SECONDS):
            try:
                now = clock()
                pressure.measured(measure(inbox, now))
                if (now - noticed).total_seconds() >= _NOTICE_SECONDS:
                    noticed = now
                    notice.say(now)
                failed = ""
            except Exception as error:
                if failed != str(error):
                    log.warning("the collector's load can't be measured, or told of: %s", error)
                failed = str(error)
