from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import collectors.client
from collectors.client import PredictionLogger
from collectors.client.counters import Stats
from collectors.client.observer import Observer, Options

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()


@pytest.mark.parametrize("called", [PredictionLogger, PredictionLogger.log, Observer])
def test_every_argument_is_on_the_page(called: object) -> None:
    names = set(inspect.signature(called).parameters) - {"self", "app"}  # type: ignore[arg-type]
    assert {name for name in names if f"`{name}" not in PAGE and f"{name}=" not in PAGE} == set()


def test_a_middleware_takes_what_the_observer_takes() -> None:
    assert set(Options.__annotations__) == set(inspect.signature(Observer).parameters)


def test_every_counter_is_on_the_page() -> None:
    assert {name for name in Stats.__struct_fields__ if f"`{name}`" not in PAGE} == set()


def test_the_defaults_on_the_page_are_the_defaults() -> None:
    options = inspect.signature(PredictionLogger).parameters
    assert [options[name].default for name in ("batch_records", "batch_seconds", "queue_records")] == [
        1000,
        0.2,
        50_000,
    ]
    assert "| 1000, 0.2 s, 4 MiB |" in PAGE
    assert "| 50 000, 64 MiB |" in PAGE


def test_every_name_of_the_package_is_on_the_page() -> None:
    assert [name for name in collectors.client.__all__ if name not in PAGE] == []
