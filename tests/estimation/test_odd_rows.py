"""Estimation of what is empty, of one kind, or not as the baseline was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.errors import InvalidValue
from monitor.estimation import BinaryCbpe, MulticlassCbpe, estimated_points, fit_cbpe
from monitor.estimation.calibration import calibration_error, fit_calibrator
from monitor.points import Point, Status
from monitor.profiles import WindowProfile
from monitor.profiles.scored import ScoreCells, ScoredProfile, ScoreSample
from tests.estimation.peers import frames


@pytest.fixture(scope="module")
def two() -> BinaryCbpe:
    frame = frames.binary(1000, 1, 1.7)
    fitted = fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), frame["score"].to_numpy(), "1")
    assert isinstance(fitted, BinaryCbpe)
    return fitted


@pytest.fixture(scope="module")
def three() -> MulticlassCbpe:
    frame = frames.multiclass(1000, 1)
    scores = {name: frame[f"score_{name}"].to_numpy() for name in frames.CLASSES}
    fitted = fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), scores)
    assert isinstance(fitted, MulticlassCbpe)
    return fitted


def by_name(fitted: BinaryCbpe | MulticlassCbpe, scored: ScoredProfile) -> dict[str, Point]:
    return {point.metric: point for point in estimated_points(fitted, WindowProfile(scored=scored))}


def test_an_empty_window_has_undefined_estimates(two: BinaryCbpe, three: MulticlassCbpe) -> None:
    for fitted in (two, three):
        found = by_name(fitted, ScoredProfile())
        assert found["estimated_accuracy"].status is Status.UNDEFINED
        assert "score" in found["estimated_accuracy"].reason
    assert math.isnan(two.estimate([], [])["accuracy"].value)
    assert math.isnan(three.estimate([], {})["accuracy"].value)


def test_predictions_without_scores_are_said_to_have_none(two: BinaryCbpe) -> None:
    found = by_name(two, ScoredProfile(unscored=500))
    assert found["estimated_auc"].reason == "no prediction of this window has a score"
    assert math.isnan(two.estimate(["1", "0"], [math.nan, math.nan])["auc"].value)


def test_a_constant_score_ranks_nothing(two: BinaryCbpe) -> None:
    found = two.estimate(["1"] * 50, [0.7] * 50)
    assert found["auc"].value == pytest.approx(0.5)
    point = by_name(two, ScoredProfile(ScoreCells.of(np.full(50, 0.7))))["estimated_auc"]
    assert point.value == pytest.approx(0.5)
    assert point.status is Status.OK


def test_where_one_class_alone_is_expected_there_is_no_auc() -> None:
    sure = BinaryCbpe("1", fit_calibrator(np.zeros(5), np.zeros(5, bool)), {}, 5)
    found = by_name(sure, ScoredProfile(negative=ScoreCells.of(np.zeros(80))))
    assert found["estimated_auc"].status is Status.UNDEFINED
    assert found["estimated_auc"].reason == "only one class is to be expected"
    assert found["estimated_accuracy"].value == 1.0
    assert found["estimated_accuracy"].low is None  # nothing was learnt of its error


def test_where_no_row_is_predicted_positive_there_is_no_precision(two: BinaryCbpe) -> None:
    found = by_name(two, ScoredProfile(negative=ScoreCells.of(np.linspace(0, 0.4, 80))))
    assert found["estimated_precision"].reason == "no row is predicted '1'"
    assert found["estimated_recall"].value == 0.0


def test_a_predicted_class_that_the_baseline_did_not_have_counts_as_wrong(three: MulticlassCbpe) -> None:
    scores = {"a": [0.8] * 10, "b": [0.1] * 10, "c": [0.1] * 10}
    right, unseen = three.estimate(["a"] * 10, scores), three.estimate(["z"] * 10, scores)
    assert right["accuracy"].value > 0.4
    assert unseen["accuracy"].value == 0.0


def test_a_window_without_scores_of_a_class_has_undefined_estimates(three: MulticlassCbpe) -> None:
    sample = ScoreSample((1, 2), ("a", "b"), {"a": (0.7, 0.2), "b": (0.3, 0.8)}, 2)
    found = by_name(three, ScoredProfile(sample=sample))["estimated_accuracy"]
    assert found.status is Status.UNDEFINED
    assert found.reason == "no prediction of this window has scores of all classes (a, b, c)"


def test_rows_that_lack_a_score_are_left_out(three: MulticlassCbpe) -> None:
    scores = {"a": [0.8, math.nan], "b": [0.1, 0.5], "c": [0.1, 0.5]}
    assert three.estimate(["a", "b"], scores)["accuracy"].n == 1


def test_scores_that_are_all_zero_stand_for_even_chances(three: MulticlassCbpe) -> None:
    flat = MulticlassCbpe(three.classes, (fit_calibrator(np.zeros(1), np.zeros(1, bool)),) * 3, three.errors, 1)
    assert flat.chances(np.zeros((2, 3))) == pytest.approx(np.full((2, 3), 1 / 3))


def test_margins_are_calibrated_and_numbers_beyond_any_margin_are_estimated_all_the_same() -> None:
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 2, 2000)
    label = rng.random(2000) < 1 / (1 + np.exp(-margin))
    fitted = fit_cbpe(label.astype(int).tolist(), (margin > 0).astype(int).tolist(), margin, "1")
    assert isinstance(fitted, BinaryCbpe)
    assert fitted.calibrator.scores
    found = by_name(fitted, ScoredProfile(ScoreCells.of(margin[margin > 0]), ScoreCells.of(margin[margin <= 0])))
    assert found["estimated_accuracy"].value == pytest.approx(((margin > 0) == label).mean(), abs=0.02)
    huge = np.asarray([-1.7976e308, -1e308, -1e9, 1e9, 1e308, 1.7976e308])
    for estimator in (fitted, BinaryCbpe("1", fit_calibrator(np.zeros(5), np.zeros(5, bool)), fitted.errors, 5)):
        odd = by_name(estimator, ScoredProfile(ScoreCells.of(huge[huge > 0]), ScoreCells.of(huge[huge < 0])))
        assert 0.9 < odd["estimated_accuracy"].value <= 1.0  # type: ignore[operator]


def test_a_baseline_with_all_labels_missing_can_not_be_fitted() -> None:
    with pytest.raises(InvalidValue, match="no row has a label, a prediction and finite scores"):
        fit_cbpe([None, None], ["1", "0"], [0.7, 0.2], "1")
    with pytest.raises(InvalidValue, match="no row has a label"):
        fit_cbpe(["a", "b"], ["a", "b"], {"a": [math.nan] * 2, "b": [math.nan] * 2})
    with pytest.raises(InvalidValue, match="a mapping from class to scores"):
        fit_cbpe(["a"], ["a"], [0.5])


def test_a_baseline_of_one_class_is_not_calibrated_and_has_no_error_of_auc() -> None:
    fitted = fit_cbpe(["1"] * 50, ["1"] * 50, np.linspace(0.1, 0.9, 50), "1")
    assert isinstance(fitted, BinaryCbpe)
    assert fitted.calibrator.scores == ()
    assert math.isnan(fitted.errors["auc"])
    assert fitted.errors["accuracy"] == 0.0


def test_labels_are_compared_as_text_and_rows_without_one_are_left_out() -> None:
    labels, scores = [1, 0, None, 1.0, True], [0.9, 0.1, 0.5, math.nan, math.inf]
    assert fit_cbpe(labels, ["1", "0", "1", "1", "1"], scores, "1").rows == 2


def test_a_timid_model_that_is_always_right_is_estimated_to_be() -> None:
    rng = np.random.default_rng(0)
    label = rng.random(1000) < 0.3
    score = np.where(label, 0.55, 0.45) + rng.uniform(-0.04, 0.04, 1000)
    predicted = (score > 0.5).astype(int).tolist()
    fitted = fit_cbpe(label.astype(int).tolist(), predicted, score, "1")
    assert isinstance(fitted, BinaryCbpe)
    assert fitted.estimate(predicted, score)["accuracy"].value == 1.0


def test_scores_beyond_0_and_1_are_calibrated_even_where_it_seems_to_help_little() -> None:
    margin = np.concatenate([np.full(100, -0.01), np.full(100, 1.01)])
    assert fit_calibrator(margin, margin > 0).scores
    assert fit_calibrator(np.clip(margin, 0, 1), margin > 0).scores == ()


def test_chances_stay_within_0_and_1_whatever_the_scores() -> None:
    unfitted = fit_calibrator(np.zeros(5), np.zeros(5, bool))
    assert unfitted(np.asarray([-3.0, 0.2, 7.0])).tolist() == [0.0, 0.2, 1.0]


def test_the_calibration_error_of_true_chances_is_small_and_of_wrong_ones_is_their_distance() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(20_000)
    positive = rng.random(20_000) < chances
    assert calibration_error(positive, chances) < 0.02
    assert calibration_error(np.ones(1000, bool), np.full(1000, 0.6)) == pytest.approx(0.4)
    assert calibration_error(np.asarray([True]), np.asarray([0.25])) == 0.75
