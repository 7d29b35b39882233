"""Sums of floating-point values are exact to the last bit, in whatever order the rows are."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from monitor.engines.exact_sql import Sum, exact_sums


@pytest.mark.parametrize("seed", range(5))
def test_a_sum_is_the_exact_one_rounded_once_whatever_the_sizes_and_the_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=500) * 10.0 ** random.integers(-9, 6, 500)
    connection, largest = duckdb.connect(), float(abs(values).max())
    for order in (np.arange(500), random.permutation(500)):
        connection.register("t", pa.table({"x": values[order]}))
        sums = exact_sums(connection, "t", [Sum("x", largest), Sum("x * x", largest**2)], 500)
        assert sums == [math.fsum(values), math.fsum(values * values)]


def test_no_rows_and_no_values_add_up_to_nothing() -> None:
    connection = duckdb.connect()
    connection.register("t", pa.table({"x": pa.nulls(3, pa.float64())}))
    assert exact_sums(connection, "t", [Sum("x"), Sum("x", 0.0)], 3) == [0.0, 0.0]
    assert exact_sums(connection, "(SELECT * FROM t WHERE false)", [Sum("x")], 0) == [0.0]
