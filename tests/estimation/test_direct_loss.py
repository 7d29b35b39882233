from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from monitor.baselines import CategoryBins, NumericBins, numeric_bins
from monitor.errors import InvalidValue
from monitor.estimation import PREDICTION, ErrorModel, estimated_points, fit_dle
from monitor.estimation.errors import MOST_COLUMNS, states
from monitor.points import Point, Status
from monitor.profiles import CategoricalProfile, NumericProfile, WindowProfile

CITIES = CategoryBins(("north", "south"))


def rows(n: int, seed: int, share_south: float = 0.5) -> dict[str, list[object]]:
    """A model whose errors are twice as large in the south, and grow with the distance."""
    rng = np.random.default_rng(seed)
    south = rng.random(n) < share_south
    distance = rng.uniform(0, 10, n)
    prediction = 20 + 3 * distance
    label = prediction + rng.normal(0, np.where(south, 2.0, 1.0) * (1 + distance / 5))
    city = np.where(south, "south", "north")
    return {
        "city": city.tolist(),
        "distance": distance.tolist(),
        "prediction": prediction.tolist(),
        "label": label.tolist(),
    }


@pytest.fixture(scope="module")
def model() -> ErrorModel:
    given = rows(5000, 0)
    bins = {
        "city": CITIES,
        "distance": numeric_bins(np.asarray(given["distance"], float)),
        PREDICTION: numeric_bins(np.asarray(given["prediction"], float)),
    }
    return fit_dle({name: given[name] for name in ("city", "distance")}, bins, given["prediction"], given["label"])


def window(model: ErrorModel, given: dict[str, list[object]]) -> WindowProfile:
    at = {name: len(effects) - 3 for name, effects in model.absolute.effects.items()}
    reference = rows(5000, 0)
    edges = {name: numeric_bins(np.asarray(reference[name or "prediction"], float)).edges for name in ("distance", "")}
    assert len(edges["distance"]) == at["distance"]
    return WindowProfile(
        columns={
            "city": CategoricalProfile.of(given["city"], CITIES.categories),  # type: ignore[arg-type]
            "distance": NumericProfile.of(np.asarray(given["distance"], float), edges["distance"]),
        },
        prediction=NumericProfile.of(np.asarray(given["prediction"], float), edges[""]),
    )


def by_name(model: ErrorModel, profile: WindowProfile) -> dict[str, Point]:
    return {point.metric: point for point in estimated_points(model, profile)}


@pytest.mark.parametrize("share_south", [0.0, 0.5, 1.0])
def test_errors_that_follow_the_inputs_are_foreseen(model: ErrorModel, share_south: float) -> None:
    given = rows(2000, 1, share_south)
    loss = np.abs(np.asarray(given["label"], float) - np.asarray(given["prediction"], float))
    found = by_name(model, window(model, given))
    assert found["estimated_mae"].value == pytest.approx(loss.mean(), rel=0.1)
    assert found["estimated_rmse"].value == pytest.approx(math.sqrt((loss**2).mean()), rel=0.12)
    assert found["estimated_mae"].low < found["estimated_mae"].value < found["estimated_mae"].high  # type: ignore[operator]


def test_a_mean_from_the_profile_is_the_mean_over_its_rows(model: ErrorModel) -> None:
    given = rows(500, 2)
    profile = window(model, given)
    effects = model.absolute.effects
    distance, prediction = profile.columns["distance"], profile.prediction
    assert isinstance(distance, NumericProfile)
    assert isinstance(prediction, NumericProfile)
    by_row = (
        model.absolute.start
        + np.asarray(effects["city"])[states(given["city"], CITIES)]
        + np.asarray(effects["distance"])[states(given["distance"], NumericBins(distance.edges))]
        + np.asarray(effects[""])[states(given["prediction"], NumericBins(prediction.edges))]
    )
    assert by_name(model, profile)["estimated_mae"].value == pytest.approx(by_row.mean(), abs=1e-9)


