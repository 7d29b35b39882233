"""Baselines: which rows they are made of, what is learnt from them, and that they stay as they are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from monitor.baselines import BaselineProfile, CategoryBins, NumericBins, decode_baseline
from monitor.db import catalog
from monitor.db.models import Baseline, Model
from monitor.engines import RowSource
from monitor.errors import Conflict, InvalidValue
from monitor.jobs import baseline_job, baseline_reading, create_baseline, ensure_baselines
from monitor.lake import labels_table, predictions_table
from monitor.records import Scalar
from monitor.schemas import Task
from tests.jobs.conftest import MakeSite
from tests.jobs.site import DAY, HOUR, START, Site
from tests.jobs.traffic import calls, hour, hours, label, labels, settled


def only(site: Site) -> tuple[Baseline, BaselineProfile]:
    [baseline] = site.read(Baseline)
    return baseline, decode_baseline(baseline.payload)


def model_of(site: Site) -> Model:
    [model] = site.read(Model)
    return model


def test_the_first_rows_by_event_time_become_the_baseline_whatever_order_they_came_in(site: Site) -> None:
    site.send([*hour(7), *hours(2, 5)], settled(7))
    assert ensure_baselines(site.stores, settled(7)) == 0
    site.send(hours(0, 2), settled(7))
    assert ensure_baselines(site.stores, settled(7)) == 1
    baseline, profile = only(site)
    assert (baseline.name, baseline.origin, baseline.rows) == ("first predictions", "first 500 predictions", 500)
    assert (baseline.start, baseline.end) == (START, hour(4)[-1].event_time)
    assert profile.whole.service.rows == 500
    assert [block.service.rows for block in profile.blocks] == [100] * 5
    assert ensure_baselines(site.stores, settled(7)) == 0


def test_five_hundred_rows_end_in_the_middle_of_a_window(site: Site) -> None:
    site.send(hours(0, 2, rows=300), settled(1))
    ensure_baselines(site.stores, settled(1))
    baseline, profile = only(site)
    assert (baseline.rows, profile.whole.service.rows) == (500, 500)
    assert baseline.end == hour(1, rows=300)[199].event_time
    # Two windows tell nothing about ordinary variation; ten equal parts of their time do.
    assert (len(profile.blocks), sum(block.service.rows for block in profile.blocks)) == (10, 500)


def test_more_windows_than_a_baseline_has_blocks_share_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_reading, "MOST_BLOCKS", 7)
    site.send(hours(0, 10, rows=50), settled(9))
    ensure_baselines(site.stores, settled(9))
    assert [block.service.rows for block in only(site)[1].blocks] == [100] * 5


def test_what_a_baseline_can_do_without_stops_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(baseline_job, "fit_estimator", broken)
    monkeypatch.setattr(baseline_job, "learn_importance", broken)
    site.send(hours(0, 5), settled(4))
    assert ensure_baselines(site.stores, settled(4)) == 1
    with site.stores.db.reading() as session:
        [baseline] = session.scalars(select(Baseline))
        assert (baseline.estimator, baseline.importance) == (None, None)


def test_a_baseline_is_frozen(site: Site) -> None:
    site.send(hours(0, 5), settled(4))
    ensure_baselines(site.stores, settled(4))
    payload = only(site)[0].payload
    with pytest.raises(Conflict, match="'first predictions' exists already"):
        make(site, "first predictions")
    site.send(hours(0, 5, rows=7), settled(4))
    site.work(settled(9))
    assert only(site)[0].payload == payload


def make(site: Site, name: str, rows: int = 500, **fields: Any) -> Baseline:
    """A baseline of the first rows of the lake, under a name of its own."""
    predictions = site.stores.predictions(site.model)
    end = START + 30 * DAY
    return create_baseline(site.stores, site.model, name, "a test", predictions, None, end, settled(9), **fields)


def test_the_newest_baseline_is_the_active_one(site: Site) -> None:
    site.send(hours(0, 5), settled(4))
    first, second = make(site, "one"), make(site, "two")
    assert [(each.name, each.active) for each in site.read(Baseline, Baseline.id)] == [("one", False), ("two", True)]
    assert (first.rows, second.rows) == (500, 500)


@pytest.mark.parametrize("rows", [0, 1, 99])
def test_too_few_rows_make_no_baseline(site: Site, rows: int) -> None:
    site.send(hour(0, rows=1), settled(0))
    table = predictions_table(hour(0, rows=rows), {})
    with pytest.raises(InvalidValue, match=rf"at least 100 rows; a file has {rows}"):
        create_baseline(site.stores, site.model, "b", "a file", RowSource(table=table), None, None, settled(0))
    assert site.read(Baseline) == []


def test_labels_that_come_late_are_read_into_the_baseline_and_nothing_else_of_it_changes(site: Site) -> None:
    site.send(hours(0, 6), settled(5))
    site.work(settled(5))
    before = only(site)[1]
    assert before.whole.labelled.labelled == 0
    site.send([hour(2, rows=101)[100]], settled(6))  # a row that comes late into the time of the baseline
    site.label(labels(hours(0, 6)), settled(6))
    site.work(settled(6))
    after = only(site)[1]
    assert after.whole.labelled.labelled == 500
    assert [block.labelled.labelled for block in after.blocks] == [100] * 5
    assert without_labels(after) == without_labels(before)


def without_labels(profile: BaselineProfile) -> Any:
    plain = msgspec.to_builtins(profile)
    for each in (plain["whole"], *plain["blocks"]):
        del each["labelled"]
    return plain


def test_labels_are_read_until_nine_in_ten_have_come(site: Site) -> None:
    site.send(hours(0, 6), settled(5))
    site.work(settled(5))
    truth = labels(hours(0, 5))
    for some, known in ((truth[:460], 460), (truth[460:], 460)):
        site.label(some, settled(6))
        site.work(settled(6))
        assert only(site)[1].whole.labelled.labelled == known


@pytest.mark.parametrize(
    ("predicted", "truth", "task", "positive", "metric"),
    [
        pytest.param([0, 1], [0, 1], Task.BINARY, "1", "accuracy", id="zero and one"),
        pytest.param([True, False], ["1", 0], Task.BINARY, "1", "accuracy", id="truth values, labels spelt otherwise"),
        pytest.param(["no", "yes"], ["no", "yes"], Task.BINARY, "yes", "accuracy", id="words, one of them usual"),
        pytest.param(["ham", "spam"], ["ham", "spam"], Task.BINARY, "spam", "accuracy", id="words"),
        pytest.param([0], [0, 1], Task.BINARY, "1", "accuracy", id="never positive yet"),
        pytest.param(["a", "b"], ["a", "c"], Task.MULTICLASS, None, "accuracy", id="a third class in the labels"),
        pytest.param([1, 2, 3], [1, 2, 3], Task.MULTICLASS, None, "accuracy", id="whole numbers, few"),
        pytest.param([0.5, 2.25, 9.0], [1.0, 2.0, 3.0], Task.REGRESSION, None, "mae", id="fractions"),
        pytest.param(list(range(40)), list(range(40)), Task.REGRESSION, None, "mae", id="whole numbers, many"),
        pytest.param([None], [1], None, None, None, id="no prediction at all"),
    ],
)
def test_the_task_is_learnt(
    plain_site: Site,
    predicted: list[Scalar],
    truth: list[Any],
    task: Task | None,
    positive: str | None,
    metric: str | None,
) -> None:
    site = plain_site
    records = [
        record
        for index in range(6)
        for record in calls([predicted[i % len(predicted)] for i in range(100)], index, HOUR / 100)
    ]
    site.send(records, settled(5))
    site.label([label(r.prediction_id, truth[i % len(truth)], r.event_time) for i, r in enumerate(records)], settled(5))
    site.work(settled(5))
    model = model_of(site)
    assert (model.task, model.positive_class) == (task.value if task else None, positive)
    assert set(site.monitors()) & {"accuracy", "auc", "mae"} == ({metric} if metric else set())
    if metric:
        assert {e.verdict for e in site.evaluations(metric)} == {"ok"}
    profile = only(site)[1]
    if task is None:
        assert profile.prediction is None
    else:
        kind = NumericBins if task is Task.REGRESSION else CategoryBins
        assert isinstance(profile.prediction, kind)
        assert profile.whole.prediction is not None
        assert (profile.whole.prediction.n, profile.whole.prediction.missing) == (500, 0)


@pytest.mark.parametrize("task", list(Task))
def test_a_task_that_somebody_set_stays_and_says_how_predictions_are_compared(make_site: MakeSite, task: Task) -> None:
    """Whole numbers from 0 to 39 look like a regression, whatever they are."""
    site = make_site()
    site.send([r for index in range(6) for r in calls([i % 40 for i in range(100)], index, HOUR / 100)], settled(5))
    with site.stores.db.session() as session:
        catalog.find_model(session, site.model).task = task.value
    site.work(settled(5))
    assert model_of(site).task == task.value
    profile = only(site)[1]
    is_number = task in (Task.REGRESSION, Task.RANKING)
    assert isinstance(profile.prediction, NumericBins if is_number else CategoryBins)
    assert profile.whole.prediction is not None
    assert profile.whole.prediction.n == 500
    assert {e.verdict for e in site.evaluations("prediction_drift")} == {"ok"}


def test_a_regression_that_also_sends_a_score_is_profiled_by_what_it_predicts(make_site: MakeSite) -> None:
    site = make_site()
    site.send([r for i in range(5) for r in calls([j + 0.5 for j in range(100)], i, HOUR / 100, score=0.9)], settled(4))
    ensure_baselines(site.stores, settled(4))
    profile = only(site)[1]
    assert isinstance(profile.prediction, NumericBins)
    assert profile.prediction.edges[-1] > 50
    assert (profile.whole.prediction.low, profile.whole.prediction.high) == (0.5, 99.5)  # type: ignore[union-attr]


def test_one_label_that_is_no_number_does_not_spoil_the_errors_of_the_others(make_site: MakeSite) -> None:
    site = make_site()
    records = [r for i in range(6) for r in calls([j + 0.5 for j in range(100)], i, HOUR / 100)]
    site.send(records, settled(5))
    truth: list[Any] = [int(r.prediction) for r in records]
    truth[520], truth[550], truth[560] = 1e200, "nan", "unknown"
    site.label([label(r.prediction_id, t, r.event_time) for r, t in zip(records, truth, strict=True)], settled(5))
    site.work(settled(5))
    last = site.evaluations("mae")[-1]
    assert (last.verdict, last.value, last.n) == ("ok", pytest.approx(0.5), 97)


def test_a_file_is_reference_and_makes_no_window(site: Site) -> None:
    site.send(hours(0, 2), settled(1))
    site.work(settled(1))
    rows, truth = hours(-48, -40), labels(hours(-48, -40))
    with site.stores.db.reading() as session:
        features = catalog.read_features(session, model_of(site).id)
    source, answers = RowSource(table=predictions_table(rows, features)), RowSource(table=labels_table(truth))
    made = create_baseline(
        site.stores, site.model, "training", "file t.csv", source, None, None, settled(1), labels=answers
    )
    assert (made.rows, made.start) == (800, START - 48 * HOUR)
    site.work(settled(1))
    assert list(site.windows()) == [START, START + HOUR]
    assert {e.verdict for e in site.evaluations("feature_drift")} == {"ok"}
    assert only(site)[1].whole.labelled.labelled == 800
