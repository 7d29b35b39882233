"""CloudEvents in an envelope, in batches, in headers; 1.0 and 0.3."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.formats import Decoded, Log, format_of_media_type, sniff_format
from collectors.formats.cloudevents import CloudEvents
from collectors.wire import Side, WireLabel, WirePrediction
from monitor.lake import Kind

RECORDING = Path(__file__).parent.parent / "recordings" / "kserve" / "agent_cloudevents_constructed.jsonl"
RECORD = {"model": "income", "features": {"age": 39}, "prediction": "low"}
EVENT = {"specversion": "1.0", "id": "a-1", "source": "/m", "type": "prediction", "time": "2026-03-04T10:00:00Z"}
TEN = datetime(2026, 3, 4, 10, tzinfo=UTC)


def decode(sent: Any, **log: Any) -> Decoded:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    whole = Decoded(places=[])
    for part in CloudEvents().decode(Log(body, **log)):
        whole.records += part.records
        whole.halves += part.halves
        whole.refusals += part.refusals
    return whole


def test_the_data_of_an_event_are_a_record_with_its_id_and_time() -> None:
    (record,) = decode({**EVENT, "data": RECORD}).records
    assert record == WirePrediction(
        model="income", prediction_id="a-1", event_time=TEN, features={"age": 39}, prediction="low"
    )


def test_an_array_of_records_has_ids_by_row_and_own_ids_stay() -> None:
    records = decode({**EVENT, "data": [RECORD, RECORD, {**RECORD, "prediction_id": "mine"}]}).records
    assert [record.prediction_id for record in records] == ["a-1", "a-1/1", "mine"]


@pytest.mark.parametrize(
    "more",
    [
        {"data_base64": base64.b64encode(json.dumps(RECORD).encode()).decode()},
        {"datacontentencoding": "base64", "data": base64.b64encode(json.dumps(RECORD).encode()).decode()},
        {"datacontenttype": "text/plain", "data": json.dumps(RECORD)},
        {"specversion": "0.3", "data": RECORD},
    ],
)
def test_data_come_as_json_as_text_or_in_base64(more: dict[str, Any]) -> None:
    (record,) = decode({**EVENT, **more}).records
    assert isinstance(record, WirePrediction)
    assert record.prediction == "low"


def test_a_batch_is_an_array_or_lines() -> None:
    events = [{**EVENT, "id": f"a-{n}", "data": RECORD} for n in range(3)]
    lines = b"\n".join(json.dumps(event).encode() for event in events)
    for sent in (events, lines):
        assert [record.prediction_id for record in decode(sent).records] == ["a-0", "a-1", "a-2"]
    assert [r.prediction_id for r in decode(json.dumps(events[0], indent=2).encode()).records] == ["a-0"]


def test_one_unusable_event_does_not_lose_the_others() -> None:
    bad = [{**EVENT, "data": {"prediction": 1, "odd": 2}}, {**EVENT, "data_base64": "!"}, {"id": "x"}, 7]
    decoded = decode([*bad, {**EVENT, "data": RECORD}])
    assert len(decoded.records) == 1
    reasons = [refusal.reason for refusal in decoded.refusals]
    assert len(reasons) == 4
    assert "unknown key 'odd'" in reasons[0]
    assert "data '!' is not base64" in reasons[1]
    assert "the event has the keys ['id']; accepted: specversion, type, id and data" in reasons[2]
    assert [refusal.index for refusal in decoded.refusals] == [0, 1, 2, 3]


def test_attributes_in_http_or_kafka_headers() -> None:
    body = json.dumps(RECORD).encode()
    for dash in "-_":
        headers = {f"ce{dash}{name}": value for name, value in EVENT.items()} | {"content-type": "application/json"}
        log = Log(body, headers=headers)
        assert isinstance(sniff_format(log), CloudEvents)
        (record,) = decode(body, headers=headers).records
        assert (record.prediction_id, isinstance(record, WirePrediction) and record.event_time) == ("a-1", TEN)


def test_labels_have_the_time_of_the_event() -> None:
    (label,) = decode({**EVENT, "data": {"prediction_id": "p-1", "label": 1}}, kind=Kind.LABELS).records
    assert label == WireLabel(prediction_id="p-1", label=1, label_time=TEN)


def test_recorded_events_of_kserve_in_an_envelope_are_read_as_kserves() -> None:
    sent = [json.loads(line) for line in RECORDING.read_text().splitlines()]
    bodies = [each["body"].encode() for each in sent if each["mode"] == "structured"]
    halves = [half for body in bodies for half in decode(body).halves]
    assert [half.side for half in halves] == [Side.REQUEST, Side.RESPONSE] * 2
    assert [half.model for half in halves] == ["electricity"] * 4
    assert [len(half.rows) for half in halves] == [1, 1, 10, 10]
    assert all(half.times_call for half in halves)
    assert isinstance(sniff_format(Log(bodies[0])), CloudEvents)


def test_events_of_azure_are_left_to_its_format() -> None:
    azure = {**EVENT, "type": "azureml.inference.inputs", "data": [{"a": 1}]}
    assert not CloudEvents().sniff(Log(json.dumps(azure).encode()))


@pytest.mark.parametrize("media_type", ["application/cloudevents+json", "application/cloudevents-batch+json"])
def test_it_is_found_by_its_media_types(media_type: str) -> None:
    assert isinstance(format_of_media_type(media_type), CloudEvents)
    assert CloudEvents().sniff(Log(b"[]", headers={"content-type": f"{media_type}; charset=utf-8"}))


def test_an_empty_batch_holds_nothing() -> None:
    assert decode([]) == Decoded(places=[])
