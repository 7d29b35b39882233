"""The flusher process: empties the inbox into the lake, beside the collector, which is busy with requests."""

from __future__ import annotations

from collectors.flusher import Flusher
from collectors.inbox_reader import InboxReader
from monitor.app.control import clock, open_database
from monitor.app.logs import set_up_logging
from monitor.app.signals import stop_on_signal
from monitor.config import Settings, load_settings
from monitor.lake import Lake


def run_flusher(settings: Settings) -> None:
    """Write what waits to the lake until a signal; then empty the inbox and end."""
    set_up_logging()
    stop = stop_on_signal()
    db = open_database(settings)
    inbox = InboxReader(settings.inbox_path)
    try:
        Flusher(inbox, Lake(settings.lake_root), db, settings.collector).run(stop, clock)
    finally:
        inbox.close()
        db.close()


if __name__ == "__main__":
    run_flusher(load_settings())
