"""Seldon Core 1's request logger. The events are laid out as its source writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.formats import Log, sniff_format
from collectors.formats.seldon import Seldon
from collectors.joining import join
from collectors.wire import Half, WireLabel, WireRecord
from monitor.config import NO_MAPPING, MappingSettings


def event(kind: str, sent: Any, mapping: MappingSettings = NO_MAPPING, **attributes: str) -> Log:
    example = Seldon().example()
    headers = {**example.headers, "ce-type": f"io.seldon.serving.{kind}"}
    headers |= {f"ce-{name}": value for name, value in attributes.items()}
    return replace(example, body=json.dumps(sent).encode(), headers=headers, mapping=mapping)


def read(log: Log) -> tuple[list[Half], list[WireRecord], list[str]]:
    assert isinstance(sniff_format(log), Seldon)
    parts = list(Seldon().decode(log))
    return (
        [half for part in parts for half in part.halves],
        [record for part in parts for record in part.records],
        [refusal.reason for part in parts for refusal in part.refusals],
    )


REQUEST = {"data": {"names": ["age", "hours"], "ndarray": [[39, 40], [50, 13]]}, "meta": {"puid": "a-1"}}
RESPONSE = {"data": {"names": ["t:0", "t:1"], "ndarray": [[0.9, 0.1], [0.4, 0.6]]}, "meta": {"puid": "a-1"}}


def test_request_and_response_join_on_their_request_id_although_ce_ids_differ() -> None:
    ((request,), _, _) = read(event("inference.request", REQUEST, id="one"))
    ((response,), _, _) = read(event("inference.response", RESPONSE, id="two"))
    assert request.key == response.key
    records = join(request, response)
    assert [(r.prediction_id, r.model, r.prediction) for r in records] == [
        ("a-1", "income/classifier", "t:0"),
        ("a-1/1", "income/classifier", "t:1"),
    ]
    assert (records[1].features, records[1].scores) == ({"age": 50, "hours": 13}, {"t:0": 0.4, "t:1": 0.6})
    assert records[0].latency_ms is None  # the times are those of sending


def test_every_node_of_a_graph_has_its_own_pair() -> None:
    halves = [read(event("inference.request", REQUEST, modelid=node))[0][0] for node in ("scaler", "classifier")]
    assert halves[0].key != halves[1].key
    assert [half.model for half in halves] == ["income/scaler", "income/classifier"]


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"tensor": {"shape": [1, 2], "values": [39, 40]}}},
        {"jsonData": [[39, 40]]},
        {"instances": [[39, 40]]},
        {"inputs": [{"name": "f", "shape": [1, 2], "datatype": "INT64", "data": [39, 40]}]},
    ],
)
def test_bodies_come_in_several_protocols(sent: Any) -> None:
    mapping = MappingSettings(columns=("age", "hours"))
    ((half,), _, _) = read(event("inference.request", sent, mapping))
    assert half.rows[0].features == {"age": 39, "hours": 40}


def test_kafka_headers_have_no_prefix() -> None:
    log = event("inference.request", REQUEST)
    plain = {name.removeprefix("ce-"): value for name, value in log.headers.items()}
    assert read(replace(log, headers=plain)) == read(log)


def test_feedback_is_a_label_of_the_response_it_is_about() -> None:
    sent = {"response": {"meta": {"puid": "a-1"}}, "truth": {"data": {"ndarray": [["low"], ["high"]]}}, "reward": 1.0}
    (_, labels, _) = read(event("feedback", sent, requestid="other"))
    ten = datetime(2026, 3, 4, 10, tzinfo=UTC)
    assert labels == [
        WireLabel(prediction_id="a-1", label="low", model="income/classifier", label_time=ten),
        WireLabel(prediction_id="a-1/1", label="high", model="income/classifier", label_time=ten),
    ]


def test_feedback_without_a_puid_is_about_the_request_id_of_the_event() -> None:
    (_, (label,), _) = read(event("feedback", {"truth": {"data": {"ndarray": [1]}}}))
    assert (label.prediction_id, label.label) == ("a-1", 1)


def test_a_reward_alone_is_refused_with_the_reason() -> None:
    (_, _, (reason,)) = read(event("feedback", {"reward": 1.0}))
    assert reason == "the feedback has ['reward']; accepted: a truth (a reward alone is no label)"


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (event("inference.request", REQUEST, requestid=""), "requestid is missing"),
        (event("inference.other", REQUEST), "event type 'io.seldon.serving.inference.other' is not known; accepted"),
        (event("inference.request", {"binData": "AA"}), "Seldon's binData, which has no columns"),
        (event("feedback", [1]), r"the feedback has [1]; accepted: a truth"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(log: Log, said: str) -> None:
    assert said in read(log)[2][0]


def test_a_log_without_its_headers_is_refused() -> None:
    (part,) = Seldon().decode(Log(b"{}"))
    assert "the headers of the event are missing" in part.refusals[0].reason
