"""Opening the stores that the settings name."""

from __future__ import annotations

from monitor.app.control import open_database
from monitor.config import Settings
from monitor.engines import get_engine
from monitor.jobs import Stores
from monitor.lake import Lake


def open_stores(settings: Settings) -> Stores:
    return Stores(open_database(settings), Lake(settings.lake_root), get_engine(), settings)
