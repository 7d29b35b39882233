from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engines import Engine, ProfileRequest, RowSource, get_engine
from monitor.lake import Kind, Lake, labels_table, predictions_table
from monitor.plugins import ENGINES
from monitor.profiles import decode_profile, encode_profile
from monitor.profiles.scored import (
    SAMPLE_ROWS,
    UNITS_PER_SCORE,
    ScoreCells,
    ScoredProfile,
    ScoreSample,
    cell_edges,
    sample_rows,
    score_cells,
)
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Task

START = datetime(2026, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
scores = st.floats(allow_nan=False, allow_infinity=False)
chances = st.floats(0, 1)
groups = st.lists(chances, max_size=20).map(lambda found: ScoreCells.of(np.asarray(found, np.float64)))
samples = st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab"), chances), max_size=8).map(
    lambda rows: ScoreSample(
        tuple(sorted(row[0] for row in rows)),
        tuple(row[1] for row in rows),
        {"a": tuple(row[2] for row in rows), "b": tuple(1 - row[2] for row in rows)} if rows else {},
        len(rows),
    )
)
profiles = st.builds(ScoredProfile, groups, groups, st.integers(0, 9), samples)


@given(st.lists(scores, min_size=2, max_size=30))
def test_cells_are_in_the_order_of_scores(found: list[float]) -> None:
    cells = score_cells(np.asarray(sorted(found)))
    assert (np.diff(cells) >= 0).all()


@given(scores)
def test_a_score_lies_within_its_cell(score: float) -> None:
    (low,), (high,) = cell_edges(score_cells(np.asarray([score])))
    slack = 1e-9 * max(abs(score), 1e-300)
    assert low - slack <= score <= high + slack


def test_a_rare_class_is_told_as_finely_as_a_common_one() -> None:
    low, high = cell_edges(score_cells(np.asarray([0.001, 0.5, 0.999])))
    assert (high - low) == pytest.approx([0.001 / 128, 0.25 / 128, 0.001 / 128], rel=0.02)


@given(profiles, profiles, profiles)
def test_merging_is_associative_and_order_free(a: ScoredProfile, b: ScoredProfile, c: ScoredProfile) -> None:
    zero = ScoredProfile()
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert zero.merge(a).merge(zero) == a.merge(zero)
    assert a.merge(b).rows == a.rows + b.rows


@given(st.lists(chances, max_size=30), st.integers(0, 30))
def test_the_profile_of_all_rows_is_the_merge_of_its_parts(found: list[float], at: int) -> None:
    values = np.asarray(found, np.float64)
    assert ScoreCells.of(values[:at]).merge(ScoreCells.of(values[at:])) == ScoreCells.of(values)


def test_a_sample_holds_the_thousand_smallest_hashes_however_it_is_merged() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.permutation(5000).tolist()
    parts = [
        ScoreSample(tuple(part), ("a",) * len(part), {"a": tuple(h / 5000 for h in part)}, len(part))
        for part in (sorted(hashes[i : i + 500]) for i in range(0, 5000, 500))
    ]
    forth, back = ScoreSample(), ScoreSample()
    for part in parts:
        forth = forth.merge(part)
    for part in reversed(parts):
        back = back.merge(part)
    assert forth == back
    assert forth.hashes == tuple(range(SAMPLE_ROWS))
    assert forth.rows == 5000


def test_a_sample_of_many_classes_has_fewer_rows_and_of_very_many_none() -> None:
    assert [sample_rows(classes) for classes in (0, 3, 6, 10, 100, 101)] == [1000, 1000, 1000, 600, 60, 0]
    wide = [
        ScoreSample(
            tuple(range(first, 2000, 4)),
            ("a",) * 500,
            {f"{first}-{i}": (0.1,) * 500 for i in range(5)},
            500,
        )
        for first in range(4)
    ]
    forth, back = wide[0], wide[3]
    for part in wide[1:]:
        forth = forth.merge(part)
    for part in (wide[2], wide[1], wide[0]):
        back = back.merge(part)
    assert forth.hashes == back.hashes == tuple(range(300))


def test_a_class_that_only_some_rows_have_is_missing_in_the_others() -> None:
    merged = ScoreSample((1,), ("a",), {"a": (0.9,)}, 1).merge(ScoreSample((2,), ("b",), {"b": (0.8,)}, 1))
    assert merged.scores["a"][0] == 0.9
    assert math.isnan(merged.scores["a"][1])
    assert math.isnan(merged.scores["b"][0])


def test_scores_that_are_not_finite_are_in_no_cell() -> None:
    assert ScoreCells.of(np.asarray([np.nan, np.inf, -np.inf])).cells == {}
    assert ScoreCells.of(np.empty(0)).rows == 0


