"""Sequences: the run length asked for is the run length there is, and a change is found soon and dated."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.drift.sequences import SequenceMethod, calibrate, get_sequence_method, watch
from monitor.drift.sequences.calibration import autocorrelation_of, standardised_paths
from monitor.drift.sequences.decide import judge_sequence
from monitor.drift.sequences.kswin import RECENT, SEED, WINDOW
from monitor.drift.sequences.method import Values
from monitor.errors import ConfigError, InvalidValue
from monitor.plugins import SEQUENCE_METHODS
from monitor.points import Status

METHODS = SEQUENCE_METHODS.names()
LEVEL, SPREAD = 0.9, 0.02


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> SequenceMethod:
    return get_sequence_method(request.param)


def run_lengths(method: SequenceMethod, threshold: float, paths: Values) -> tuple[int, int]:
    """All values that were looked at until an alarm or the end, and the alarms."""
    above = method.statistics(paths) > threshold
    hit = above.any(axis=1)
    return int(np.where(hit, above.argmax(axis=1) + 1, paths.shape[1]).sum()), int(hit.sum())


def values(seed: int, n: int, shift_at: int | None = None, shift: float = 1.0) -> list[float]:
    found = LEVEL + SPREAD * np.random.default_rng(seed).normal(size=n)
    if shift_at is not None:
        found[shift_at:] -= shift * SPREAD
    return found.tolist()


@pytest.mark.parametrize("length", [100, 300])
def test_without_a_change_the_run_length_is_at_least_the_one_asked_for(method: SequenceMethod, length: int) -> None:
    count = 40 if method.name == "adwin" else 150
    paths = standardised_paths(np.random.default_rng(11), count, 4 * length)
    looked, alarms = run_lengths(method, calibrate(method, length), paths)
    error = 1 / math.sqrt(max(alarms, 1))
    assert looked / max(alarms, 1) >= length * (1 - 3 * error)


@pytest.mark.slow
@pytest.mark.parametrize("size", [20, 60])
def test_a_baseline_of_few_values_keeps_the_chance_of_a_false_alarm(method: SequenceMethod, size: int) -> None:
    paths = standardised_paths(np.random.default_rng(12), 400, 1000, size)
    _, alarms = run_lengths(method, calibrate(method, 1000, size), paths)
    assert alarms / 400 <= 1 - math.exp(-1) + 3 * 0.024


@pytest.mark.slow
def test_neighbours_that_go_together_are_allowed_for() -> None:
    method = get_sequence_method("cusum")
    paths = standardised_paths(np.random.default_rng(13), 400, 500, 50, 0.6)
    _, alarms = run_lengths(method, calibrate(method, 500, 50, 0.6), paths)
    _, naive = run_lengths(method, calibrate(method, 500, 50), paths)
    assert alarms / 400 <= 1 - math.exp(-1) + 3 * 0.024
    assert naive / 400 > 0.9


@pytest.mark.parametrize(("length", "known"), [(168, 4.0), (465, 5.0)])
def test_cusum_has_its_published_thresholds(length: float, known: float) -> None:
    """Two-sided, slack 0.5: run lengths of 168 and 465 at 4 and 5 (Montgomery, Statistical Quality Control)."""
    assert calibrate(get_sequence_method("cusum"), length) == pytest.approx(known, abs=0.25)


@pytest.mark.parametrize(("name", "soon"), [("cusum", 6), ("page_hinkley", 8), ("adwin", 10), ("kswin", 16)])
def test_a_shift_of_one_and_a_half_deviations_is_found_soon(name: str, soon: int) -> None:
    delays = []
    for seed in range(10):
        found = watch(values(seed, 170, shift_at=70, shift=1.5), values(100 + seed, 100), name, 300)
        delays.append((found.first_alarm if found.first_alarm is not None else 170) - 70)
    late = [delay for delay in delays if delay >= 0]  # an alarm before the change found nothing
    assert len(late) >= 7
    assert np.median(late) <= soon


def test_page_hinkley_is_rivers() -> None:
    from river.drift import PageHinkley

    path = np.append(np.random.default_rng(0).normal(size=200), np.random.default_rng(1).normal(size=200) - 1)
    statistic = get_sequence_method("page_hinkley").statistics(path[None])[0]
    for threshold in (4.0, 8.0, 12.0, 40.0):
        river: Any = PageHinkley(min_instances=10, delta=0.25, threshold=threshold, alpha=0.9999)
        first = next((i for i, value in enumerate(path) if river.update(value) or river.drift_detected), None)
        ours = np.flatnonzero(statistic > threshold)
        assert first == (ours[0] if ours.size else None)


def test_kswin_is_rivers() -> None:
    from river.drift import KSWIN

    path = np.append(np.random.default_rng(0).normal(size=150), np.random.default_rng(1).normal(size=60) + 1.5)
    river: Any = KSWIN(alpha=0.0005, window_size=WINDOW, stat_size=RECENT, seed=SEED)
    first = next((i for i, value in enumerate(path) if river.update(value) or river.drift_detected), None)
    statistic = get_sequence_method("kswin").statistics(path[None])[0]
    # With 20 and 20 values, p <= 0.0005 is a distance of 0.65 and more.
    assert first == np.flatnonzero(statistic > 0.64)[0]


def test_the_highest_statistic_is_the_largest(method: SequenceMethod) -> None:
    paths = np.random.default_rng(4).normal(size=(5, 150))
    paths[0, 80:] += 2
    assert np.array_equal(method.highest(paths), method.statistics(paths).max(axis=1))


def test_the_statistic_at_a_time_depends_on_nothing_later(method: SequenceMethod) -> None:
    path = np.random.default_rng(2).normal(size=(2, 120))
    assert np.array_equal(method.statistics(path)[:, :90], method.statistics(path[:, :90]))


def test_a_method_names_itself_and_its_source(method: SequenceMethod) -> None:
    assert get_sequence_method(method.name) is method
    assert method.source


def test_the_change_is_dated() -> None:
    found = watch(values(3, 120, shift_at=80, shift=3), values(4, 60))
    assert found.first_alarm is not None
    assert 80 <= found.first_alarm <= 84
    assert found.began in (79, 80)
    assert found.level == pytest.approx(LEVEL - 3 * SPREAD, abs=2 * SPREAD)
    assert found.alarmed


def test_a_level_that_returns_ends_the_alarm() -> None:
    sequence = values(3, 60) + [LEVEL - 4 * SPREAD] * 50 + values(5, 40)
    found = watch(sequence, values(4, 60))
    assert found.first_alarm is not None
    assert not found.alarmed


def test_of_two_changes_the_newest_is_dated() -> None:
    sequence = values(3, 60) + [LEVEL - 4 * SPREAD] * 20 + values(5, 60) + [LEVEL + 3 * SPREAD] * 10
    found = watch(sequence, values(4, 60))
    assert found.alarmed
    assert found.first_alarm is not None
    assert 60 <= found.first_alarm <= 64
    assert found.began is not None
    assert 135 <= found.began <= 141  # the newest values before it happen to be high
    assert found.level is not None
    assert found.level > LEVEL + SPREAD


def test_one_outlier_is_no_change() -> None:
    sequence = values(3, 100)
    sequence[50] = 1e6
    assert watch(sequence, values(4, 60)).first_alarm is None
    baseline = values(4, 60)
    baseline[7] = -1e6
    assert watch(values(3, 120, shift_at=80, shift=3), baseline).began in (79, 80)


def test_missing_values_are_left_out() -> None:
    sequence = values(3, 120, shift_at=80, shift=3)
    sequence[20:40] = [math.nan] * 20
    found = watch(sequence, values(4, 60))
    assert found.began in (79, 80)
    assert np.isnan(found.statistic[20:40]).all()


@pytest.mark.parametrize(("baseline", "reason"), [([], "0 values, 5 needed"), ([1.0] * 30, "do not vary")])
def test_a_baseline_that_tells_nothing_is_no_alarm(baseline: list[float], reason: str) -> None:
    found = watch([1.0, 2.0, 3.0], baseline)
    assert found.first_alarm is None
    assert reason in found.reason


def test_nothing_to_watch_is_no_alarm() -> None:
    assert watch([], values(1, 60)).first_alarm is None
    assert watch([math.nan, math.inf], values(1, 60)).first_alarm is None


def test_a_long_baseline_gives_the_threshold_itself() -> None:
    """Values with heavy tails need a higher threshold than normal ones, and it comes from them."""
    heavy = np.random.default_rng(0).exponential(size=400).tolist()
    assert watch([1.0], heavy).threshold != watch([1.0], values(0, 400)).threshold


def test_run_lengths_out_of_range_and_unknown_methods_are_refused() -> None:
    with pytest.raises(InvalidValue, match="expected_run_length 3 is out of range; accepted: 20 to 20000"):
        watch([1.0], values(1, 60), expected_run_length=3)
    with pytest.raises(ConfigError, match="adwin, cusum, kswin, page_hinkley"):
        watch([1.0], values(1, 60), "vibes")


def test_autocorrelation_is_seen_where_there_is_some() -> None:
    random = np.random.default_rng(0)
    assert autocorrelation_of(random.normal(size=200)) == 0
    walk = np.convolve(random.normal(size=260), np.ones(10), "valid")
    assert autocorrelation_of(walk) > 0.7


@pytest.mark.parametrize("name", ["cusum", "page_hinkley", "adwin"])
def test_real_series_with_no_change_stay_silent(shared_data: Path, name: str) -> None:
    series = tcpd(shared_data, "bank")
    assert watch(series[60:], series[:60], name).first_alarm is None


@pytest.mark.parametrize(("name", "change"), [("quality_control_2", 97), ("quality_control_3", 179)])
def test_real_changes_are_found_and_dated(shared_data: Path, name: str, change: int) -> None:
    series = tcpd(shared_data, name)
    found = watch(series[60:], series[:60])
    assert found.first_alarm is not None
    assert found.began is not None
    assert change <= found.first_alarm + 60 <= change + 5
    assert abs(found.began + 60 - change) <= 2


def tcpd(shared_data: Path, name: str) -> list[float]:
    stored = json.loads((shared_data / "tcpd_dev.json").read_text(encoding="utf-8"))
    return list(next(iter(stored[name]["values"].values())))


def test_a_monitors_look_at_its_newest_point() -> None:
    threshold = {"kind": "sequence", "method": "cusum", "expected_run_length": 500}
    found = judge_sequence(values(3, 90, shift_at=80, shift=3), values(4, 60), threshold)
    assert found.breach
    assert found.began in (79, 80)
    assert "windows ago" in found.why
    quiet = judge_sequence(values(3, 80), values(4, 60), threshold)
    assert (quiet.breach, quiet.status, quiet.began) == (False, Status.OK, None)


def test_a_calm_look_has_finite_numbers(method: SequenceMethod) -> None:
    """They are stored as JSON, which has no infinity: PostgreSQL refuses the whole window for one."""
    found = judge_sequence(values(3, 80), values(4, 60), {"method": method.name, "expected_run_length": 100})
    assert not found.breach
    assert found.statistic is not None
    assert found.limit is not None
    assert 0 <= found.statistic <= found.limit < math.inf


def test_a_monitor_without_a_newest_point_is_undefined() -> None:
    for missing in ([], [0.9, None], [0.9, math.nan]):
        verdict = judge_sequence(missing, values(4, 60), {})
        assert (verdict.status, verdict.breach) == (Status.UNDEFINED, False)
