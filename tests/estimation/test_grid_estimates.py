"""What a window's profile gives, against what its rows give: no further off than the stated bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.estimation import BinaryCbpe, fit_cbpe
from monitor.estimation.calibration import Calibrator
from monitor.estimation.grid import estimate_grid
from monitor.estimation.sampling import AUC_BOTH
from monitor.profiles.scored import ScoreCells, ScoredProfile
from tests.estimation.peers import frames

METRICS = ("accuracy", "precision", "recall", "specificity", "f1", "auc")
rows = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)
points = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=12)


def estimator(calibrator: Calibrator) -> BinaryCbpe:
    return BinaryCbpe("1", calibrator, dict.fromkeys((*METRICS, AUC_BOTH), 0.5), 1000)


def profile_of(scores: np.ndarray, predicted: np.ndarray) -> ScoredProfile:
    return ScoredProfile(ScoreCells.of(scores[predicted]), ScoreCells.of(scores[~predicted]))


@given(rows, points)
def test_no_estimate_is_further_from_the_rows_than_its_bound(
    drawn: list[tuple[float, bool]], breakpoints: list[tuple[float, float]]
) -> None:
    at, chances = sorted({x for x, _ in breakpoints}), sorted(y for _, y in breakpoints)
    fitted = estimator(Calibrator(tuple(at), tuple(chances[: len(at)])))
    scores, predicted = np.asarray([s for s, _ in drawn]), np.asarray([p for _, p in drawn])
    exact = fitted.estimate(["1" if p else "0" for p in predicted], scores)
    found = estimate_grid(fitted, profile_of(scores, predicted))
    for metric in METRICS:
        if not math.isnan(exact[metric].value) and not math.isnan(found[metric].estimate.value):
            gap = abs(exact[metric].value - found[metric].estimate.value)
            assert gap <= found[metric].slack + 1e-5, metric
            assert found[metric].estimate.n == len(drawn)


def test_the_order_in_which_cells_were_stored_does_not_matter_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    fitted, scores = estimator(Calibrator((0.1, 0.4, 0.9), (0.0, 0.3, 1.0))), rng.random(500)
    forth = ScoreCells.of(scores)
    back = ScoreCells(dict(reversed(forth.cells.items())))
    found, again = (estimate_grid(fitted, ScoredProfile(cells, cells)) for cells in (forth, back))
    assert repr(found) == repr(again)  # which tells every bit, and nan from other numbers


def test_the_grid_costs_less_than_a_tenth_of_the_sampling_error() -> None:
    reference, window = frames.binary(6000, 1, sharpness=1.7), frames.binary(3000, 3, 1.7, 1.0)
    fitted = fit_cbpe(reference["label"].tolist(), reference["prediction"].tolist(), reference["score"].to_numpy(), "1")
    assert isinstance(fitted, BinaryCbpe)
    scores, predicted = window["score"].to_numpy(), window["prediction"].to_numpy() == 1
    exact = fitted.estimate(window["prediction"].tolist(), scores)
    found = estimate_grid(fitted, profile_of(scores, predicted))
    for metric in (*METRICS, "pr_auc"):
        assert abs(exact[metric].value - found[metric].estimate.value) < exact[metric].error / 10
    for metric in METRICS:
        assert found[metric].slack < exact[metric].error


def test_where_calibration_is_a_straight_line_the_grid_is_exact() -> None:
    fitted, window = estimator(Calibrator()), frames.binary(2000, 5)
    scores, predicted = window["score"].to_numpy(), window["prediction"].to_numpy() == 1
    exact = fitted.estimate(window["prediction"].tolist(), scores)
    found = estimate_grid(fitted, profile_of(scores, predicted))
    for metric in ("accuracy", "precision", "recall", "specificity", "f1"):
        assert found[metric].estimate.value == pytest.approx(exact[metric].value, abs=1e-8)
        assert found[metric].slack < 1e-6


def test_aucs_error_takes_both_classes_as_samples() -> None:
    reference = frames.binary(4000, 1)
    fitted = fit_cbpe(reference["label"].tolist(), reference["prediction"].tolist(), reference["score"].to_numpy(), "1")
    assert isinstance(fitted, BinaryCbpe)
    realised = []
    for seed in range(100, 160):
        window = frames.binary(500, seed)
        found = fitted.estimate(window["prediction"].tolist(), window["score"].to_numpy())["auc"]
        label, score = window["label"].to_numpy(), window["score"].to_numpy()
        above = (score[label == 1][:, None] > score[label == 0][None, :]).mean()
        realised.append(above - found.value)
    spread = float(np.std(realised))
    assert fitted.errors[AUC_BOTH] / math.sqrt(500) == pytest.approx(spread, rel=0.25)
    assert fitted.errors["auc"] < 0.85 * fitted.errors[AUC_BOTH]
