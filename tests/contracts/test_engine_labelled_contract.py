"""Every engine's labelled profile is the one that monitor.performance.rows defines, whatever the task."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from monitor.engines import Engine, ProfileRequest, RowSource, get_engine
from monitor.lake import labels_table, predictions_table
from monitor.performance.rows import LabelledRows, profile_rows
from monitor.plugins import ENGINES
from monitor.profiles import LabelledProfile
from monitor.records import LabelRecord, PredictionRecord, as_number, class_name
from monitor.schemas import Task

START = datetime(2026, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLASSES = ["a", "b", "c"]


@pytest.fixture(params=ENGINES.names())
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def prediction(i: int, value: Any, **more: Any) -> PredictionRecord:
    when = START + timedelta(seconds=i % 3599)
    name = more.pop("prediction_id", f"p{i}")
    return PredictionRecord(
        model="m", prediction_id=name, event_time=when, received_time=when, prediction=value, **more
    )


def label(record: PredictionRecord, value: Any, minutes: float = 5.0) -> LabelRecord:
    when = record.event_time + timedelta(minutes=minutes)
    return LabelRecord(model="m", prediction_id=record.prediction_id, label=value, label_time=when, received_time=when)


def draw(task: Task, n: int, seed: int) -> tuple[list[PredictionRecord], list[Any]]:
    """Predictions of this task and the label of each."""
    random = np.random.default_rng(seed)
    match task:
        case Task.BINARY:
            truth = random.integers(0, 2, n)
            scores = np.clip(random.normal(0.4 + 0.2 * truth, 0.2), 0, 1).round(int(random.integers(2, 17)))
            return [prediction(i, int(s > 0.5), score=float(s)) for i, s in enumerate(scores)], truth.tolist()
        case Task.MULTICLASS:
            chances = random.dirichlet([1, 1, 1], n)
            truth = [CLASSES[int(random.choice(3, p=p))] for p in chances]
            records = [
                prediction(i, CLASSES[int(p.argmax())], scores=dict(zip(CLASSES, p.tolist(), strict=True)))
                for i, p in enumerate(chances)
            ]
            return records, truth
        case Task.MULTILABEL:
            chances = random.uniform(size=(n, 3))
            sets = ["|".join(c for c, p in zip(CLASSES, row, strict=True) if p > 0.5) for row in chances]
            truth = [
                str([c for c, p in zip(CLASSES, row, strict=True) if random.uniform() < p]).replace("'", '"')
                for row in chances
            ]
            records = [
                prediction(i, text, scores=dict(zip(CLASSES, row.tolist(), strict=True)))
                for i, (text, row) in enumerate(zip(sets, chances, strict=True))
            ]
            return records, truth
        case Task.RANKING:
            scores = random.normal(size=n).round(1)
            ids = [f"r{i // 6}" + (f"/{i % 6}" if i % 6 else "") for i in range(n)]
            records = [prediction(i, float(s), prediction_id=ids[i]) for i, s in enumerate(scores)]
            return records, np.maximum(np.round(scores + random.normal(size=n)), 0).tolist()
        case _:
            values = random.normal(40, 12, n)
            truth = values + random.normal(0.5, 3, n)
            truth[:2] = 0.0
            return [prediction(i, float(v)) for i, v in enumerate(values)], truth.tolist()


def rows_of(records: list[PredictionRecord], truth: list[Any]) -> LabelledRows:
    def numbers(values: list[Any]) -> Any:
        return np.array([math.nan if v is None else v for v in map(as_number, values)])

    predicted = [record.prediction for record in records]
    return LabelledRows(
        np.array([class_name(v) for v in predicted], dtype=object),
        np.array([class_name(v) for v in truth], dtype=object),
        numbers(predicted),
        numbers(truth),
        numbers([record.score for record in records]),
        [record.scores for record in records],
        np.array([record.prediction_id.split("/")[0] for record in records], dtype=object),
    )


def profiled(engine: Engine, records: list[PredictionRecord], labels: list[LabelRecord], task: Task) -> LabelledProfile:
    request = ProfileRequest(
        RowSource(table=predictions_table(records, {})),
        RowSource(table=labels_table(labels)) if labels else RowSource(),
        START,
        START + HOUR,
        task=task,
        positive_class="1",
    )
    return engine.profile(request).labelled


def assert_alike(got: Any, expected: Any, where: str = "") -> None:
    if isinstance(expected, msgspec.Struct):
        for name in expected.__struct_fields__:
            assert_alike(getattr(got, name), getattr(expected, name), f"{where}.{name}")
    elif isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for key in expected:
            assert_alike(got[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected), where
        for place, pair in enumerate(zip(got, expected, strict=True)):
            assert_alike(*pair, f"{where}[{place}]")
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, rel=1e-12, abs=1e-12), where
    else:
        assert got == expected, where


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize(("n", "seed"), [(2, 0), (30, 1), (500, 2)])
def test_the_profile_is_the_definitions(engine: Engine, task: Task, n: int, seed: int) -> None:
    records, truth = draw(task, n, seed)
    got = profiled(engine, records, [label(r, y) for r, y in zip(records, truth, strict=True)], task)
    expected = msgspec.structs.replace(profile_rows(rows_of(records, truth), task, "1"), delay=got.delay)
    assert_alike(got, expected)
    assert got.delay.n == n
    assert got.delay.quantile(0.5) == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize("task", list(Task))
def test_labels_in_any_order_and_however_late_give_the_same_bits(engine: Engine, task: Task) -> None:
    records, truth = draw(task, 300, 7)
    on_time = [label(r, y) for r, y in zip(records, truth, strict=True)]
    days = timedelta(days=40)
    late = [msgspec.structs.replace(x, received_time=x.received_time + days) for x in reversed(on_time)]
    expected = profiled(engine, records, on_time, task)
    order = np.random.default_rng(1).permutation(len(records))
    got = profiled(engine, [records[i] for i in order], late, task)
    assert got == expected


@pytest.mark.parametrize("task", list(Task))
def test_a_corrected_label_replaces_the_one_before_and_the_delay_is_the_first_ones(engine: Engine, task: Task) -> None:
    records, truth = draw(task, 60, 3)
    wrong = [label(r, truth[0], minutes=1) for r in records]
    right = [label(r, y, minutes=9) for r, y in zip(records, truth, strict=True)]
    got = profiled(engine, records, right + wrong, task)
    expected = profiled(engine, records, right, task)
    assert msgspec.structs.replace(got, delay=expected.delay) == expected
    assert got.delay.quantile(0.5) == pytest.approx(60, rel=0.01)


def test_of_labels_of_one_time_the_last_received_counts_and_of_equal_ones_always_the_same(engine: Engine) -> None:
    record = prediction(1, 1.0)
    first, second = label(record, 2.0), label(record, 5.0)
    later = msgspec.structs.replace(first, received_time=first.received_time + HOUR)
    for labels in ([later, second], [second, later]):
        assert profiled(engine, [record], labels, Task.REGRESSION).errors.total == -1.0
    one, other = (profiled(engine, [record], each, Task.REGRESSION) for each in ([first, second], [second, first]))
    assert one == other


@pytest.mark.parametrize("task", list(Task))
def test_without_labels_only_predictions_are_counted(engine: Engine, task: Task) -> None:
    records, _ = draw(task, 20, 3)
    assert profiled(engine, records, [], task) == LabelledProfile(0, 20)
    stranger = label(prediction(99, 1, prediction_id="nobody"), 1)
    assert profiled(engine, records, [stranger], task) == LabelledProfile(0, 20)


def test_a_score_per_class_stands_in_for_the_missing_score_of_the_positive_class(engine: Engine) -> None:
    records, truth = draw(Task.BINARY, 100, 4)
    labels = [label(r, y) for r, y in zip(records, truth, strict=True)]
    expected = profiled(engine, records, labels, Task.BINARY)
    moved = [
        msgspec.structs.replace(r, score=None, scores={"0": 1 - r.score, "1": r.score}) if i % 2 else r
        for i, r in enumerate(records)
    ]
    assert profiled(engine, moved, labels, Task.BINARY) == expected


def test_values_that_are_no_numbers_are_left_out(engine: Engine) -> None:
    records = [prediction(i, v) for i, v in enumerate([1.0, math.inf, "many", 2.0, 1e200])]
    got = profiled(engine, records, [label(r, 1.5) for r in records], Task.REGRESSION)
    assert (got.labelled, got.errors.n, got.errors.square) == (5, 2, 0.5)


def test_scores_that_are_no_probabilities_are_counted_as_such(engine: Engine) -> None:
    records = [prediction(i, i % 2, score=s) for i, s in enumerate([0.2, 3.0, -1.0, math.nan, 0.9])]
    got = profiled(engine, records, [label(r, 1) for r in records], Task.BINARY)
    assert (got.probabilities.n, got.probabilities.outside) == (2, 2)
    assert got.scores.positives == 4


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.MULTILABEL])
def test_a_row_whose_scores_name_no_class_has_none(engine: Engine, task: Task) -> None:
    records, truth = draw(task, 60, 6)
    half = [msgspec.structs.replace(r, scores={}) if i % 2 else r for i, r in enumerate(records)]
    got = profiled(engine, half, [label(r, y) for r, y in zip(half, truth, strict=True)], task)
    assert_alike(got, msgspec.structs.replace(profile_rows(rows_of(half, truth), task), delay=got.delay))
    assert max(got.probabilities.n, got.multilabel.probabilities.n) == 30


def test_scores_that_add_up_to_more_than_one_are_summed_as_they_are(engine: Engine) -> None:
    scores = {f"c{i}": 1 - i / 1000 for i in range(100)}
    records = [prediction(i, f"c{i}", scores=scores) for i in range(60)]
    truth = [f"c{i % 7}" for i in range(60)]
    got = profiled(engine, records, [label(r, y) for r, y in zip(records, truth, strict=True)], Task.MULTICLASS)
    expected = profile_rows(rows_of(records, truth), Task.MULTICLASS)
    assert_alike(got.probabilities, expected.probabilities)
    assert got.probabilities.brier > 60 * 80


@pytest.mark.parametrize("task", list(Task))
def test_rows_without_any_score_have_the_metrics_that_need_none(engine: Engine, task: Task) -> None:
    records, truth = draw(task, 40, 5)
    bare = [msgspec.structs.replace(r, score=None, scores=None) for r in records]
    got = profiled(engine, bare, [label(r, y) for r, y in zip(bare, truth, strict=True)], task)
    assert_alike(got, msgspec.structs.replace(profile_rows(rows_of(bare, truth), task, "1"), delay=got.delay))
    assert got.labelled == 40
    assert not got.scores.buckets
    assert not got.classes


@pytest.mark.parametrize("task", list(Task))
def test_answers_of_another_kind_than_the_tasks_stop_nothing(engine: Engine, task: Task) -> None:
    records = [
        prediction(i, v, score=math.inf, scores={"a": math.nan}) for i, v in enumerate(["x", 1, True, 2.5, "[", ""])
    ]
    values: list[Any] = ["", "[]", 7, "x|", True, -1e300]
    got = profiled(engine, records, [label(r, y) for r, y in zip(records, values, strict=True)], task)
    assert got.labelled == 6
