"""Target drift: labels in other shares, or with another mean, than the baseline's and its own blocks'."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.baselines import BaselineProfile
from monitor.drift import DriftRule
from monitor.drift.target import judge_target
from monitor.points import Status
from monitor.profiles import WindowProfile
from monitor.profiles.label_errors import ErrorProfile, LabelMoments
from monitor.profiles.labelled import LabelledProfile

RULE = DriftRule()


def classes(**counts: int) -> WindowProfile:
    n = sum(counts.values())
    confusion = {label: {"yes": count // 2, "no": count - count // 2} for label, count in counts.items()}
    return WindowProfile(labelled=LabelledProfile(n, n, confusion))


def numbers(values: np.ndarray) -> WindowProfile:
    mean = float(values.mean()) if values.size else 0.0
    moments = LabelMoments(values.size, mean, float(((values - mean) ** 2).sum()))
    return WindowProfile(
        labelled=LabelledProfile(values.size, values.size, errors=ErrorProfile(values.size, labels=moments))
    )


def of(blocks: list[WindowProfile]) -> BaselineProfile:
    whole = WindowProfile()
    for block in blocks:
        whole = whole.merge(block)
    return BaselineProfile({}, None, whole, tuple(blocks))


CLASSES = of([classes(yes=100 + 3 * (i % 3), no=400) for i in range(10)])
RANDOM = np.random.default_rng(0)
NUMBERS = of([numbers(RANDOM.normal(10, 2, 300)) for _ in range(10)])


def test_labels_in_the_same_shares_are_no_drift() -> None:
    verdict = judge_target(CLASSES, classes(yes=51, no=200), RULE)
    assert verdict is not None
    assert (verdict.name, verdict.breach, verdict.n) == ("target", False, 251)


def test_labels_in_other_shares_are_a_drift() -> None:
    verdict = judge_target(CLASSES, classes(yes=150, no=150), RULE)
    assert verdict is not None
    assert verdict.breach
    assert "→" in verdict.why


def test_a_class_that_was_never_seen_is_a_drift() -> None:
    verdict = judge_target(CLASSES, classes(yes=50, no=200, maybe=80), RULE)
    assert verdict is not None
    assert verdict.breach
    assert "unseen" in verdict.why


def test_a_regressions_labels_are_judged_by_their_mean() -> None:
    same = judge_target(NUMBERS, numbers(RANDOM.normal(10, 2, 200)), RULE)
    moved = judge_target(NUMBERS, numbers(RANDOM.normal(12, 2, 200)), RULE)
    assert same is not None
    assert moved is not None
    assert (same.breach, moved.breach) == (False, True)
    assert moved.value == pytest.approx(1, abs=0.2)
    assert moved.why.startswith("mean label 9.932 → 12.")


def test_a_mean_that_always_wanders_may_wander() -> None:
    wandering = of([numbers(RANDOM.normal(10 + RANDOM.normal(), 2, 300)) for _ in range(10)])
    verdict = judge_target(wandering, numbers(RANDOM.normal(11, 2, 300)), RULE)
    assert verdict is not None
    assert not verdict.breach


@pytest.mark.parametrize("baseline", [CLASSES, NUMBERS])
def test_few_labels_are_insufficient(baseline: BaselineProfile) -> None:
    for window in (WindowProfile(), classes(yes=10), numbers(np.arange(10.0))):
        verdict = judge_target(baseline, window, RULE)
        assert verdict is not None
        assert verdict.status is Status.INSUFFICIENT


def test_constant_labels_of_a_regression_are_undefined() -> None:
    verdict = judge_target(of([numbers(np.ones(300))]), numbers(np.ones(100)), RULE)
    assert verdict is not None
    assert (verdict.status, verdict.breach) == (Status.UNDEFINED, False)


def test_a_baseline_without_labels_has_no_target_drift() -> None:
    assert judge_target(BaselineProfile({}, None, WindowProfile()), classes(yes=100), RULE) is None
