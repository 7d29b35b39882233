"""Deployments inferred from versions, and the words for values."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from monitor import metrics
from monitor.db.models import ModelVersion
from monitor.queries import Deployment, describe, describe_bounds, format_value, histograms, states
from monitor.queries.models import deployments

T0 = datetime(2026, 3, 1, tzinfo=UTC)


def version(name: str, first: float, last: float) -> ModelVersion:
    return ModelVersion(name=name, first_event_time=T0 + first * timedelta(days=1),
                        last_event_time=T0 + last * timedelta(days=1))  # fmt: skip


def kinds(found: list[Deployment]) -> list[tuple[str, str]]:
    return [(deployment.version, deployment.kind) for deployment in found]


def test_a_version_that_ends_while_an_older_one_goes_on_was_rolled_back() -> None:
    found = deployments([version("1", 0, 10), version("2", 3, 5)])
    assert kinds(found) == [("1", "deployed"), ("2", "deployed"), ("1", "rolled back")]
    assert found[-1].at == T0 + timedelta(days=5)


def test_a_successor_that_overlaps_is_no_rollback() -> None:
    assert kinds(deployments([version("1", 0, 5), version("2", 4, 10)])) == [("1", "deployed"), ("2", "deployed")]


def test_a_canary_replaced_by_a_newer_one_is_no_rollback() -> None:
    found = deployments([version("1", 0, 10), version("2", 3, 5), version("3", 4, 9)])
    assert kinds(found) == [
        ("1", "deployed"), ("2", "deployed"), ("3", "deployed"), ("1", "rolled back")]  # fmt: skip


def test_a_stray_call_of_a_version_is_no_deployment() -> None:
    assert kinds(deployments([version("1", 0, 10), version("unversioned", 2, 2)])) == [("1", "deployed")]
    assert kinds(deployments([version("1", 0, 0)])) == [("1", "deployed")]


def test_no_version_means_no_deployment() -> None:
    assert deployments([]) == []


@pytest.mark.parametrize(
    ("metric", "low", "high", "words"),
    [
        ("auc", 0.66, None, "at least 0.66"),
        ("error_rate", None, 0.02, "at most 2.0 %"),
        ("bias", -1.0, 1.0, "-1 to 1"),
        ("auc", None, None, ""),
    ],
)
def test_bounds_are_put_into_words(metric: str, low: float | None, high: float | None, words: str) -> None:
    assert describe_bounds(metric, low, high) == words


def test_a_metric_of_a_plug_in_is_called_by_its_own_name() -> None:
    assert describe("brier_score").title == "Brier score"
    assert format_value("brier_score", 0.1234) == "0.123"


@pytest.mark.parametrize("module", [histograms, metrics, states])
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
