"""The columns of the seeded model: raw values, their profiles, and how far apart two profiles are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from monitor.baselines import Bins, CategoryBins, category_bins, numeric_bins
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile, WindowProfile

ROWS = 900
BASELINE_ROWS = 8 * ROWS
NUMERIC = (
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "pressure",
    "visib",
    "distance",
    "sched_dep_minute",
    "seats",
    "precip",
)
CATEGORICAL = {
    "carrier": ("AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"),
    "origin": ("EWR", "JFK", "LGA"),
    "weekday": ("Fri", "Mon", "Sat", "Sun", "Thu", "Tue", "Wed"),
    "manufacturer": ("AIRBUS", "BOEING", "BOMBARDIER", "EMBRAER"),
    "hour_block": ("afternoon", "evening", "morning", "night"),
}
FEATURES = (*NUMERIC, *CATEGORICAL)


def baseline(random: np.random.Generator) -> tuple[dict[str, Bins], WindowProfile]:
    """Bins and the profile of what is usual."""
    bins: dict[str, Bins] = {}
    columns: dict[str, ColumnProfile] = {}
    for name in FEATURES:
        values = _values(random, name, 0.0, BASELINE_ROWS)
        if name in CATEGORICAL:
            bins[name] = category_bins({value: values.count(value) for value in set(values)})
        else:
            bins[name] = numeric_bins(values)
        columns[name] = _profile(bins[name], values)
    return bins, WindowProfile(columns=columns)


def window(random: np.random.Generator, bins: dict[str, Bins], warmth: float) -> WindowProfile:
    """One day: the warmer it is, the further `temp` and `dewp` are from the baseline."""
    return WindowProfile(columns={name: _profile(bins[name], _values(random, name, warmth, ROWS)) for name in FEATURES})


def verdicts(reference: WindowProfile, current: WindowProfile) -> list[dict[str, Any]]:
    """What a drift monitor says of every feature."""
    found = []
    for name in FEATURES:
        before, after = reference.columns[name], current.columns[name]
        score, limit = _distance(before, after), max(0.1, 1.6 * _distance_of_noise(before))
        breach = score > limit
        p_value = 1e-9 if breach else 0.4
        why = _why(before, after) if breach else ""
        found.append({"name": name, "value": score, "limit": limit, "p_value": p_value, "breach": breach, "why": why})
    return found


def _values(random: np.random.Generator, name: str, warmth: float, rows: int) -> Any:
    if name in CATEGORICAL:
        values = CATEGORICAL[name]
        weights = np.linspace(2, 1, len(values))
        return random.choice(values, rows, p=weights / weights.sum()).tolist()
    scale = NUMERIC.index(name) + 1
    match name:
        case "temp":
            return random.normal(38 + 9 * warmth, 9, rows)
        case "dewp":
            return random.normal(26 + 5 * warmth, 11, rows)
        case "distance":
            return random.gamma(2.2, 480, rows)
        case "precip":
            return np.where(random.random(rows) < 0.9, 0.0, random.gamma(1, 0.1, rows))
        case "seats":
            return random.choice([20.0, 55.0, 100.0, 149.0, 189.0], rows)
        case _:
            return random.normal(10 * scale, 2 * scale, rows)


def _profile(bins: Bins, values: Any) -> ColumnProfile:
    if isinstance(bins, CategoryBins):
        return CategoricalProfile.of(values, bins.categories)
    return NumericProfile.of(np.asarray(values), bins.edges)


def _distance(reference: ColumnProfile, current: ColumnProfile) -> float:
    """The Jensen-Shannon distance of two profiles, bin by bin."""
    p, q = (np.asarray(profile.counts) / max(1, sum(profile.counts)) for profile in (reference, current))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.nansum(np.where(x > 0, x * np.log(x / middle), 0)) for x in (p, q)]
    return math.sqrt(max(0.0, sum(parts) / 2))


def _distance_of_noise(reference: ColumnProfile) -> float:
    """About how far apart two samples of ROWS are that come from one distribution."""
    return math.sqrt(len(reference.counts) / (8 * ROWS) * 1.15)


def _why(before: ColumnProfile, after: ColumnProfile) -> str:
    if isinstance(before, NumericProfile) and isinstance(after, NumericProfile):
        return f"moved up: median {before.quantile(0.5):.0f} → {after.quantile(0.5):.0f}"
    return "other shares of categories"
