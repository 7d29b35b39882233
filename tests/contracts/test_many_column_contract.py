"""Every many-column method is quiet when nothing drifted, sees what it claims to see, and survives odd data."""

from __future__ import annotations

from math import isfinite

import numpy as np
import pyarrow as pa
import pytest

from monitor.drift.many import FittedMethod, ManyColumnMethod, get_many_column_method
from monitor.errors import ConfigError
from monitor.plugins import MANY_COLUMN_METHODS
from monitor.points import Status
from tests.drift.many.rows import mixed, timed

METHODS = MANY_COLUMN_METHODS.names()
OURS = {"centroid", "correlation_change", "domain_classifier", "mmd", "pca_reconstruction"}
REFERENCE = mixed(np.random.default_rng(0), 1500)


@pytest.fixture(scope="module", params=METHODS)
def method(request: pytest.FixtureRequest) -> ManyColumnMethod:
    return get_many_column_method(request.param)


@pytest.fixture(scope="module")
def fitted(method: ManyColumnMethod) -> FittedMethod:
    return method.fit(REFERENCE)


def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_method_names_itself_and_its_source(method: ManyColumnMethod) -> None:
    assert get_many_column_method(method.name) is method
    assert method.source


def test_equal_rows_and_seeds_give_equal_verdicts(fitted: FittedMethod) -> None:
    rows = mixed(np.random.default_rng(3), 200)
    assert fitted.judge(rows, random()) == fitted.judge(rows, random())


def test_a_verdict_holds_together(fitted: FittedMethod) -> None:
    verdict = fitted.judge(mixed(np.random.default_rng(3), 200), random())
    assert verdict.status is Status.OK
    assert (verdict.n, verdict.breach, verdict.columns) == (200, False, ())
    assert verdict.value is not None
    assert isfinite(verdict.value)
    assert verdict.p_value is not None
    assert 0 < verdict.p_value <= 1
    assert verdict.why


def test_few_false_alarms_in_twelve_small_windows(method: ManyColumnMethod) -> None:
    alarms = 0
    for seed in range(12):
        rows = np.random.default_rng([9, seed])
        alarms += method.fit(mixed(rows, 200)).judge(mixed(rows, 50), rows).breach
    assert alarms <= 1  # at 1 % two and more have a chance of 1 in 160


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("n", [50, 300, 1000, 5000])
def test_false_alarms_are_at_most_one_percent(method: ManyColumnMethod, n: int) -> None:
    seeds = 300 if n < 1000 else 100
    alarms = 0
    for seed in range(seeds):
        rows = np.random.default_rng([n, seed])
        alarms += method.fit(mixed(rows, 1000)).judge(mixed(rows, n), rows).breach
    assert alarms <= seeds * 0.01 + 2.6 * (seeds * 0.01) ** 0.5


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_too_few_rows_are_insufficient(method: ManyColumnMethod, fitted: FittedMethod, rows: int) -> None:
    few = mixed(np.random.default_rng(1), 49).slice(0, rows)
    assert fitted.judge(few, random()).status is Status.INSUFFICIENT
    assert method.fit(few).judge(REFERENCE, random()).status is Status.INSUFFICIENT


def test_nothing_but_constants_is_undefined(method: ManyColumnMethod) -> None:
    constants = pa.table({"a": np.ones(100), "b": ["x"] * 100, "c": pa.nulls(100, pa.string())})
    verdict = method.fit(constants).judge(constants, random())
    assert (verdict.status, verdict.value, verdict.breach) == (Status.UNDEFINED, None, False)
    assert verdict.why


def test_no_columns_at_all_are_undefined(method: ManyColumnMethod) -> None:
    bare = timed(pa.table({"prediction": ["x"] * 100}))
    assert method.fit(bare).judge(bare, random()).status is Status.UNDEFINED


def test_odd_columns_stop_nothing(fitted: FittedMethod) -> None:
    odd = mixed(
        np.random.default_rng(5),
        200,
        x0=np.full(200, np.inf),
        x1=pa.nulls(200, pa.float64()),
        heavy=["text"] * 200,
        colour=np.arange(200.0),
        x5=np.full(200, 1e308),
    ).drop_columns(["holes", "flag"])
    verdict = fitted.judge(odd, random())
    assert verdict.status is Status.OK
    assert verdict.value is not None
    assert not np.isnan(verdict.value)


def test_one_value_of_a_million_is_no_drift(fitted: FittedMethod) -> None:
    rows = mixed(np.random.default_rng(3), 200)
    wild = np.append(rows.column("x0").to_numpy()[:-1], 1e6)
    assert not fitted.judge(rows.set_column(0, "x0", pa.array(wild)), random()).breach


def test_many_numbers_that_moved_together_are_found(method: ManyColumnMethod, fitted: FittedMethod) -> None:
    if method.name == "correlation_change":
        pytest.skip("it looks at correlations only")
    rows = mixed(np.random.default_rng(5), 400)
    moved = {f"x{i}": rows.column(f"x{i}").to_numpy() + (2.5 if i % 2 else -2.5) for i in range(6)}
    verdict = fitted.judge(mixed(np.random.default_rng(5), 400, **moved), random())
    assert verdict.breach
    assert verdict.columns


def test_what_the_baseline_does_over_time_is_no_drift(method: ManyColumnMethod) -> None:
    """Every day of the baseline has a level of its own, and so has the window."""
    rows = np.random.default_rng(8)

    def days(levels: np.ndarray) -> pa.Table:
        level, n = np.repeat(levels, 100), 100 * levels.size
        return mixed(rows, n, **{f"x{i}": rows.normal(size=n) + (level if i % 2 else -level) for i in range(6)})

    fitted = method.fit(timed(days(rows.normal(size=20))))
    assert not fitted.judge(days(np.array([0.7])), random()).breach


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="centroid, correlation_change, domain_classifier, mmd, pca_reconstruction"):
        get_many_column_method("vibes")
    assert set(METHODS) >= OURS
