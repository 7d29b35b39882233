"""Baselines know their segments, can be pinned to a period, and can be merged from stored windows."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from monitor.baselines import BaselineProfile, NumericBins, decode_baseline, derived_baseline
from monitor.config import MonitoringSettings
from monitor.db import baseline_store, catalog
from monitor.db.models import Baseline
from monitor.engines import ProfileRequest, RowSource
from monitor.errors import Conflict, InvalidValue
from monitor.jobs import Stores, pin_baseline
from monitor.jobs.baseline_refresh import refresh_labels
from monitor.profiles import NumericProfile, ServiceProfile, WindowProfile
from monitor.segments import ALL, Slicing, slicings
from tests.jobs.conftest import MakeSite
from tests.jobs.site import HOUR, START, Site
from tests.jobs.test_segments_and_sizes import REGIONS, regional
from tests.jobs.traffic import hours, labels, settled


def active(site: Site) -> Baseline:
    with site.stores.db.reading() as session:
        found = baseline_store.active_baseline(session, catalog.find_model(session, site.model).id)
    assert found is not None
    return found


def test_a_baseline_has_the_segments_of_its_rows_with_blocks(make_site: MakeSite) -> None:
    site = make_site(segments={"*": ["tag:region", "feature:age"]})
    site.send(regional(hours(0, 8)), settled(8))
    site.onboard(settled(8))
    baseline = decode_baseline(active(site).payload)
    by_region = [segment for key, segment in baseline.segments.items() if key.startswith("region=")]
    assert len(by_region) == len(REGIONS)
    assert sum(segment.whole.service.rows for segment in by_region) == baseline.whole.service.rows
    assert {len(segment.blocks) for segment in by_region} == {len(baseline.blocks)}
    assert len([key for key in baseline.segments if key.startswith("age=(")]) == 4


def test_segments_that_are_named_later_are_read_into_a_baseline_of_the_models_own_rows(make_site: MakeSite) -> None:
    site = make_site()
    site.send(regional(hours(0, 8)), settled(8))
    site.onboard(settled(8))
    before = decode_baseline(active(site).payload)
    assert before.segments == {}
    told = site.stores.settings.model_copy(update={"monitoring": MonitoringSettings(segments={"*": ["tag:region"]})})
    stores = Stores(site.stores.db, site.stores.lake, site.stores.engine, told)
    with stores.db.reading() as session:
        model = catalog.find_model(session, site.model)
    assert refresh_labels(stores, model, active(site))
    after = decode_baseline(active(site).payload)
    assert set(after.segments) == {f"region={region}" for region in REGIONS}
    assert after.columns == before.columns
    assert after.whole.service == before.whole.service
    assert not refresh_labels(stores, model, active(site))


def test_a_period_of_the_models_own_rows_can_be_pinned_and_learns_its_labels_later(site: Site) -> None:
    rows = hours(0, 8)
    site.send(rows, settled(8))
    pinned = pin_baseline(site.stores, "churn", "calm", START + 2 * HOUR, START + 5 * HOUR, settled(8))
    assert (pinned.name, pinned.rows, pinned.active) == ("calm", 300, True)
    assert pinned.start == START + 2 * HOUR
    site.label(labels(rows), settled(8))
    with site.stores.db.reading() as session:
        model = catalog.find_model(session, site.model)
    assert refresh_labels(site.stores, model, active(site))
    assert decode_baseline(active(site).payload).whole.labelled.labelled == 300
    with pytest.raises(Conflict, match="'calm' exists already"):
        pin_baseline(site.stores, "churn", "calm", START, START + 5 * HOUR, settled(8))
    with pytest.raises(InvalidValue, match="needs at least 100 rows"):
        pin_baseline(site.stores, "churn", "", START + 90 * HOUR, START + 99 * HOUR, settled(8))


def window(mean: float, rows: int, edges: tuple[float, ...] = (1.0, 2.0)) -> WindowProfile:
    values = np.random.default_rng(rows).normal(mean, 1, rows)
    return WindowProfile(ServiceProfile(rows=rows), {"x": NumericProfile.of(values, edges)})


def test_a_derived_baseline_is_the_merge_of_its_windows_which_are_its_blocks() -> None:
    frozen = BaselineProfile({"x": NumericBins((1.0, 2.0))}, None, window(1, 500))
    windows = [window(1, 50 + n) for n in range(4)]
    odd = [WindowProfile(), window(1, 80, edges=(1.0, 3.0))]  # no rows, and other bins
    derived = derived_baseline(frozen, [*windows, *odd])
    assert derived is not None
    assert derived.blocks == tuple(windows)
    assert derived.whole.service.rows == sum(w.service.rows for w in windows)
    assert derived.whole.columns["x"].rows == derived.whole.service.rows
    assert derived.columns == frozen.columns
    assert derived_baseline(frozen, windows[:2]) is None


def test_an_engine_answers_for_every_segment_what_it_answers_for_the_segments_rows_alone(plain_site: Site) -> None:
    rows = regional(hours(0, 6), (*REGIONS, ""))
    for record in rows:
        record.tags = record.tags if record.tags["region"] else {}
    plain_site.send(rows, settled(6))
    plain_site.label(labels(rows), settled(6))
    plain_site.onboard(settled(6))
    stores = plain_site.stores
    baseline = decode_baseline(active(plain_site).payload)
    with stores.db.reading() as session:
        model = catalog.find_model(session, "churn")
        features = catalog.read_features(session, model.id)

    def request(predictions: RowSource, end: datetime = START + timedelta(days=1)) -> ProfileRequest:
        return ProfileRequest(
            predictions, stores.labels("churn"), START, end, features, baseline.columns, baseline.prediction
        )

    wanted = MonitoringSettings(segments={"*": ["tag:region"]}).dimensions("churn")
    cuts: list[Slicing] = slicings(wanted, baseline)
    answers = stores.engine.profiles(request(stores.predictions("churn")), cuts)
    assert set(answers) == {ALL, *(f"region={region}" for region in REGIONS), "region=(missing)"}
    alone = Site(stores, model="alone")
    alone.send([r for r in rows if r.tags.get("region") == "eu"], settled(6))
    eu = stores.engine.profile(request(stores.predictions("alone")))
    assert answers["region=eu"].service == eu.service
    assert answers["region=eu"].columns["plan"] == eu.columns["plan"]
    assert answers["region=eu"].labelled.labelled == eu.labelled.labelled
    assert answers["region=eu"].versions == eu.versions
