"""PCA reconstruction has NannyML's values, and decisions that do not depend on one wild value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitor.drift.many.method import get_many_column_method
from monitor.drift.many.pca import Components
from monitor.drift.many.rows import read_rows, take
from tests.drift.peers.nannyml_pca import frame

# tests/drift/peers/nannyml_pca.py, NannyML 0.13.1: chunks of 400 rows against a reference of 2,000.
NANNYML = {
    (1, False): [1.3821766381633482, 1.398299335397213, 1.422528728349186, 1.3234426121451042, 1.3915450829953726],
    (2, False): [1.417792380959441, 1.4075790541360644],
    (3, True): [1.747783784199334, 1.7144527194074015],
}


def table(seed: int, rows: int, moved: bool = False) -> pa.Table:
    return pa.Table.from_pandas(frame(seed, rows, moved), preserve_index=False)


@pytest.mark.parametrize(("seed", "moved"), NANNYML)
def test_values_are_nannymls(seed: int, moved: bool) -> None:
    components = Components.of(read_rows(table(1, 2000)))
    expected = NANNYML[seed, moved]
    rows = read_rows(table(seed, 400 * len(expected), moved))
    chunks = [take(rows, np.arange(400 * i, 400 * (i + 1))) for i in range(len(expected))]
    assert [float(components.errors(chunk).mean()) for chunk in chunks] == pytest.approx(expected, rel=1e-9)


def test_the_verdicts_value_is_nannymls_too() -> None:
    fitted = get_many_column_method("pca_reconstruction").fit(table(1, 2000))
    verdict = fitted.judge(table(3, 800, moved=True).slice(0, 400), np.random.default_rng(0))
    assert verdict.value == pytest.approx(NANNYML[3, True][0], rel=1e-9)
    assert verdict.breach
    assert set(verdict.columns) <= {"a", "b", "c", "place"}


def test_one_wild_value_neither_makes_a_drift_nor_hides_one() -> None:
    fitted = get_many_column_method("pca_reconstruction").fit(table(1, 2000))
    for moved in (False, True):
        rows = frame(4, 400, moved)
        rows.loc[7, "e"] = 1e6
        verdict = fitted.judge(pa.Table.from_pandas(rows, preserve_index=False), np.random.default_rng(0))
        assert verdict.breach is moved


def test_a_wild_value_in_the_baseline_hides_nothing() -> None:
    reference = frame(1, 2000, moved=False)
    reference.loc[[3, 4, 5], ["a", "b", "c"]] = 1e9
    fitted = get_many_column_method("pca_reconstruction").fit(pa.Table.from_pandas(reference, preserve_index=False))
    assert fitted.judge(table(3, 400, moved=True), np.random.default_rng(0)).breach
    assert not fitted.judge(table(2, 400), np.random.default_rng(0)).breach


def test_the_first_components_with_more_than_65_percent_of_the_variance_are_kept() -> None:
    random = np.random.default_rng(0)
    independent = pa.table({f"x{i}": random.normal(size=1000) for i in range(10)})
    assert Components.of(read_rows(independent)).directions.shape == (7, 10)
    one = random.normal(size=1000)
    same = pa.table({f"x{i}": one for i in range(10)})
    assert Components.of(read_rows(same)).directions.shape == (1, 10)
