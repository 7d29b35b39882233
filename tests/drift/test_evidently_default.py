"""`evidently_default` gives the values (to 1e-9) and verdicts of the Evidently that is installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift
from evidently.metrics.column_statistics import ValueDriftCalculation
from evidently.presets import DataDriftPreset

from monitor.drift.presets import EvidentlyDefault, Finding, PresetVerdict
from monitor.drift.presets.evidently_tests import TESTS
from monitor.errors import InvalidValue
from monitor.points import Status

FILES = (
    "bank_marketing",
    "beijing_pm25",
    "bike_sharing_hour",
    "car_loan_dq_synthetic",
    "census_employment_ma",
    "credit_card_multiclass_synthetic",
    "electricity",
)
# Reference and current as shares of the rows in time order: halves, two short pieces (below 1,000 rows where the file
# is small), a third against what comes next.
SPLITS = ((0, 0.5, 1), (0, 0.06, 0.1), (0.1, 0.4, 0.45))
Peer = dict[str, tuple[float, bool]]


@pytest.fixture(scope="module", autouse=True)
def no_pictures() -> Iterator[None]:
    """Drawing is nearly all that Evidently spends its time on, and comes after values and verdicts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ValueDriftCalculation, "_render", lambda *_: [])
        patch.setattr(DataDriftPreset, "render", lambda *_: [])
        yield


def theirs(reference: pd.DataFrame, current: pd.DataFrame, **options: Any) -> tuple[Peer, int]:
    """Evidently's value and verdict by column, and how many columns it counts as drifted."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = Report([DataDriftPreset(**options)], include_tests=True).run(current, reference)
        values, drifted = {}, -1
        for metric, held in zip(result.dict()["metrics"], result.metric_results.values(), strict=True):
            if "column" in metric["config"]:
                values[metric["config"]["column"]] = (float(held.value), held.tests[0].status.value == "FAIL")
            else:
                drifted = int(metric["value"]["count"])
    return values, drifted


def one_column(
    reference: pd.Series[Any], current: pd.Series[Any], kind: str, **options: Any
) -> tuple[float, bool] | None:
    """Evidently's value and verdict of one column of a declared kind; None where it raises an error."""
    lists = {"num": "numerical_columns", "cat": "categorical_columns", "text": "text_columns"}
    definition = DataDefinition(**{lists[kind]: ["x"]})
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            sides = [
                Dataset.from_pandas(pd.DataFrame({"x": side}), data_definition=definition)
                for side in (current, reference)
            ]
            (held,) = (
                Report([ValueDrift(column="x", **options)], include_tests=True).run(*sides).metric_results.values()
            )
        except Exception:
            return None
        return float(held.value), held.tests[0].status.value == "FAIL"


def ours(reference: pd.Series[Any], current: pd.Series[Any], kind: str, **options: Any) -> PresetVerdict:
    preset = EvidentlyDefault(kinds={"x": kind}, **options)
    (verdict,) = preset.judge(pd.DataFrame({"x": reference}), pd.DataFrame({"x": current}))
    return verdict


def assert_equal(verdict: PresetVerdict, peer: tuple[float, bool]) -> None:
    value, drifted = peer
    if np.isnan(value):
        assert verdict.status is Status.UNDEFINED
    else:
        assert verdict.value == pytest.approx(value, rel=1e-9, abs=1e-9), verdict
    assert verdict.drifted is drifted, verdict