def test_ranges_are_merges(model: ErrorModel) -> None:
    first, second = rows(300, 3), rows(200, 4)
    both = {name: [*first[name], *second[name]] for name in first}
    merged = window(model, first).merge(window(model, second))
    assert by_name(model, merged)["estimated_mae"].value == pytest.approx(
        by_name(model, window(model, both))["estimated_mae"].value, abs=1e-9
    )


def test_states_tell_missing_infinite_and_unseen_values_apart() -> None:
    assert states([0.5, 1.0, 2.5, None, math.nan, math.inf], NumericBins((1.0, 2.0))).tolist() == [0, 0, 2, 3, 3, 4]
    assert states(["south", "east", None, True], CITIES).tolist() == [1, 2, 3, 2]
    assert states([True, False], CategoryBins(("false", "true"))).tolist() == [1, 0]


def test_a_window_whose_columns_are_all_missing_or_unseen_still_has_an_estimate(model: ErrorModel) -> None:
    given = rows(100, 5) | {"city": ["east"] * 100, "distance": [math.nan] * 100}
    found = by_name(model, window(model, given))["estimated_mae"]
    assert found.status is Status.OK
    assert found.value is not None
    assert found.value >= 0


def test_a_window_that_lacks_a_column_or_is_on_other_bins_has_no_estimate(model: ErrorModel) -> None:
    profile = window(model, rows(100, 6))
    without = msgspec.structs.replace(profile, columns={"city": profile.columns["city"]})
    other = msgspec.structs.replace(
        profile, columns={**profile.columns, "distance": NumericProfile.of(np.arange(100.0), (5.0,))}
    )
    for odd in (without, other):
        found = by_name(model, odd)["estimated_rmse"]
        assert found.status is Status.UNDEFINED
        assert "absent" in found.reason


def test_an_empty_window_has_no_estimate(model: ErrorModel) -> None:
    assert by_name(model, WindowProfile())["estimated_mae"].reason == "no prediction of this window is a number"


def test_a_model_without_an_error_is_estimated_to_have_none() -> None:
    values = np.linspace(0, 1, 100)
    bins = {PREDICTION: numeric_bins(values)}
    exact = fit_dle({}, bins, values.tolist(), values.tolist())
    profile = WindowProfile(prediction=NumericProfile.of(values, bins[PREDICTION].edges))
    found = by_name(exact, profile)
    assert found["estimated_mae"].value == found["estimated_rmse"].value == 0.0


@pytest.mark.parametrize("broken", [1e20, 1e60, 1e200])
def test_one_label_that_is_astronomical_breaks_no_baseline(broken: float) -> None:
    values = np.linspace(0, 1, 300)
    bins = {PREDICTION: numeric_bins(values)}
    fitted = fit_dle({}, bins, values.tolist(), [broken, *(values[1:] + 0.5).tolist()])
    profile = WindowProfile(prediction=NumericProfile.of(values, bins[PREDICTION].edges))
    expected = 0.5 if broken > 1e70 else broken / 300
    assert by_name(fitted, profile)["estimated_mae"].value == pytest.approx(expected, rel=1e-5)


def test_too_few_labelled_rows_are_refused() -> None:
    with pytest.raises(InvalidValue, match="needs 40 labelled rows; there are 2"):
        fit_dle({}, {PREDICTION: NumericBins((1.0,))}, [1.0, 2.0, 3.0], [1.0, 2.0, None])


def test_of_very_many_columns_those_that_tell_most_are_kept() -> None:
    rng = np.random.default_rng(0)
    n, many = 300, MOST_COLUMNS + 30
    columns: dict[str, list[float]] = {f"noise{i}": rng.normal(size=n).tolist() for i in range(many)}
    telling = rng.random(n)
    columns["telling"] = telling.tolist()
    bins = {name: NumericBins((-1.0, 0.0, 0.25, 0.5, 0.75, 1.0)) for name in columns}
    labels = rng.normal(0, 5 * telling)
    model = fit_dle(columns, {**bins, PREDICTION: NumericBins((0.0,))}, [0.0] * n, labels.tolist())
    assert "telling" in model.absolute.effects
    assert len(model.absolute.effects) == MOST_COLUMNS
