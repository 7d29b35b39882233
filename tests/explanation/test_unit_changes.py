"""Changes of unit are found with their factor, and real changes are not called one without saying how sure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from monitor.baselines import numeric_bins
from monitor.explanation import UnitChange, find_unit_change
from monitor.explanation.conversions import KNOWN, Conversion
from monitor.profiles import NumericProfile

Values = NDArray[np.float64]


def both(before: Values, after: Values) -> tuple[UnitChange | None, UnitChange | None]:
    """What raw values tell, and what the two profiles do."""
    edges = numeric_bins(before).edges
    of_profiles = find_unit_change(NumericProfile.of(before, edges), NumericProfile.of(after, edges))
    return find_unit_change(before, after), of_profiles


def drawn(kind: str, n: int, seed: int) -> Values:
    random = np.random.default_rng(seed)
    match kind:
        case "temperature":
            return random.normal(15, 8, n)
        case "income":
            return random.lognormal(10, 0.6, n)
        case "percent":
            return random.beta(2, 5, n) * 100
        case _:
            return random.poisson(7, n).astype(np.float64)


FAR = [c for c in KNOWN if c.name and not c.is_plain_factor and not c.offset and abs(c.scale) != 1]
# By so many rows of a wide column, 1,000 can't be told from 1,024, nor 57.3 from 60: there the first will do.
NEIGHBOURS = {c.name for c in FAR for d in FAR if c is not d and 0.9 < c.scale / d.scale < 1.1}


@pytest.mark.parametrize("kind", ["temperature", "income", "percent", "count"])
@pytest.mark.parametrize("conversion", FAR, ids=lambda c: c.name)
def test_a_factor_of_ten_and_more_is_found_from_rows_and_from_profiles(kind: str, conversion: Conversion) -> None:
    before, after = drawn(kind, 20_000, 1), conversion(drawn(kind, 10_000, 2))
    for found in both(before, after):
        assert found is not None
        assert found.scale == pytest.approx(conversion.scale, rel=0.06 if conversion.name in NEIGHBOURS else 0.01)
        assert found.sure > 0.8


@pytest.mark.parametrize(
    ("name", "scale", "offset"),
    [("°C → °F", 1.8, 32.0), ("°C → K", 1.0, 273.15), ("°F → °C", 1 / 1.8, -32 / 1.8), ("K → °C", 1.0, -273.15)],
)
def test_temperatures_are_found_exactly(name: str, scale: float, offset: float) -> None:
    celsius = drawn("temperature", 5000, 1), drawn("temperature", 800, 2)
    into = {"°F": lambda x: 1.8 * x + 32, "K": lambda x: x + 273.15, "°C": lambda x: x}
    before, after = (into[unit](values) for unit, values in zip(name.split(" → "), celsius, strict=True))
    for found in both(before, after):
        assert found is not None
        assert (found.name, found.scale, found.offset) == (name, scale, offset)
        assert found.certainty in ("almost certainly", "probably")


@pytest.mark.parametrize("form", ["log(x)", "log10(x)"])
def test_a_logarithm_is_found(form: str) -> None:
    before, after = drawn("income", 5000, 1), drawn("income", 800, 2)
    found = find_unit_change(before, np.log(after) if form == "log(x)" else np.log10(after))
    assert found is not None
    assert (found.form, found.scale, found.certainty) == (form, 1.0, "probably")


def test_any_other_factor_is_found_within_one_per_cent_and_is_merely_possible() -> None:
    random = np.random.default_rng(1)
    found = find_unit_change(random.normal(50, 10, 5000), 37 * random.normal(50, 10, 5000))
    assert found is not None
    assert found.scale == pytest.approx(37, rel=0.01)
    assert found.certainty == "possibly"


def test_one_value_of_a_million_changes_nothing() -> None:
    before, after = drawn("temperature", 5000, 1), 1.8 * drawn("temperature", 800, 2) + 32
    before[0] = after[0] = 1e6
    found = find_unit_change(before, after)
    assert found is not None
    assert found.name == "°C → °F"


def test_a_cold_week_in_another_unit_is_found_though_the_baseline_is_a_year() -> None:
    random = np.random.default_rng(3)
    weeks = [random.normal(12 - 10 * np.cos(week / 52 * 2 * np.pi), 3, 168) for week in range(52)]
    year = np.concatenate(weeks)
    blocks = [NumericProfile.of(week, numeric_bins(year).edges) for week in weeks]
    kelvin = random.normal(3, 3, 168) + 273.15
    assert find_unit_change(year, kelvin) is None
    found = find_unit_change(year, kelvin, blocks)
    assert found is not None
    assert (found.name, found.certainty) == ("°C → K", "probably")


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, 3.0, 5.0])
def test_a_shift_is_no_change_of_unit(shift: float) -> None:
    random = np.random.default_rng(4)
    for found in both(random.normal(50, 10, 5000), random.normal(50 + shift * 10, 10, 1000)):
        assert found is None or found.certainty == "possibly"


def test_odd_columns_are_no_error() -> None:
    usual = drawn("temperature", 500, 1)
    odd = [np.array([]), np.full(500, np.nan), np.full(500, np.inf), np.ones(500), np.zeros(500), usual[:20]]
    odd.append(np.where(np.arange(500) % 50 == 0, 1e300, 0.0))
    for values in odd:
        for pair in ((usual, values), (values, usual), (values, values)):
            assert find_unit_change(*pair) is None
            edges = numeric_bins(pair[0]).edges
            profiles = [NumericProfile.of(value, edges) for value in pair]
            assert find_unit_change(profiles[0], profiles[1]) is None


def test_car_values_that_rose_are_no_change_of_unit(shared_data: Path) -> None:
    """29.7k → 48.8k is a factor of 1.64; a mile is 1.61 kilometres."""
    values = pd.read_parquet(shared_data / "car_loan_dq_synthetic.parquet", columns=["car_value"])
    values = values.car_value.to_numpy()
    for window in (values[75_000:], values[75_000:76_000]):
        assert both(values[:50_000], window) == (None, None)


def test_what_the_real_world_does_is_at_most_possibly_a_change_of_unit(shared_data: Path) -> None:
    """Every quarter or month of four real data sets, whose columns move by seasons, markets and crises."""
    sources = {
        "bank_marketing": ("date", "Q", ["age", "campaign", "emp_var_rate", "cons_price_idx", "euribor3m"]),
        "electricity": ("timestamp", "Q", ["nswprice", "nswdemand", "vicdemand", "transfer"]),
        "bike_sharing_hour": ("timestamp", "M", ["temp", "hum", "windspeed", "cnt"]),
        "beijing_pm25": ("timestamp", "M", ["pm25", "DEWP", "TEMP", "PRES", "Iws", "Is", "Ir"]),
    }
    for name, (time, period, columns) in sources.items():
        frame = pd.read_parquet(shared_data / f"{name}.parquet")
        periods = frame[time].dt.to_period(period)
        first = periods.isin(periods.unique()[:2])
        for column in columns:
            reference = frame[column][first].to_numpy(np.float64)
            for later in periods.unique()[2:]:
                for found in both(reference, frame[column][periods == later].to_numpy(np.float64)):
                    assert found is None or found.certainty == "possibly", (name, column, later)
