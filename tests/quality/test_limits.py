"""Ranges are the baseline's, as wide as its ordinary blocks show that they may get."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.profiles import NumericProfile, WindowProfile
from monitor.quality import learn_limits


def window(*values: float) -> WindowProfile:
    return WindowProfile(columns={"x": NumericProfile.of(np.array(values), (0.0,))})


def learnt(*blocks: Sequence[float], declared: dict[str, tuple[float, float]] | None = None) -> tuple[float, float]:
    whole = window(*(value for block in blocks for value in block))
    return learn_limits(whole, [window(*block) for block in blocks], declared=declared).ranges["x"]


def test_a_range_is_widened_by_a_tenth_of_its_width() -> None:
    assert learnt([0.0, 10.0]) == (-1.0, 11.0)
    assert learnt([0.0, 10.0], [0.0, 9.5]) == (-1.0, 11.0)


def test_a_range_is_widened_by_as_much_as_one_block_stands_out() -> None:
    assert learnt([0.0, 6.0], [1.0, 6.0], [0.0, 10.0]) == (-1.0, 14.0)
    assert learnt([0.0, 10.0], [4.0, 10.0], [5.0, 9.0]) == (-4.0, 11.0)


def test_a_constant_has_no_width() -> None:
    assert learnt([3.0, 3.0], [3.0]) == (3.0, 3.0)


def test_a_declared_range_is_taken_as_it_is() -> None:
    assert learnt([0.0, 10.0], declared={"x": (2.0, 3.0)}) == (2.0, 3.0)


def test_a_column_without_a_finite_value_has_no_range() -> None:
    assert learn_limits(window(np.inf, np.nan), [window(np.nan)]).ranges == {}
