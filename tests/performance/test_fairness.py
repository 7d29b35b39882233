"""Fairness by hand: rates per group, the groups furthest apart, and too few rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.engines import ProfileRequest, RowSource, get_engine
from monitor.fairness import fairness_points
from monitor.lake import labels_table, predictions_table
from monitor.points import Point, Status
from monitor.profiles import GroupProfile, decode_profile, encode_profile
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Feature, FeatureKind, Task

START = datetime(2026, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def by_key(points: list[Point]) -> dict[tuple[str, str], Point]:
    return {(point.metric, point.column): point for point in points}


def rows(n: int, groups: list[str], seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    group = random.choice(groups, n)
    label = random.integers(0, 2, n)
    chance = 0.2 + 0.5 * label + 0.15 * (group == groups[0])
    return group, label, (random.uniform(size=n) < chance).astype(int)


def profiled(group: np.ndarray, label: np.ndarray, predicted: np.ndarray, **more: object):  # type: ignore[no-untyped-def]
    records = [
        PredictionRecord(
            model="m",
            prediction_id=f"p{i}",
            event_time=START,
            received_time=START,
            prediction=int(predicted[i]),
            tags={"sex": str(group[i])} if group[i] else {},
            features={"sex at birth": str(group[i])},
        )
        for i in range(len(group))
    ]
    labels = [
        LabelRecord(model="m", prediction_id=f"p{i}", label=int(label[i]), label_time=START, received_time=START)
        for i in range(len(group))
        if i % 10
    ]
    features = {"sex at birth": Feature("sex at birth", FeatureKind.CATEGORICAL, "feature_sex")}
    settings = {"task": Task.BINARY, "positive_class": "1", "protected": "sex", **more}
    request = ProfileRequest(
        RowSource(table=predictions_table(records, features)),
        RowSource(table=labels_table(labels)),
        START,
        START + HOUR,
        features,
        **settings,  # type: ignore[arg-type]
    )
    return get_engine().profile(request)


@pytest.mark.parametrize("protected", ["sex", "sex at birth"])
def test_rates_and_differences_equal_a_computation_by_hand(protected: str) -> None:
    group, label, predicted = rows(900, ["f", "m", "x"])
    points = by_key(fairness_points(profiled(group, label, predicted, protected=protected).groups))
    labelled = np.arange(900) % 10 > 0
    expected: dict[str, list[float]] = {"selection_rate": [], "tpr": [], "fpr": []}
    for name in ("f", "m", "x"):
        mine = group == name
        rates = {
            "selection_rate": predicted[mine].mean(),
            "tpr": predicted[mine & labelled & (label == 1)].mean(),
            "fpr": predicted[mine & labelled & (label == 0)].mean(),
        }
        for rate, value in rates.items():
            assert points[rate, f"{protected}={name}"].value == pytest.approx(value, abs=1e-12)
            expected[rate].append(value)
    for rate, values in expected.items():
        difference, ratio = points[f"{rate}_difference", ""], points[f"{rate}_ratio", ""]
        assert difference.value == pytest.approx(max(values) - min(values), abs=1e-12)
        assert ratio.value == pytest.approx(min(values) / max(values), abs=1e-12)
        assert difference.low is not None
        assert difference.high is not None
        assert 0 <= difference.low <= difference.value <= difference.high <= 1


def test_small_groups_are_insufficient_and_not_compared() -> None:
    groups = {"sex=f": GroupProfile(100, 50), "sex=m": GroupProfile(100, 40), "sex=x": GroupProfile(5, 5)}
    points = by_key(fairness_points(groups))
    assert points["selection_rate", "sex=x"].status is Status.INSUFFICIENT
    assert points["selection_rate_difference", ""].value == pytest.approx(0.1)
    assert points["tpr_difference", ""].status is Status.UNDEFINED
    assert "2 needed" in points["tpr_difference", ""].reason


def test_the_largest_groups_are_kept_and_the_rest_is_other() -> None:
    group = np.array([f"g{i:02d}" for i in range(25) for _ in range(25 - i)])
    label = np.ones(len(group), dtype=int)
    profile = profiled(group, label, label)
    assert len(profile.groups) == 21
    assert profile.groups["sex=other"].predicted == sum(range(1, 6))
    assert sum(g.predicted for g in profile.groups.values()) == len(group)
    assert sum(g.positives for g in profile.groups.values()) == profile.labelled.labelled


def test_the_mixture_of_the_smallest_groups_is_not_compared_but_people_who_answer_other_are() -> None:
    groups = {f"sex={i}": GroupProfile(100, 50) for i in range(19)} | {"sex=other": GroupProfile(100, 10)}
    assert by_key(fairness_points(groups))["selection_rate_difference", ""].value == 0
    few = {"sex=f": GroupProfile(100, 50), "sex=other": GroupProfile(100, 10)}
    assert by_key(fairness_points(few))["selection_rate_difference", ""].value == pytest.approx(0.4)


def test_rows_without_the_tag_are_in_no_group() -> None:
    group = np.array(["f", "", "m", ""])
    assert set(profiled(group, np.ones(4), np.ones(4)).groups) == {"sex=f", "sex=m"}


def test_nothing_is_told_apart_unless_it_is_asked_for() -> None:
    group, label, predicted = rows(50, ["f", "m"])
    assert profiled(group, label, predicted, protected=None).groups == {}
    assert profiled(group, label, predicted, protected="nothing").groups == {}
    assert profiled(group, label, predicted, task=Task.REGRESSION).groups == {}
    assert fairness_points({}) == []


def test_groups_merge_and_are_stored() -> None:
    group, label, predicted = rows(200, ["f", "m"])
    whole = profiled(group, label, predicted)
    parts = [profiled(group[s], label[s], predicted[s]) for s in (slice(0, 100), slice(100, 200))]
    assert parts[0].merge(parts[1]).groups == whole.groups
    assert decode_profile(encode_profile(whole)).groups == whole.groups
