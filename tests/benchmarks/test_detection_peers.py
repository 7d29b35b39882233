"""The peers' scores in bench-detection are what their packages, or presets compared with them, say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.detection.detectors import Alibi, Evidently, NannyMl
from monitor.drift.presets import get_preset

RANDOM = np.random.default_rng(3)
REFERENCE, CURRENT = RANDOM.normal(size=2000), RANDOM.normal(0.2, 1.2, 400)
NAMED, NOW = RANDOM.integers(0, 6, 2000).astype(float), RANDOM.integers(0, 7, 400).astype(float)


def preset(name: str, reference: np.ndarray, current: np.ndarray) -> float:
    """The value that a preset gives the column; presets are compared with the packages in tests/drift."""
    as_text = reference is NAMED
    frames = [pd.DataFrame({"x": rows.astype(str) if as_text else rows}) for rows in (reference, current)]
    [verdict] = get_preset(name).judge(*frames)
    assert verdict.value is not None
    return float(verdict.value)


@pytest.mark.parametrize(("reference", "current", "categorical"), [(REFERENCE, CURRENT, False), (NAMED, NOW, True)])
def test_evidentlys_and_nannymls_values_are_those_of_the_presets(
    reference: np.ndarray, current: np.ndarray, categorical: bool
) -> None:
    assert 0.1 * Evidently(reference, categorical).score(current) == pytest.approx(
        preset("evidently_default", reference, current), rel=1e-9
    )
    assert NannyMl(reference, categorical).score(current) == pytest.approx(
        preset("nannyml_default", reference, current), rel=1e-9
    )


def test_the_tests_p_values_are_scipys() -> None:
    ks = stats.ks_2samp(REFERENCE, CURRENT, method="asymp").pvalue
    assert 10 ** -Alibi(REFERENCE, False).score(CURRENT) == pytest.approx(ks, rel=0.05)
    table = np.array([[np.sum(side == value) for value in range(7)] for side in (NAMED, NOW)])
    chi = stats.chi2_contingency(table).pvalue
    assert 10 ** -Alibi(NAMED, True).score(NOW) == pytest.approx(chi, rel=1e-9)
