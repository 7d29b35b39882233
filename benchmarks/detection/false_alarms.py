"""Windows without drift: how many of them raise any alarm about a model of twenty columns, by everybody's defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.detectors import Alibi, Evidently, Kedge, NannyMl
from benchmarks.detection.samples import FEW, MANY, Rows, categories, heavy, normal, skewed
from monitor.baselines import BaselineProfile
from monitor.drift import DriftRule, judge_columns
from monitor.profiles import WindowProfile

COLUMNS = 20
Model = NDArray[np.float64]
"""Rows of a model's twenty columns, (rows, 20); the last five are categories."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`rows` per window; the baseline is `blocks` such windows, or 5,000 independent rows in ten blocks for None.

    `per_baseline` windows are compared with one baseline before the next is drawn.
    """

    name: str
    rows: int
    windows: int
    blocks: int | None = None
    per_baseline: int = 100


@dataclass(frozen=True, slots=True)
class Rates:
    """Share of windows with any alarm, by detector; None where it was not run."""

    scenario: Scenario
    windows: int
    found: Mapping[str, float | None]


def scenarios(scale: float) -> list[Scenario]:
    """Independent rows from 50 to 100,000, autocorrelated and seasonal ones; `scale` multiplies the windows."""
    sizes = {50: 4000, 100: 4000, 200: 4000, 500: 3000, 1000: 2000, 5000: 600, 20_000: 160, 100_000: 40}
    moving = [
        Scenario("autocorrelated (0.9)", 200, max(20, int(scale * 1500)), 100),
        Scenario("autocorrelated (0.9)", 1000, max(20, int(scale * 1000)), 50),
        Scenario("daily and weekly season", 100, max(20, int(scale * 1500)), 336),
        Scenario("daily and weekly season", 500, max(20, int(scale * 1000)), 336),
        Scenario("one weather, ten windows known", 500, max(20, int(scale * 1000)), 10, 5),
    ]
    calm = [
        Scenario("independent", rows, max(20, int(scale * n)), None, 100 if rows <= 1000 else 20)
        for rows, n in sizes.items()
    ]
    return calm + moving


def measure_rates(scale: float) -> list[Rates]:
    return [_rates(at, scenario) for at, scenario in enumerate(scenarios(scale))]


def _rates(at: int, scenario: Scenario) -> Rates:
    random = np.random.default_rng([31, at])
    alarms: dict[str, list[bool]] = {"Kedge": [], "Evidently": [], "NannyML": [], "alibi-like": []}
    peers_too = scenario.rows <= 1000
    done = 0
    while done < scenario.windows:
        count = min(scenario.per_baseline, scenario.windows - done)
        reference, blocks, windows = _drawn(random, scenario, count)
        kedge, peers = _kedge(reference, blocks), _peers(reference, scenario.rows) if peers_too and done < 400 else {}
        for window in windows:
            alarms["Kedge"].append(kedge(window))
            for name, alarm in peers.items():
                alarms[name].append(alarm(window))
        done += count
    return Rates(scenario, done, {name: float(np.mean(seen)) if seen else None for name, seen in alarms.items()})


def _drawn(random: np.random.Generator, scenario: Scenario, windows: int) -> tuple[Model, list[Model], list[Model]]:
    n = scenario.rows
    if scenario.blocks is None:
        reference = _independent(random, 5000)
        return reference, np.array_split(reference, 10), [_independent(random, n) for _ in range(windows)]
    total = (scenario.blocks + windows) * n
    if "auto" in scenario.name:
        rows = _autocorrelated(random, total)
    else:
        rows = _seasonal(random, total, n) if "season" in scenario.name else _one_weather(random, total, n)
    parts = np.split(rows, scenario.blocks + windows)
    return rows[: scenario.blocks * n], parts[: scenario.blocks], parts[scenario.blocks :]


def _independent(random: np.random.Generator, n: int) -> Model:
    draws = [normal] * 11 + [heavy, heavy, skewed, skewed] + [categories(FEW)] * 3 + [categories(MANY)] * 2
    return np.column_stack([draw(random, n) for draw in draws])


def _autocorrelated(random: np.random.Generator, n: int) -> Model:
    """AR(1) with coefficient 0.9; the categories are its sixths."""
    from scipy.signal import lfilter

    noise = random.normal(size=(n + 100, COLUMNS)) * np.sqrt(1 - 0.9**2)
    return _with_categories(lfilter([1.0], [1.0, -0.9], noise, axis=0)[100:])


def _seasonal(random: np.random.Generator, n: int, per_window: int) -> Model:
    """Twenty-four windows a day and seven days a week, each column with amplitude and phase of its own."""
    hour = np.arange(n)[:, None] // per_window
    phase, daily = random.uniform(0, 2 * np.pi, COLUMNS), random.uniform(0.3, 1.5, COLUMNS)
    level = daily * np.sin(2 * np.pi * hour / 24 + phase) + 0.3 * np.sin(2 * np.pi * hour / 168 + 2 * phase)
    return _with_categories(random.normal(size=(n, COLUMNS)) + level)


def _one_weather(random: np.random.Generator, n: int, per_window: int) -> Model:
    """Every window has a level of its own, which all columns follow."""
    level = np.repeat(random.normal(0, 0.3, n // per_window), per_window)[:, None]
    return _with_categories(random.normal(size=(n, COLUMNS)) + level)


def _with_categories(rows: Model) -> Model:
    rows[:, 15:] = np.digitize(rows[:, 15:], [-1.0, -0.4, 0.0, 0.4, 1.0])
    return rows


def _kedge(reference: Model, blocks: list[Model]) -> Callable[[Model], bool]:
    made = [Kedge(reference[:, at], at >= 15) for at in range(COLUMNS)]

    def profile(rows: Model) -> WindowProfile:
        return WindowProfile(columns={f"x{at}": each.profile(rows[:, at]) for at, each in enumerate(made)})

    baseline = BaselineProfile({}, None, profile(reference), tuple(map(profile, blocks)))
    return lambda window: any(verdict.breach for verdict in judge_columns(baseline, profile(window), DriftRule()))


def _peers(reference: Model, rows: int) -> dict[str, Callable[[Model], bool]]:
    """Evidently flags at its threshold, NannyML three deviations above the mean of chunks as long as the windows (at
    least ten of them), the tests at 5 % divided."""
    blocks = np.array_split(reference, max(10, len(reference) // rows))

    def columns(
        make: Callable[[Rows, bool, list[Rows]], Evidently | NannyMl | Alibi], limit: float
    ) -> Callable[[Model], bool]:
        made = [make(reference[:, at], at >= 15, [b[:, at] for b in blocks]) for at in range(COLUMNS)]
        return lambda window: any(each.score(window[:, at]) > limit for at, each in enumerate(made))

    return {
        "Evidently": columns(Evidently, 1.0),
        "NannyML": columns(NannyMl, 3.0),
        "alibi-like": columns(Alibi, -float(np.log10(0.05 / COLUMNS))),
    }


def tiny_shift_alarms(windows: int) -> int:
    """Alarms among windows of 1,000,000 rows whose every column is 0.01 standard deviations off."""
    random = np.random.default_rng(37)
    made = [Kedge(normal(random, 5000), False) for _ in range(COLUMNS)]
    whole = WindowProfile(columns={f"x{at}": each.reference.profile for at, each in enumerate(made)})
    baseline = BaselineProfile({}, None, whole)
    alarms = 0
    for _ in range(windows):
        shifted = {f"x{at}": each.profile(normal(random, 1_000_000) + 0.01) for at, each in enumerate(made)}
        alarms += any(v.breach for v in judge_columns(baseline, WindowProfile(columns=shifted), DriftRule()))
    return alarms


def outlier_effects(trials: int) -> tuple[float, float]:
    """With one value of 1e6 among 1,000: share of calm windows that alarm, and of shifts by one deviation found."""
    random = np.random.default_rng(41)
    made = Kedge(normal(random, 5000), False)
    baseline = BaselineProfile({}, None, WindowProfile(columns={"x": made.reference.profile}))

    def alarmed(shift: float) -> bool:
        rows = normal(random, 1000) + shift
        rows[0] = 1e6
        return judge_columns(baseline, WindowProfile(columns={"x": made.profile(rows)}), DriftRule())[0].breach

    calm, shifted = [alarmed(0.0) for _ in range(trials)], [alarmed(1.0) for _ in range(trials)]
    return float(np.mean(calm)), float(np.mean(shifted))
