"""Refused records are kept for `quarantine_days`, and no longer."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from monitor.db import quarantine
from monitor.jobs.stores import Stores

log = logging.getLogger(__name__)


def forget_old_refusals(stores: Stores, now: datetime) -> int:
    """Delete the refused records that are older than that. Returns how many."""
    days = stores.settings.collector.quarantine_days
    with stores.db.session() as session:
        forgotten = quarantine.forget_refusals(session, now - timedelta(days=days))
    if forgotten:
        log.info("%d refused records were older than quarantine_days = %g and are deleted", forgotten, days)
    return forgotten
