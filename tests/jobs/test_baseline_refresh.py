"""A baseline of the model's own traffic learns its labels, and no window waits for them or fails for want of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.baselines import BaselineProfile, decode_baseline
from monitor.db import baseline_store
from monitor.db.models import Baseline, Model
from monitor.estimation import BinaryCbpe, decode_estimator
from monitor.jobs import Stores, baseline_refresh, evaluate_due_windows, evaluate_job
from monitor.jobs.baseline_refresh import refresh_labels
from monitor.model_settings import ModelSettings
from tests.jobs.conftest import MakeSite
from tests.jobs.site import SETTLE, Site
from tests.jobs.traffic import hour, hours, labels, settled


def only(site: Site) -> tuple[Baseline, BaselineProfile]:
    [baseline] = site.read(Baseline)
    return baseline, decode_baseline(baseline.payload)


def unlabelled(site: Site) -> Site:
    site.send(hours(0, 6), settled(5))
    site.work(settled(5))
    return site


def test_the_estimator_comes_with_the_labels_it_is_fitted_on(site: Site) -> None:
    unlabelled(site)
    baseline = only(site)[0]
    with site.stores.db.reading() as session:
        assert baseline_store.read_estimator(session, baseline.id) is None
    site.label(labels(hours(0, 6)), settled(6))
    site.work(settled(6))
    with site.stores.db.reading() as session:
        stored = baseline_store.read_estimator(session, baseline.id)
    assert stored is not None
    fitted = decode_estimator(stored)
    assert isinstance(fitted, BinaryCbpe)
    assert fitted.rows == only(site)[1].whole.labelled.labelled == 500


def test_labels_and_estimator_are_stored_together_or_not_at_all(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = unlabelled(make_site())
    site.label(labels(hours(0, 6)), settled(6))

    def dies(*_: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(baseline_store, "save_estimator", dies)
    site.work(settled(6))  # no window fails for it
    assert only(site)[1].whole.labelled.labelled == 0
    monkeypatch.undo()
    baseline = only(site)[0]
    [model] = site.read(Model)
    assert refresh_labels(site.stores, model, baseline)
    assert only(site)[1].whole.labelled.labelled == 500


def test_a_window_is_held_while_the_labels_of_its_baseline_are_read(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = unlabelled(make_site())
    site.send(hours(6, 7), settled(6))
    inside: list[int] = []
    held_while_reading: list[bool] = []
    hold = evaluate_job.held

    @contextmanager
    def noted(stores: Stores, window_id: int, owner: str, now: datetime, lease: timedelta) -> Iterator[None]:
        with hold(stores, window_id, owner, now, lease):
            inside.append(window_id)
            yield
            inside.clear()

    def reading(stores: Stores, model: Model, baseline: Baseline) -> bool:
        held_while_reading.append(bool(inside))
        return False

    monkeypatch.setattr(evaluate_job, "held", noted)
    monkeypatch.setattr(evaluate_job, "refresh_labels", reading)
    assert evaluate_due_windows(site.stores, "w", settled(6) + SETTLE).evaluated == 1
    assert held_while_reading == [True]


def test_labels_are_looked_for_ever_more_seldom(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site = unlabelled(make_site())
    looks: list[int] = []
    monkeypatch.setattr(evaluate_job, "refresh_labels", lambda *_: looks.append(1))
    counts = []
    for index in range(6, 46):
        site.send(hour(index, rows=1), settled(index))
        site.work(settled(index))
        counts.append(len(looks))
    assert counts[:5] == [1, 2, 3, 4, 5]  # an hour is more than a tenth of the age of ten
    assert counts[-1] - counts[19] < 15


def test_rows_that_have_left_the_lake_take_no_label_along(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    site.send(hours(0, 6), settled(5))
    site.label(labels(hours(0, 6)), settled(5))
    site.work(settled(5))
    before = only(site)[1]
    monkeypatch.setattr(type(site.stores.lake), "files", lambda *_: [])
    monkeypatch.setattr(baseline_refresh, "_lacks_segments", lambda *_: True)
    [model] = site.read(Model)
    assert not refresh_labels(site.stores, model, only(site)[0])
    assert only(site)[1] == before


def test_the_groups_of_a_baseline_learn_their_labels_too(make_site: MakeSite) -> None:
    site = make_site()
    told = {"models": {"churn": ModelSettings(protected="plan")}}
    site.stores = replace(site.stores, settings=site.stores.settings.model_copy(update=told))
    unlabelled(site)
    assert {group.positives for group in only(site)[1].whole.groups.values()} == {0}
    site.label(labels(hours(0, 6)), settled(6))
    site.work(settled(6))
    assert all(group.positives > 50 for group in only(site)[1].whole.groups.values())
