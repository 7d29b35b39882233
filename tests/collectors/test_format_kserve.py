"""KServe's inference logger."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.formats import Decoded, Log, sniff_format
from collectors.formats.kserve import KServe
from collectors.joining import alone, join
from collectors.wire import Half, Side
from monitor.config import MappingSettings

from .joining_rig import Buffer

RECORDING = Path(__file__).parent.parent / "recordings" / "kserve" / "agent_cloudevents_constructed.jsonl"
COLUMNS = ("day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
MAPPING = MappingSettings(columns=COLUMNS, classes=("0", "1"))


def recorded_events() -> Iterator[Log]:
    for line in RECORDING.read_text().splitlines():
        sent = json.loads(line)
        yield Log(sent["body"].encode(), headers=sent["headers"], mapping=MAPPING)


def read(log: Log) -> tuple[list[Half], list[str]]:
    found = sniff_format(log)
    assert found is not None
    parts: list[Decoded] = list(found.decode(log))
    return [half for part in parts for half in part.halves], [r.reason for part in parts for r in part.refusals]


def event(body: bytes = b'{"instances": [[1, 2]]}', **attributes: str) -> Log:
    example = KServe().example()
    headers = {**example.headers, **{f"ce-{name}": value for name, value in attributes.items()}}
    return replace(example, body=body, headers=headers)


def test_recorded_events_join_to_predictions_and_errors() -> None:
    calls: dict[str, dict[Side, Half]] = defaultdict(dict)
    reasons = []
    for log in recorded_events():
        halves, refused = read(log)
        for half in halves:
            calls[half.key][half.side] = half  # structured events repeat a binary one: the same half
        reasons += refused
    whole = [join(sides[Side.REQUEST], sides[Side.RESPONSE]) for sides in calls.values() if len(sides) == 2]
    records = [record for call in whole for record in call]
    assert (len(calls), len(whole), len(records)) == (13, 9, 36)
    first = records[0]
    assert first.model == "electricity"
    assert first.prediction_id == "aef61b33-8525-555f-b2d3-1be78ad03645"
    assert (first.features["day"], first.prediction, first.latency_ms) == (7.0, 0, pytest.approx(6.142))
    assert records[6].prediction_id is not None
    assert records[7].prediction_id == records[6].prediction_id + "/1"
    failed = [alone(half) for sides in calls.values() if len(sides) == 1 for half in sides.values()]
    assert len(failed) == 4
    assert all("no response was logged" in str(record.error) for call in failed for record in call)
    assert [reason for reason in reasons if "not JSON" in reason]  # the request that was cut off counts all the same


@pytest.mark.parametrize("seed", range(3))
def test_recorded_events_give_the_same_records_in_any_order(tmp_path: Path, seed: int) -> None:
    binary = [log for log in recorded_events() if "ce-id" in log.headers]
    halves = [half for log in binary for half in read(log)[0]]
    random.Random(seed).shuffle(halves)
    buffer = Buffer(tmp_path / "inbox.sqlite")
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for half in halves:
        buffer.put(noon, half)
        buffer.joiner.run(noon)
    assert len(buffer.records()) == 36
    buffer.joiner.run(noon + timedelta(hours=1))
    errors = [record for record in buffer.records() if record.get("error")]
    assert (len(errors), len(buffer.records()), buffer.waiting, buffer.refused()) == (4, 40, 0, [])


def test_older_events_have_no_latency_because_their_times_are_those_of_sending() -> None:
    ((old,), _) = read(event(time="2026-03-04T10:00:00Z"))
    assert (old.times_call, old.time) == (False, datetime(2026, 3, 4, 10, tzinfo=UTC))
    ((new,), _) = read(event(recordedtime="2026-03-04T10:00:01Z"))
    assert new.times_call


def test_two_components_of_one_request_are_two_models() -> None:
    ((predictor,), _) = read(event())
    ((transformer,), _) = read(event(component="transformer"))
    assert (predictor.model, transformer.model) == ("sklearn-iris", "sklearn-iris/transformer")
    assert predictor.key != transformer.key
    assert predictor.request_id == transformer.request_id


def test_explainers_are_skipped() -> None:
    (decoded,) = KServe().decode(event(component="explainer"))
    assert (decoded.halves, decoded.refusals, decoded.skipped) == ([], [], 1)


def test_the_endpoint_is_a_tag_and_part_of_the_key() -> None:
    ((canary,), _) = read(event(endpoint="canary"))
    assert canary.rows[0].tags == {"endpoint": "canary"}
    assert canary.key != read(event(endpoint="default"))[0][0].key


def test_v2_bodies_bring_their_own_id() -> None:
    tensor = {"name": "f", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1.5]}
    ((half,), _) = read(event(json.dumps({"id": "elec-1", "inputs": [tensor]}).encode()))
    assert (half.request_id, half.rows[0].features) == ("elec-1", {"f_0": 0.5, "f_1": 1.5})


def test_a_binary_body_that_lost_its_header_is_refused_and_is_no_error() -> None:
    head = (
        b'{"inputs":[{"name":"f","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}\x00\x00\x80\x3f'
    )
    octets = {"content-type": "application/octet-stream"}
    log = event(head)
    halves, reasons = read(replace(log, headers={**log.headers, **octets}))
    assert "binary tensors can't be found without Inference-Header-Content-Length" in reasons[0]
    log = event(head.replace(b"inputs", b"outputs"), type="org.kubeflow.serving.inference.response")
    answers, _ = read(replace(log, headers={**log.headers, **octets}))
    assert join(halves[0], answers[0]) == []  # both sides came, so the call did not fail


def test_a_response_that_says_error_fails_the_call() -> None:
    ((request,), _) = read(event())
    ((response,), _) = read(event(b'{"error": "boom"}', type="org.kubeflow.serving.inference.response"))
    (record,) = join(request, response)
    assert (record.error, record.prediction) == ("boom", None)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"id": ""}, "ce-id is missing"),
        ({"type": "org.kubeflow.serving.inference.other"}, "is not known; accepted: org.kubeflow"),
        ({"time": "soon"}, "time 'soon' is not readable"),
    ],
)
def test_an_event_that_lacks_something_is_refused(attributes: dict[str, str], said: str) -> None:
    halves, (reason,) = read(event(**attributes))
    assert halves == []
    assert said in reason


def test_kafka_headers_are_read_as_http_headers_are() -> None:
    log = event()
    kafka = {name.replace("ce-", "ce_"): value for name, value in log.headers.items()}
    assert read(replace(log, headers=kafka)) == read(log)


def test_a_model_that_only_the_event_names_has_its_own_mapping() -> None:
    event = KServe().example()
    named = {"electricity": MappingSettings(columns=("hour", "price"))}
    headers = dict(event.headers) | {"ce-inferenceservicename": "electricity"}
    log = Log(b'{"instances": [[1, 2.5]]}', headers=headers, mappings=named)
    (half,) = [half for part in KServe().decode(log) for half in part.halves]
    assert half.rows[0].features == {"hour": 1, "price": 2.5}
