"""Long computations keep their window; baselines are decoded once, and learn their labels while a window is held."""

from __future__ import annotations

import time
from datetime import timedelta

from monitor.baselines import BaselineProfile, encode_baseline
from monitor.db import window_store
from monitor.jobs.lease import held
from monitor.profiles import ServiceProfile, WindowProfile
from tests.jobs.site import Site
from tests.jobs.traffic import hour, settled


def test_a_window_is_held_for_as_long_as_it_is_computed(plain_site: Site) -> None:
    plain_site.send(hour(0), settled(0))
    plain_site.onboard(settled(0))
    (state,) = plain_site.windows().values()
    lease, now = timedelta(seconds=0.3), settled(1)
    with plain_site.stores.db.session() as session:
        assert window_store.claim_window(session, state.id, "slow", now, lease)
    with held(plain_site.stores, state.id, "slow", now, lease):
        time.sleep(0.8)
        with plain_site.stores.db.session() as session:
            taken = window_store.claim_window(session, state.id, "quick", now + timedelta(seconds=0.7), lease)
    assert taken is None
    (after,) = plain_site.windows().values()
    assert (after.lease_owner, after.lease_until > now + 2 * lease) == ("slow", True)


def test_a_lost_lease_is_not_taken_back(plain_site: Site) -> None:
    plain_site.send(hour(0), settled(0))
    plain_site.onboard(settled(0))
    (state,) = plain_site.windows().values()
    with plain_site.stores.db.session() as session:
        window_store.claim_window(session, state.id, "quick", settled(1), timedelta(minutes=1))
    with held(plain_site.stores, state.id, "slow", settled(1), timedelta(seconds=0.1)):
        time.sleep(0.2)
    assert next(iter(plain_site.windows().values())).lease_owner == "quick"


def test_a_baseline_is_decoded_once_and_anew_when_it_has_changed(plain_site: Site) -> None:
    one, other = (encode_baseline(BaselineProfile({}, None, WindowProfile(ServiceProfile(rows=n)))) for n in range(2))
    first = plain_site.stores.baseline(one)
    assert plain_site.stores.baseline(bytearray(one)) is first
    assert plain_site.stores.baseline(other).whole.service.rows == 1
