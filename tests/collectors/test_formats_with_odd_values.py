"""Any JSON value anywhere in a log of the cloud formats is refused or read, and never raises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.collector import Collector, Request
from collectors.formats import find_format
from collectors.inbox import Inbox
from monitor.config import CollectorSettings, MappingSettings
from monitor.lake import Kind

NOW = datetime(2026, 11, 20, tzinfo=UTC)
FORMATS = ("azure-ml", "bentoml", "databricks", "sagemaker", "triton", "vertex")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "a", "1", "{", "[1]", '{"predictions": [1]}', "\x00", "2026-01-01", "9" * 5000, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "data", "inputs"]), inner),
    max_leaves=6,
)
MAPPING = MappingSettings(
    fields={"prediction_id": "age", "label": "a"}, columns=("a", "b"), classes=("x", "y"), positive="y", time_unit="ms"
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def with_value(sent: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = deepcopy(sent)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=150)
@given(data=st.data())
def test_any_value_anywhere_is_refused_or_read(name: str, data: st.DataObject) -> None:
    log_format = find_format(name)
    example = log_format.example()
    sent = json.loads(example.body)
    for _ in range(data.draw(st.integers(1, 2))):
        sent = with_value(sent, data.draw(st.sampled_from(list(places(sent)))), data.draw(VALUES))
    mapping = data.draw(st.sampled_from([example.mapping, MAPPING]))
    log = replace(example, body=json.dumps(sent).encode(), mapping=mapping, memory={})
    log_format.sniff(log)
    for part in log_format.decode(log):
        assert len(part.records) == len(part.places)
        assert all(refused.reason for refused in part.refusals)


@pytest.mark.parametrize("name", [*FORMATS, "tf-serving"])
def test_what_the_example_gives_is_taken_by_the_collector(name: str, tmp_path: Any) -> None:
    log_format = find_format(name)
    example = log_format.example()
    inbox = Inbox(tmp_path / "inbox.sqlite", 2**30)
    request = Request(kind=Kind.PREDICTIONS, received_at=NOW, source="test", path=example.path)
    taken = Collector(inbox, CollectorSettings()).take(example.body, request, log_format)
    inbox.close()
    assert (taken.accepted, taken.refused) == (1, 0)
