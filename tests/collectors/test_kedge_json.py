"""Kedge's JSON: every shape of body, and a bad record that does not lose its neighbours."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats import WHOLE_BODY, Decoded, Log, find_format
from collectors.wire import WireLabel, WirePrediction
from monitor.lake import Kind


def decode(body: bytes | list[Any] | dict[str, Any], kind: Kind = Kind.PREDICTIONS) -> Decoded:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    (decoded,) = find_format("json").decode(Log(body, kind))
    return decoded


def one(**fields: Any) -> WirePrediction:
    decoded = decode([{"model": "m", **fields}])
    assert decoded.refusals == []
    (record,) = decoded.records
    assert isinstance(record, WirePrediction)
    return record


def reason(**fields: Any) -> str:
    """Why a record with these fields is refused, with a good record on each side that is not."""
    decoded = decode([{"model": "m"}, {"model": "m", **fields}, {"model": "m"}])
    assert list(decoded.places) == [0, 2]
    (refusal,) = decoded.refusals
    assert refusal.index == 1
    assert refusal.payload
    return refusal.reason


@pytest.mark.parametrize(
    "body",
    [
        b'[{"model": "a"}, {"model": "b"}]',
        b'{"records": [{"model": "a"}, {"model": "b"}]}',
        b'{"model": "a"}\n{"model": "b"}',
        b'\n{"model": "a"}\r\n\n{"model": "b"}\n',
        b'\xef\xbb\xbf[{"model": "a"}, {"model": "b"}]',
        b'[{"model": "a", "version": null, "tags": null}, {"model": "b", "features": null}]',
    ],
)
def test_every_shape_of_body_gives_the_same_records(body: bytes) -> None:
    decoded = decode(body)
    assert [record.model for record in decoded.records] == ["a", "b"]
    assert list(decoded.places) == [0, 1]
    assert not decoded.refusals


def test_a_single_object_may_span_lines() -> None:
    assert decode(b'{\n  "model": "a",\n  "features": {"x": 1}\n}').records == [
        WirePrediction(model="a", features={"x": 1})
    ]


@pytest.mark.parametrize("body", [b"[]", b'{"records": []}'])
def test_no_records_is_no_mistake(body: bytes) -> None:
    assert decode(body) == Decoded(places=decode(body).places)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "the body is empty"),
        (b" \n ", "the body is empty"),
        (b"{oops", "the body is not JSON"),
        (b'[{"model": "a"}', "the body is not JSON"),
        (b'[\n{"model": "a"},\n{"model": "b"}\n', "the body is not JSON"),
        (b"\xff\xff\xff", "not UTF-8 at byte 0"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"records": 3}', "a record must be a JSON object, this is a number"),
    ],
)
def test_a_body_that_is_not_json_is_refused_whole(body: bytes, expected: str) -> None:
    decoded = decode(body)
    assert not decoded.records
    assert expected in decoded.refusals[0].reason
    assert decoded.refusals[0].index in (WHOLE_BODY, 0)


@pytest.mark.parametrize("broken", [b'{"model": ', b"Traceback (most recent call last):", b"[INFO] started", b"[1, 2]"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_broken_line_does_not_lose_the_others_wherever_it_is(broken: bytes, place: int) -> None:
    lines = [b'{"model": "a"}', b'{"model": "b"}']
    lines.insert(place, broken)
    decoded = decode(b"\n".join(lines))
    assert list(decoded.places) == [each for each in range(3) if each != place]
    assert [(refusal.index, refusal.payload) for refusal in decoded.refusals] == [(place, broken)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"latncy_ms": 3}, "unknown key 'latncy_ms'; did you mean 'latency_ms'?"),
        ({"zzz": 3}, "unknown key 'zzz'; accepted: model, version, prediction_id"),
        ({"features": {"a": {"b": 1}}}, "feature 'a' is an object: {'b': 1}; accepted: null, true, false"),
        ({"features": {"ok": 1, "a": [1, 2]}}, "feature 'a' is an array: [1, 2]"),
        ({"features": [1]}, "features: expected `object`, got `array`; got [1]"),
        ({"status_code": 777}, "status_code: expected `int` <= 599; got 777"),
        ({"status_code": "200"}, "status_code: expected `int | null`, got `str`; got '200'"),
        ({"latency_ms": -1}, "latency_ms: expected `float` >= 0.0; got -1"),
        ({"latency_ms": math.nan}, "latency_ms: expected `float` >= 0.0; got nan"),
        ({"latency_ms": math.inf}, "latency_ms is inf; accepted: a finite number"),
        ({"score": math.nan}, "score is nan; accepted: a finite number"),
        ({"score": -math.inf}, "score is -inf"),
        ({"scores": {"a": math.inf}}, "scores['a'] is inf"),
        ({"label": math.nan}, "label is nan"),
        ({"sampling_fraction": 0}, "sampling_fraction: expected `float` > 0.0; got 0"),
        ({"sampling_fraction": 1.5}, "sampling_fraction: expected `float` <= 1.0; got 1.5"),
        ({"prediction_id": ""}, "prediction_id: expected `str` of length >= 1; got ''"),
        ({"prediction_id": "x" * 257}, "prediction_id: expected `str` of length <= 256; got 'xxx"),
        ({"prediction_id": 12}, "prediction_id: expected `str | null`, got `int`; got 12"),
        ({"prediction": [0.1, 0.9]}, "prediction: expected `bool | int | float | str | null`, got `array`"),
        ({"tags": {"a": 1}}, "tags[...]: expected `str`, got `int`"),
        ({"event_time": "yesterday"}, "event_time 'yesterday' is not readable; accepted: ISO-8601 text or seconds"),
        ({"event_time": True}, "event_time True is not readable"),
        ({"error": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_a_bad_record_is_refused_with_the_field_the_value_and_what_is_accepted(
    fields: dict[str, Any], expected: str
) -> None:
    assert expected in reason(**fields)


@pytest.mark.parametrize("sent", [3, "x", [1], None, True])
def test_a_record_must_be_an_object(sent: Any) -> None:
    decoded = decode([{"model": "m"}, sent])
    assert "a record must be a JSON object, this is" in decoded.refusals[0].reason


def test_nan_and_infinity_as_python_writes_them() -> None:
    record = one(features={"missing": math.nan, "huge": math.inf, "low": -math.inf}, prediction=math.nan)
    assert math.isnan(record.features["missing"])  # type: ignore[arg-type]
    assert record.features["huge"] == math.inf
    assert record.features["low"] == -math.inf
    assert record.prediction is None


def test_integers_that_no_64_bits_hold_become_floats() -> None:
    record = one(features={"a": 10**30, "b": -(10**400)}, latency_ms=math.ulp(1), error="", score=0.5)
    assert decode(b'[{"features": {"a": 1e400}}]').records == [WirePrediction(features={"a": math.inf})]
    assert record.features["a"] == 10**30


@pytest.mark.parametrize(
    "text",
    ["2026-03-04T10:00:00Z", "2026-03-04T10:00:00", "2026-03-04 10:00", "2026-03-04T12:00:00+0200", "20260304T10"],
)
def test_times_may_be_any_iso_8601(text: str) -> None:
    moment = one(event_time=text).event_time
    assert isinstance(moment, datetime)
    assert (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) == datetime(2026, 3, 4, 10, tzinfo=UTC)


def test_labels_have_their_own_fields() -> None:
    sent = [{"prediction_id": "p", "label": 1}, {"prediction_id": "p"}, {"label": 1, "score": 2}]
    decoded = decode(sent, Kind.LABELS)
    assert decoded.records == [WireLabel(prediction_id="p", label=1)]
    assert [refusal.reason for refusal in decoded.refusals] == [
        "missing key `label`",
        "unknown key 'score'; accepted: prediction_id, label, model, label_time",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from([*WirePrediction.__struct_fields__, "other"])


@settings(max_examples=150, deadline=None)
@given(sent=st.lists(st.dictionaries(keys, json_values, max_size=5) | json_values, max_size=5), lines=st.booleans())
def test_every_record_is_either_read_or_refused(sent: list[Any], lines: bool) -> None:
    body = b"\n".join(json.dumps(each).encode() for each in sent) if lines else json.dumps(sent).encode()
    decoded = decode(body)
    indexes = sorted([*decoded.places, *(refusal.index for refusal in decoded.refusals)])
    if not lines:
        assert indexes == list(range(len(sent)))
    else:
        assert indexes == [WHOLE_BODY] or indexes == list(range(len(indexes)))
