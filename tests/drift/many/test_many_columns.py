"""What the many-column methods compute, against plain definitions, and how a monitor's threshold asks for them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from monitor.drift.many.correlation import correlation_change
from monitor.drift.many.decide import judge_many_columns
from monitor.drift.many.domain_classifier import _auroc, domain_classifier
from monitor.drift.many.encoding import Encoded, category_codes, encode, normal_scores
from monitor.drift.many.mmd import bandwidth, mmd
from monitor.drift.many.permutation import TimeNull, judge, shuffled, time_null
from monitor.drift.many.rows import pool, read_rows
from monitor.drift.many.shift import shift_of
from monitor.errors import ConfigError, InvalidValue
from monitor.points import Status
from monitor.sample import encode_sample
from tests.drift.many.rows import mixed, timed


def last(rows: int, n: int) -> np.ndarray:
    return (np.arange(rows) >= rows - n)[:, None]


def test_mmd_is_near_its_quadratic_definition() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(300, 4)), random.normal(0.7, 1, size=(200, 4))
    both = np.vstack([x, y])
    width = bandwidth(both, np.random.default_rng(1))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(axis=2) / (2 * width**2))

    within = [(kernel(a, a).sum() - len(a)) / (len(a) * (len(a) - 1)) for a in (x, y)]
    exact = sum(within) - 2 * kernel(x, y).mean()
    ours = [mmd.contrast(Encoded(both, list("abcd")), np.random.default_rng(s))(last(500, 200))[0] for s in range(20)]
    assert np.mean(ours) == pytest.approx(exact, rel=0.05)


def test_auroc_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    scores, labels = random.normal(size=(60, 3)), random.random((60, 3)) < 0.3
    expected = [roc_auc_score(labels[:, i], scores[:, i]) for i in range(3)]
    assert _auroc(scores, labels) == pytest.approx(expected, abs=1e-12)


def test_the_classifier_sees_a_spread_and_a_broken_pair() -> None:
    random = np.random.default_rng(0)
    common = random.normal(size=3000)
    reference = pa.table({"a": common + 0.4 * random.normal(size=3000), "b": common, "c": random.normal(size=3000)})
    fitted = domain_classifier.fit(reference)
    wide = pa.table({"a": common[:300], "b": common[:300], "c": 2 * random.normal(size=300)})
    apart = pa.table({"a": random.normal(size=300), "b": random.normal(size=300), "c": random.normal(size=300)})
    for rows in (wide, apart):
        assert fitted.judge(rows, random).breach


def test_correlation_change_is_the_largest_change_of_fishers_z() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 4))
    rows[300:, 1] += rows[300:, 0]
    before, after = (np.arctanh(np.corrcoef(x, rowvar=False)[np.triu_indices(4, 1)]) for x in (rows[:300], rows[300:]))
    value = correlation_change.contrast(Encoded(rows, list("abcd")), random)(last(500, 200))[0]
    assert value == pytest.approx(np.abs(after - before).max(), rel=1e-5)


def test_columns_that_only_moved_have_no_change_of_correlation() -> None:
    random = np.random.default_rng(0)
    fitted = correlation_change.fit(mixed(random, 1500))
    rows = mixed(random, 400)
    moved = {f"x{i}": 7 + 3 * rows.column(f"x{i}").to_numpy() for i in range(6)}
    assert not fitted.judge(mixed(random, 400, **{n: moved[n] for n in moved}), random).breach
    shuffled_column = {**moved, "x0": random.permutation(moved["x0"])}
    verdict = fitted.judge(mixed(random, 400, **shuffled_column), random)
    assert verdict.breach
    assert "x0" in verdict.columns


def test_normal_scores_are_ranks_whatever_the_scale() -> None:
    values = np.array([1.0, 2.0, 3.0, np.nan, np.inf, -np.inf])
    scores = normal_scores(values)
    assert scores == pytest.approx(normal_scores(np.array([10.0, 200.0, 1e5, np.nan, 1e6, -5.0])))
    assert scores[3] == 0
    assert (scores.mean(), scores[~np.isnan(values)].std()) == pytest.approx((0, 1))


def test_categories_are_counted_from_both_sides_and_ties_go_by_name() -> None:
    codes, names = category_codes(pa.array(["b", "a", None, "b", "c"]))
    assert names == ["b", "a", "c"]
    assert codes.tolist() == [0, 1, -1, 0, 2]


def test_many_columns_of_categories_share_what_memory_there_is() -> None:
    random = np.random.default_rng(0)
    drawn = random.choice([f"c{i}" for i in range(30)], 100)
    few, many = (read_rows(pa.table({f"x{i}": drawn for i in range(columns)})) for columns in (2, 500))
    assert encode(few).matrix.shape == (100, 2 * 21)
    assert encode(many).matrix.shape == (100, 500 * 5)
    assert encode(many).matrix.var(axis=0).sum() == pytest.approx(500)


def test_a_column_of_another_kind_is_missing_in_the_window() -> None:
    reference = read_rows(pa.table({"a": [1.0, 2.0], "b": ["x", "y"]}))
    both = pool(reference, read_rows(pa.table({"a": ["1", "2"], "b": [1.0, 2.0]})))
    assert np.isnan(both.numbers["a"]).tolist() == [False, False, True, True]
    assert both.categories["b"].null_count == 2
    assert set(encode(both).owners) == {"a", "b"}


def test_answers_and_times_are_not_compared() -> None:
    rows = read_rows(timed(pa.table({"a": [1.0], "prediction": ["x"], "score": [0.5]})))
    assert rows.names == ["a"]
    assert rows.time is not None


def test_looks_draw_as_many_rows_as_the_window_has() -> None:
    labels = shuffled(100, 30, np.random.default_rng(0), 50)
    assert set(labels.sum(axis=0)) == {30}


def test_blocks_of_a_restless_baseline_raise_the_limit() -> None:
    random = np.random.default_rng(0)
    level = np.repeat(random.normal(size=10), 100)
    restless = time_null(shift_of(level + random.normal(size=1000)), np.arange(1000.0), random)
    both = np.append(level + random.normal(size=1000), random.normal(1, 1, 100))
    alone = judge(shift_of(both), 1100, 100, random, 0.01, TimeNull())
    in_time = judge(shift_of(both), 1100, 100, random, 0.01, restless)
    assert alone.p_value < 0.01 < in_time.p_value
    assert alone.limit < in_time.limit


def test_a_baseline_without_times_or_with_few_rows_says_nothing_of_time() -> None:
    random = np.random.default_rng(0)
    assert time_null(shift_of(np.arange(1000.0)), None, random).excess == ()
    assert time_null(shift_of(np.arange(200.0)), np.arange(200.0), random).excess == ()


SAMPLE = encode_sample(mixed(np.random.default_rng(0), 800))


@pytest.mark.parametrize("method", ["domain_classifier", "pca_reconstruction"])
def test_a_monitor_asks_for_many_columns(method: str) -> None:
    rows = mixed(np.random.default_rng(1), 200)
    points, verdicts = judge_many_columns(SAMPLE, rows, {"kind": "many_columns", "method": method}, seed=5)
    assert [(p.metric, p.column, p.status, p.n) for p in points] == [("multivariate_drift", "", Status.OK, 200)]
    assert points[0].value == verdicts[0].value
    assert judge_many_columns(SAMPLE, rows, {"kind": "many_columns", "method": method}, seed=5)[1] == verdicts


def test_a_monitor_asks_for_some_columns() -> None:
    moved = mixed(np.random.default_rng(1), 300, x0=np.random.default_rng(2).normal(5, 1, 300))
    for columns, breach in ((["x0", "x1"], True), (["x1", "x2", "colour"], False)):
        threshold = {"kind": "many_columns", "method": "mmd", "columns": columns}
        assert judge_many_columns(SAMPLE, moved, threshold, 1)[1][0].breach is breach


def test_a_difference_below_the_smallest_is_no_breach() -> None:
    moved = mixed(np.random.default_rng(1), 300, x0=np.random.default_rng(2).normal(5, 1, 300))
    threshold = {"kind": "many_columns", "method": "centroid"}
    [found] = judge_many_columns(SAMPLE, moved, threshold, 1)[1]
    [small] = judge_many_columns(SAMPLE, moved, {**threshold, "smallest": 2.0}, 1)[1]
    assert (found.breach, small.breach, small.limit) == (True, False, 2.0)
    assert found.value == small.value


def test_a_monitor_asks_for_embeddings_and_for_texts() -> None:
    random = np.random.default_rng(0)

    def rows(n: int, moved: float, words: str) -> pa.Table:
        notes = [" ".join(random.choice(words.split(), 5)) for _ in range(n)]
        return pa.table({**{f"emb_{i}": random.normal(size=n) + moved for i in range(5)}, "note": notes})

    sample = encode_sample(rows(400, 0, "one two three four five six seven eight nine ten"))
    window = rows(100, 1, "red green blue black white")
    points, verdicts = judge_many_columns(sample, window, {"kind": "embedding"}, 1)
    assert [(p.metric, p.column) for p in points] == [("embedding_drift", "emb")]
    assert verdicts[0].breach
    points, verdicts = judge_many_columns(sample, window, {"kind": "text"}, 1)
    assert [(p.metric, p.column) for p in points] == [
        ("text_length", "note"),
        ("text_new_words", "note"),
        ("text_classifier", "note"),
    ]
    assert [v.breach for v in verdicts[1:]] == [True, True]


def test_more_text_columns_are_more_looks() -> None:
    random = np.random.default_rng(0)

    def rows(n: int) -> pa.Table:
        notes = {f"note{i}": [" ".join(random.choice(list("abcdefgh"), 9)) for _ in range(n)] for i in range(4)}
        return pa.table(notes)

    sample, window = encode_sample(rows(300)), rows(100)
    alone = judge_many_columns(sample, window, {"kind": "text", "columns": ["note1"]}, 1)[1]
    among = judge_many_columns(sample, window, {"kind": "text", "columns": ["note1", "note0", "note2"]}, 1)[1]
    assert len(among) == 9
    chances = [(one.p_value, another.p_value) for one, another in zip(alone, among, strict=False) if one.p_value]
    assert chances
    assert all(another == min(1.0, 3 * one) for one, another in chances)


def test_a_baseline_without_a_sample_is_undefined() -> None:
    for missing in (None, b""):
        points, verdicts = judge_many_columns(missing, mixed(np.random.default_rng(0), 60), {"kind": "many_columns"}, 1)
        assert verdicts[0].status is points[0].status is Status.UNDEFINED
        assert "no sample" in points[0].reason


def test_unknown_kinds_and_methods_are_refused() -> None:
    rows = mixed(np.random.default_rng(0), 60)
    with pytest.raises(InvalidValue, match="'vibes' is not known here; accepted: many_columns, embedding, text"):
        judge_many_columns(SAMPLE, rows, {"kind": "vibes"}, 1)
    with pytest.raises(ConfigError, match="many-column method 'vibes' is not known"):
        judge_many_columns(SAMPLE, rows, {"kind": "many_columns", "method": "vibes"}, 1)