def predictions(n: int = 300, classes: int = 2) -> list[PredictionRecord]:
    rng = np.random.default_rng(3)
    made = []
    for i in range(n):
        shares = rng.dirichlet(np.ones(classes))
        names = [str(c) for c in range(classes)]
        failed, bare = i % 17 == 0, i % 19 == 0
        made.append(
            PredictionRecord(
                model="m",
                prediction_id=f"p{i}",
                event_time=START + 2 * HOUR * i / n,
                received_time=START + 3 * HOUR,
                features={"age": float(i), "plan": "ab"[i % 2]},
                prediction=None if failed else names[int(shares.argmax())],
                score=None if failed or bare or classes > 2 or i % 5 == 0 else float(shares[1]),
                scores=None if failed or bare else dict(zip(names, shares.tolist(), strict=True)),
            )
        )
    return made


def stored(folder: Path, records: list[PredictionRecord]) -> tuple[RowSource, RowSource]:
    lake = Lake(str(folder))
    lake.append("m", Kind.PREDICTIONS, predictions_table(records, {}), collector="c", through=1)
    given = [
        LabelRecord(model="m", prediction_id=r.prediction_id, label=1, label_time=START, received_time=START)
        for r in records[::2]
    ]
    lake.append("m", Kind.LABELS, labels_table(given), collector="c", through=2)
    return RowSource(lake.files("m", Kind.PREDICTIONS)), RowSource(lake.files("m", Kind.LABELS))


@pytest.fixture(params=ENGINES.names())
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def test_an_engine_counts_scores_as_the_definition_does(engine: Engine, tmp_path: Path) -> None:
    records = predictions()
    rows, labels = stored(tmp_path, records)
    request = ProfileRequest(rows, labels, START, START + 2 * HOUR, task=Task.BINARY, positive_class="1", scored=True)
    found = engine.profile(request).scored
    kept = [r for r in records if r.prediction is not None and r.scores is not None]
    hits = np.asarray([r.scores["1"] for r in kept if r.prediction == "1" and r.scores])
    misses = np.asarray([r.scores["1"] for r in kept if r.prediction != "1" and r.scores])
    predicted = sum(r.prediction is not None for r in records)
    assert found == ScoredProfile(ScoreCells.of(hits), ScoreCells.of(misses), predicted - len(kept))


def test_an_engine_samples_the_scores_of_several_classes(engine: Engine, tmp_path: Path) -> None:
    records = predictions(classes=3)
    rows, labels = stored(tmp_path, records)
    request = ProfileRequest(rows, labels, START, START + 2 * HOUR, task=Task.MULTICLASS, scored=True)
    found = engine.profile(request).scored
    kept = {tuple(r.scores.values()): r.prediction for r in records if r.prediction is not None and r.scores}
    given = dict(zip(zip(*found.sample.scores.values(), strict=True), found.sample.predictions, strict=True))
    assert given == kept
    assert found.sample.rows == len(kept)
    first, second = (
        engine.profile(ProfileRequest(rows, labels, start, start + HOUR, task=Task.MULTICLASS, scored=True)).scored
        for start in (START, START + HOUR)
    )
    assert first.merge(second) == found


def test_scores_are_not_profiled_unasked(engine: Engine, tmp_path: Path) -> None:
    rows, labels = stored(tmp_path, predictions())
    request = ProfileRequest(rows, labels, START, START + 2 * HOUR, task=Task.BINARY, positive_class="1")
    assert engine.profile(request).scored == ScoredProfile()


def test_margins_and_numbers_beyond_any_chance_are_counted(engine: Engine, tmp_path: Path) -> None:
    odd = [-1e308, -2.5, -1e-9, 0.0, 5e-324, 1e-12, 0.5, 1 - 1e-12, 1.0, 1 + 1e-9, 7.0, 1e308]
    records = [msgspec.structs.replace(r, score=s, scores=None) for r, s in zip(predictions(12)[:12], odd, strict=True)]
    records = [msgspec.structs.replace(r, prediction="1") for r in records]
    rows, labels = stored(tmp_path, records)
    request = ProfileRequest(rows, labels, START, START + 2 * HOUR, task=Task.BINARY, positive_class="1", scored=True)
    found = engine.profile(request)
    assert found.scored.positive == ScoreCells.of(np.asarray(odd))
    assert found.scored.positive.rows == 12
    assert sum(total for _, total in found.scored.positive.cells.values()) == round(5.5 * UNITS_PER_SCORE)
    assert decode_profile(encode_profile(found)) == found


def test_labelled_rows_come_once_each_and_always_the_same(engine: Engine, tmp_path: Path) -> None:
    records = predictions()
    rows, labels = stored(tmp_path, records)
    every = engine.labelled_rows(rows, labels, START, START + 2 * HOUR, {}, 1000)
    assert every.num_rows == sum(r.prediction is not None for r in records[::2])
    assert set(every.column("label").to_pylist()) == {"1"}
    some = engine.labelled_rows(rows, labels, START, START + 2 * HOUR, {}, 10)
    assert some.num_rows == 10
    assert some.equals(every.slice(0, 10))
    assert engine.labelled_rows(rows, RowSource(), START, START + HOUR, {}, 10).num_rows == 0
    assert engine.labelled_rows(RowSource(), labels, START, START + HOUR, {}, 10).num_rows == 0