@pytest.mark.parametrize("split", SPLITS, ids=["halves", "short", "next"])
@pytest.mark.parametrize("name", FILES)
def test_real_data_is_judged_as_evidently_judges_it(shared_data: Path, name: str, split: tuple[float, ...]) -> None:
    rows = pd.read_parquet(shared_data / f"{name}.parquet")
    # In time order, with the same kinds of columns; all rows are compared by the slow test.
    assert_judged_alike(rows.iloc[:: max(1, len(rows) // 12_000)], split)


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS, ids=["halves", "short", "next"])
@pytest.mark.parametrize("name", FILES)
def test_all_rows_are_judged_as_evidently_judges_them(shared_data: Path, name: str, split: tuple[float, ...]) -> None:
    assert_judged_alike(pd.read_parquet(shared_data / f"{name}.parquet"), split)


def assert_judged_alike(rows: pd.DataFrame, split: tuple[float, ...]) -> None:
    first, middle, last = (int(share * len(rows)) for share in split)
    reference, current = rows.iloc[first:middle], rows.iloc[middle:last]
    preset = EvidentlyDefault()
    verdicts = preset.judge(reference, current)
    peers, drifted = theirs(reference, current)
    assert {verdict.name for verdict in verdicts if verdict.status is Status.OK} == set(peers)
    for verdict in verdicts:
        if verdict.name in peers:
            assert_equal(verdict, peers[verdict.name])
    whole = preset.judge_dataset(reference, current)
    assert (whole.drifted_columns, whole.columns) == (drifted, len(peers))
    assert whole.drifted is (drifted / len(peers) >= 0.5)


def numbers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(42)
    return random.normal(0, 1, 2000), random.normal(0.25, 1.2, 1500)


def letters() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    before = random.choice(list("abcd"), 2000, p=[0.5, 0.3, 0.15, 0.05])
    return before, random.choice(list("abcde"), 1500, p=[0.4, 0.3, 0.2, 0.05, 0.05])


GOLDEN = [
    ("num", "psi", 0.17120333682183073),
    ("num", "jensenshannon", 0.1399160300301208),
    ("num", "kl_div", 0.0701735693916975),
    ("num", "wasserstein", 0.3442175469120625),
    ("num", "ks", 1.550858573697778e-18),
    ("num", "hellinger", 0.144688389137244),
    ("num", "ed", 0.26190994795856265),
    ("cat", "psi", 0.3476629061158291),
    ("cat", "jensenshannon", 0.15200521378211698),
    ("cat", "kl_div", 0.07343849235290492),
    ("cat", "chisquare", 0.0),
    ("cat", "hellinger", 0.1745885500332831),
]


@pytest.mark.parametrize(("kind", "method", "value"), GOLDEN)
def test_golden_values(kind: str, method: str, value: float) -> None:
    reference, current = map(pd.Series, numbers() if kind == "num" else letters())
    assert ours(reference, current, kind, method=method).value == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("method", sorted(TESTS))
def test_every_test_that_can_be_named_is_evidentlys(method: str) -> None:
    random = np.random.default_rng(3)
    for kind in ("num", "cat"):
        binary = method in ("z", "fisher_exact")
        sides = [random.normal(shift, 1, 60) if kind == "num" else random.integers(0, 2 if binary else 4, 60)
                 for shift in (0, 0.3)]  # fmt: skip
        reference, current = map(pd.Series, sides)
        peer = one_column(reference, current, kind, method=method)
        verdict = ours(reference, current, kind, method=method)
        if peer is None:
            assert verdict.status is Status.UNDEFINED
        else:
            assert_equal(verdict, peer)


@pytest.mark.parametrize("rows", [30, 1000, 1001])
@pytest.mark.parametrize("distinct", [1, 2, 3, 5, 6, 25])
@pytest.mark.parametrize("kind", ["num", "cat"])
def test_the_choice_of_tests_is_evidentlys(kind: str, distinct: int, rows: int) -> None:
    random = np.random.default_rng([distinct, rows])
    reference = pd.Series(random.integers(0, distinct, rows).astype(float))
    current = pd.Series(
        np.minimum(random.integers(0, distinct, rows // 2 + 1), random.integers(0, distinct)).astype(float)
    )
    peer = one_column(reference, current, kind)
    verdict = ours(reference, current, kind)
    if peer is None:
        assert verdict.status is Status.UNDEFINED
    else:
        assert_equal(verdict, peer)


NAN, INF = float("nan"), float("inf")
BASE = np.random.default_rng(5).normal(size=300)
ODD: Mapping[str, tuple[str, Any, Any]] = {
    "unseen categories": ("cat", list("aabbc") * 20, list("aabbd") * 20),
    "a lost category": ("cat", list("aabbc") * 20, list("aabbb") * 20),
    "all other categories": ("cat", list("ab") * 20, list("cd") * 20),
    "missing numbers": ("num", np.where(BASE > 0, BASE, NAN), BASE),
    "missing texts": ("cat", ["a", None, "b", "c"] * 30, ["a", "b", None, None] * 30),
    "infinite numbers": ("num", np.append(BASE, [INF, -INF]), np.append(BASE, INF)),
    "infinite and missing": ("num", np.append(BASE, [INF, NAN]), np.append(BASE + 1, [-INF, NAN])),
    "constant": ("num", np.ones(50), np.ones(50)),
    "another constant": ("num", np.ones(50), np.zeros(50)),
    "constant and many rows": ("num", np.ones(1200), np.ones(1200)),
    "constant that begins to vary": ("num", np.ones(1200), np.arange(1200.0)),
    "one category": ("cat", ["a"] * 50, ["a"] * 40),
    "another category": ("cat", ["a"] * 50, ["b"] * 40),
    "booleans": ("cat", np.arange(100) % 2 == 0, np.arange(100) % 3 == 0),
    "booleans as numbers": ("num", np.arange(100) % 2 == 0, np.arange(100) % 3 == 0),
    "booleans with gaps": ("cat", [True, None, False] * 20, [True, False, False] * 20),
    "no values now": ("num", BASE, np.full(50, NAN)),
    "no values before": ("num", np.full(50, NAN), BASE),
    "no rows now": ("num", BASE, np.array([], dtype=float)),
    "only infinite": ("num", BASE, np.array([INF, -INF])),
    "texts for numbers": ("num", BASE, ["a", "b"] * 10),
    "numbers for lists": ("num", [[1.0, 2.0]] * 20, BASE[:20]),
    "numbers for texts": ("cat", ["a", "b"] * 10, BASE[:20]),
    "one row": ("num", BASE, BASE[:1]),
    "float32": ("num", BASE.astype("float32"), (BASE + 1).astype("float32")),
    "float32 and many rows": ("num", np.tile(BASE, 5).astype("float32"), (BASE + 1).astype("float32")),
    "integers": ("num", np.arange(2000) % 50, np.arange(500) % 40),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_columns_are_judged_as_evidently_judges_them(case: str) -> None:
    kind, *sides = ODD[case]
    reference, current = (pd.Series(side) for side in sides)
    peer = one_column(reference, current, kind)
    verdict = ours(reference, current, kind)
    if peer is None:
        assert verdict.value is None
        assert verdict.finding is not Finding.NONE
        assert verdict.why
    else:
        assert_equal(verdict, peer)


COLOURS = "red green blue amber teal plum rose gold grey pink lime navy olive coral"


def texts(words: str, rows: int, seed: int) -> pd.Series[Any]:
    random = np.random.default_rng(seed)
    return pd.Series([" ".join(random.choice(words.split(), 6)) for _ in range(rows)])


@pytest.mark.parametrize("rows", [pytest.param(200, marks=pytest.mark.slow), 1100])
@pytest.mark.parametrize("other", [COLOURS, "north south east west upward onward"])
def test_texts_are_judged_as_evidently_judges_them(rows: int, other: str) -> None:
    reference, current = texts(COLOURS, rows, 1), texts(other, 150, 2)
    peer = one_column(reference, current, "text")
    assert peer is not None
    assert_equal(ours(reference, current, "text"), peer)


def test_texts_without_a_word_are_a_finding() -> None:
    verdict = ours(pd.Series(["a", "the"] * 50), pd.Series(["of", "an"] * 50), "text")
    assert verdict.status is Status.UNDEFINED
    assert "can't be computed" in verdict.why


def test_methods_and_thresholds_by_column_win_over_kind_and_all() -> None:
    random = np.random.default_rng(9)
    names = ("a", "b", "c", "d")
    reference, current = (
        pd.DataFrame(
            {name: random.normal(shift, 1, 400) for name in "ab"} | {n: random.integers(0, 4, 400) for n in "cd"}
        )
        for shift in (0, 0.15)
    )
    preset = EvidentlyDefault(
        method="psi", kind_methods={"num": "ks"}, column_methods={"a": "t_test"},
        threshold=0.3, kind_thresholds={"cat": 0.002}, column_thresholds={"b": 0.9},
    )  # fmt: skip
    verdicts = {verdict.name: verdict for verdict in preset.judge(reference, current)}
    peers, _ = theirs(
        reference, current, method="psi", num_method="ks", per_column_method={"a": "t_test"},
        threshold=0.3, cat_threshold=0.002, per_column_threshold={"b": 0.9},
    )  # fmt: skip
    assert [verdicts[name].method for name in names] == ["t_test", "ks", "psi", "psi"]
    assert [verdicts[name].threshold for name in names] == [0.3, 0.9, 0.002, 0.002]
    for name in names:
        assert_equal(verdicts[name], peers[name])


def test_columns_of_one_side_only_are_findings_and_kinds_it_does_not_judge_are_named() -> None:
    reference = pd.DataFrame({"a": BASE, "b": BASE, "day": pd.date_range("2026-01-01", periods=300)})
    current = pd.DataFrame({"a": BASE, "c": BASE, "day": pd.date_range("2026-01-01", periods=300)})
    found = {verdict.name: verdict for verdict in EvidentlyDefault().judge(reference, current)}
    assert [found[name].finding for name in ("a", "b", "c", "day")] == [
        Finding.NONE, Finding.MISSING, Finding.NEW, Finding.NOT_JUDGED]  # fmt: skip
    assert "datetime64" in found["day"].why


@pytest.mark.parametrize("rows", [500, 1500])
@pytest.mark.parametrize("missing", [False, True])
def test_the_count_leaves_infinite_values_in_as_evidentlys_does(rows: int, missing: bool) -> None:
    random = np.random.default_rng(0)
    reference = pd.DataFrame({"a": random.normal(size=rows), "b": random.normal(size=rows)})
    current = pd.DataFrame({"a": random.normal(size=300), "b": random.normal(size=300)})
    reference.loc[3, "a"] = INF
    if missing:
        reference.loc[4, "a"] = NAN
    peers, drifted = theirs(reference, current)
    for verdict in EvidentlyDefault().judge(reference, current):
        assert_equal(verdict, peers[verdict.name])
    assert EvidentlyDefault().judge_dataset(reference, current).drifted_columns == drifted


def test_arrow_tables_are_judged_as_data_frames_are() -> None:
    reference, current = pd.DataFrame({"x": BASE}), pd.DataFrame({"x": BASE + 1})
    preset = EvidentlyDefault()
    tables = pa.Table.from_pandas(reference), pa.Table.from_pandas(current)
    assert preset.judge(*tables) == preset.judge(reference, current)


def test_an_unknown_test_names_the_known_ones() -> None:
    with pytest.raises(InvalidValue, match=r"'vibes'.*anderson, chisquare"):
        EvidentlyDefault(method="vibes")


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(InvalidValue, match="two columns are named 'a'"):
        EvidentlyDefault().judge(twice, twice)
