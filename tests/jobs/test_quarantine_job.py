"""Refused records are kept for quarantine_days."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.db import quarantine
from monitor.db.quarantine import RefusedRecord
from monitor.jobs import forget_old_refusals

from .site import Site


def test_what_is_older_than_the_setting_is_deleted(site: Site, now: datetime) -> None:
    ages = [timedelta(days=31), timedelta(days=30, seconds=1), timedelta(days=29), timedelta()]
    records = [
        RefusedRecord(number, now - age, "http", "m", "predictions", "bad", b"{}") for number, age in enumerate(ages)
    ]
    with site.stores.db.session() as session:
        quarantine.add_refusals(session, "c", records)
    assert forget_old_refusals(site.stores, now) == 2
    assert forget_old_refusals(site.stores, now) == 0
    with site.stores.db.reading() as session:
        assert [row.inbox_id for row in quarantine.list_refusals(session)] == [3, 2]
