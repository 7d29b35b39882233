"""Every drift method keeps what it declares: zero for equal shares, its bound, its symmetry, scale freedom."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon as scipy_jensenshannon

from monitor.drift import DriftMethod, get_method
from monitor.errors import ConfigError
from monitor.plugins import DRIFT_METHODS

METHODS = DRIFT_METHODS.names()
counts = st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(sum).map(lambda c: np.array(c, dtype=float))


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> DriftMethod:
    return get_method(request.param)


@given(a=counts, b=counts)
def test_bounds_symmetry_and_identity(a: np.ndarray, b: np.ndarray) -> None:
    for name in METHODS:
        method = get_method(name)
        assert method(a, a) == pytest.approx(0, abs=1e-7)
        assert method(a, 3 * a) == pytest.approx(0, abs=1e-7)
        assert 0 <= method(a, b) <= method.largest + 1e-9
        if method.symmetric:
            assert method(a, b) == pytest.approx(method(b, a))


def test_bin_order_does_not_matter(method: DriftMethod) -> None:
    a, b, order = np.array([5.0, 0, 2, 9]), np.array([1.0, 7, 2, 3]), [2, 0, 3, 1]
    assert method(a, b) == pytest.approx(method(a[order], b[order]))


def test_no_rows_on_one_side_has_no_distance(method: DriftMethod) -> None:
    assert math.isnan(method(np.zeros(3), np.ones(3)))
    assert math.isnan(method(np.ones(3), np.zeros(3)))


def test_every_method_names_itself_and_its_source() -> None:
    for name in METHODS:
        assert get_method(name).name == name
        assert get_method(name).source


@given(a=counts, b=counts)
def test_jensenshannon_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    assert get_method("jensenshannon")(a, b) == pytest.approx(float(scipy_jensenshannon(a, b)), abs=1e-7)


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="hellinger, jensenshannon, psi"):
        get_method("vibes")
