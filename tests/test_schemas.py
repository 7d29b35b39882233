"""A schema is learnt once, from first values, and every feature has a column of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Scalar
from monitor.schemas import Feature, FeatureKind, ModelSchema, column_name, kind_of, learn

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def record(**features: Scalar) -> dict[str, Scalar]:
    return features


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, FeatureKind.BOOLEAN),
        (1, FeatureKind.NUMERIC),
        (1.5, FeatureKind.NUMERIC),
        (float("inf"), FeatureKind.NUMERIC),
        ("1", FeatureKind.CATEGORICAL),
        ("", FeatureKind.CATEGORICAL),
        (None, None),
        (float("nan"), None),
    ],
)
def test_the_kind_a_value_speaks_for(value: Scalar, kind: FeatureKind | None) -> None:
    assert kind_of(value) is kind


def test_the_first_value_that_says_something_decides() -> None:
    found = learn({}, [record(a=None, b=float("nan"), c="x"), record(a=2, b="y", c=3), record(a="later", d=None)])
    assert [(feature.name, feature.kind) for feature in found] == [
        ("c", FeatureKind.CATEGORICAL),
        ("a", FeatureKind.NUMERIC),
        ("b", FeatureKind.CATEGORICAL),
    ]


def test_what_is_known_is_not_learnt_again() -> None:
    known = {feature.name: feature for feature in learn({}, [record(a=1)])}
    assert learn(known, [record(a="word")]) == []
    assert [feature.name for feature in learn(known, [record(a="word", b=1)])] == ["b"]
    assert learn({}, []) == []


@given(st.text(min_size=1, max_size=256), st.text(min_size=1, max_size=256))
def test_columns_are_plain_and_distinct_whatever_the_features_are_called(one: str, other: str) -> None:
    assert re.fullmatch(r"feature_[a-z0-9_]{1,100}", column_name(one))
    assert (column_name(one) == column_name(other)) == (one == other)


def test_a_plain_name_can_be_read_in_its_column() -> None:
    assert [column_name(name) for name in ("age", "x_2")] == ["feature_age", "feature_x_2"]
    assert column_name("Age").startswith("feature_age_")


def test_a_model_schema_finds_its_features_by_name() -> None:
    age = Feature("age", FeatureKind.NUMERIC, "feature_age")
    assert ModelSchema((age,)).by_name() == {"age": age}
    assert ModelSchema().by_name() == {}
