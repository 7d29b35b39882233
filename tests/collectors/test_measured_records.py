"""Sizes and resources of a call: from the wire to the lake, on the fast path and on the careful one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from collectors.collector import random_ids
from collectors.deliveries import Encoding, InboxRow
from collectors.formats import Decoded, Log, find_format
from collectors.glance import glance
from collectors.joining import join
from collectors.payloads import prediction_records, unpack_predictions
from collectors.terms import Terms
from collectors.usual_rows import UsualRows
from collectors.validation import validate
from collectors.wire import Half, Side, WirePrediction
from monitor.config import CollectorSettings
from monitor.lake import predictions_table
from monitor.schemas import Feature, FeatureKind

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
AGE = {"age": Feature("age", FeatureKind.NUMERIC, "feature_age")}
MEASURES = {"request_bytes": 812, "response_bytes": 40, "resources": {"cpu_percent": 31.5, "memory_bytes": 2e9}}


def record(number: int, **fields: Any) -> dict[str, Any]:
    known = {"model": "m", "prediction_id": f"p{number}", "event_time": "2026-03-04T11:00:00Z"}
    return {**known, "features": {"age": 40.0 + number}, "prediction": 1, **fields}


def inbox_row(*records: dict[str, Any]) -> InboxRow:
    return InboxRow(1, NOW, "http", len(records), json.dumps(records).encode(), Encoding.JSON)


def terms(body: bytes) -> Terms:
    return Terms(NOW, CollectorSettings(), random_ids, body_bytes=len(body))


@pytest.mark.parametrize("records", [[record(1)], [record(1, **MEASURES)], [record(1), record(2, **MEASURES)]])
def test_both_ways_into_the_lake_make_the_same_table(records: list[dict[str, Any]]) -> None:
    row = inbox_row(*records)
    usual = UsualRows(AGE)
    for _ in range(2):  # what it has learnt of the first rows changes nothing
        found = usual.read([row], "c")
        assert found is not None
        general, _ = unpack_predictions(row)
        received = np.full(len(general), int(NOW.timestamp() * 1e6), np.int64)
        assert found[0].equals(predictions_table(general, AGE, received, [row.source] * len(general)))


def test_logs_with_and_without_measures_take_turns() -> None:
    usual = UsualRows(AGE)
    for records in ([record(1)], [record(2, **MEASURES)], [record(3)], [record(4, **MEASURES)]):
        found = usual.read([inbox_row(*records)], "c")
        assert found is not None
        assert found[0].column("request_bytes").to_pylist() == [records[0].get("request_bytes")]


def test_the_record_that_every_part_passes_on_has_them() -> None:
    [found] = prediction_records(inbox_row(record(1, **MEASURES)))
    assert {name: getattr(found, name) for name in MEASURES} == MEASURES


def test_a_glance_takes_them() -> None:
    body = json.dumps(record(1, **MEASURES)).encode()
    assert glance(body, terms(body)) is not None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"request_bytes": -1}, "request_bytes"),
        ({"response_bytes": 2.5}, "response_bytes"),
        ({"response_bytes": 2**60}, "response_bytes"),
        ({"resources": {"a name with spaces": 1.0}}, "resources"),
        ({"resources": {"cpu_percent": "much"}}, "resources"),
        ({"resources": {f"r{i}": 1.0 for i in range(33)}}, "resources"),
        ({"resources": {"cpu_percent": float("nan")}}, "resources['cpu_percent'] is nan"),
    ],
)
def test_what_is_no_size_or_resource_is_refused_with_its_reason(fields: dict[str, Any], reason: str) -> None:
    body = json.dumps([record(1), record(2, **fields)]).encode()
    assert glance(body, terms(body)) is None
    (decoded,) = find_format("json").decode(Log(body))
    [refusal] = decoded.refusals
    assert reason in refusal.reason


def test_records_that_a_format_made_keep_to_the_bounds_too() -> None:
    made = [WirePrediction(model="m", request_bytes=-5), WirePrediction(model="m", **MEASURES)]
    found = validate(Decoded(list(made), range(2)), terms(b""))
    assert [refusal.index for refusal in found.refusals] == [0]
    assert found.predictions == [made[1]]


def test_joined_halves_keep_the_sizes_of_both_sides() -> None:
    request = Half(key="r", side=Side.REQUEST, request_id="r", rows=[WirePrediction(request_bytes=10)])
    response = Half(key="r", side=Side.RESPONSE, request_id="r", rows=[WirePrediction(response_bytes=20)])
    [joined] = join(request, response)
    assert (joined.request_bytes, joined.response_bytes) == (10, 20)


@pytest.mark.parametrize(
    ("name", "line", "sizes"),
    [
        ("nginx", {"time_iso8601": "2026-03-04T10:00:00+00:00", "request_method": "POST", "request_uri": "/predict",
                   "status": "200", "request_time": "0.012", "request_length": "512", "body_bytes_sent": "64"},
         (512, 64)),
        ("envoy", {"start_time": "2026-03-04T10:00:00.000Z", "method": "POST", "path": "/v2/models/m/infer",
                   "response_code": 200, "response_flags": "-", "duration": 12, "bytes_received": 900,
                   "bytes_sent": "-"},
         (900, None)),
    ],
)  # fmt: skip
def test_proxies_log_sizes(name: str, line: dict[str, Any], sizes: tuple[int | None, int | None]) -> None:
    (decoded,) = find_format(name).decode(Log(json.dumps(line).encode(), model="m"))
    [found] = decoded.records
    assert isinstance(found, WirePrediction)
    assert (found.request_bytes, found.response_bytes) == sizes
