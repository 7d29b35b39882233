"""Idempotency keys over HTTP: a repeat gets the first answer, something else under the same key is a conflict."""

from __future__ import annotations

import json

import pytest
from prometheus_client import CollectorRegistry

from collectors.metrics import CollectorMetrics

from .conftest import Rig, prediction
from .test_http_source import JSON, Client, client_of, quarantined


@pytest.fixture
def http(rig: Rig) -> Client:
    return client_of(rig)


def test_a_repeat_gets_the_first_answer_also_after_a_restart(rig: Rig, http: Client) -> None:
    headers = {"idempotency-key": "batch-1"}
    first = http.post("/v1/predictions", json=[prediction("a"), 3], headers=headers)
    again = http.post("/v1/predictions", json=[prediction("a"), 3], headers=headers)
    rig.restart()
    restarted = client_of(rig).post("/v1/predictions", json=[prediction("a"), 3], headers=headers)
    assert first.json() == again.json() == restarted.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == restarted.headers["idempotency-replayed"] == "true"
    assert rig.inbox.records_waiting() == 1
    assert len(rig.inbox.refused()) == 1


@pytest.mark.parametrize("query", ["?model=income", "?model=income&version=2", "?model=churn"])
def test_a_known_key_with_another_body_or_address_is_409_and_nothing_vanishes(
    rig: Rig, http: Client, query: str
) -> None:
    headers = {"idempotency-key": "batch-1"}
    assert http.post("/v1/predictions?version=1", json=[prediction("a")], headers=headers).status_code == 202
    sent = json.dumps([prediction("b")] if query == "?model=income" else [prediction("a")]).encode()
    answer = http.post(f"/v1/predictions{query}", content=sent, headers=headers | JSON)
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("Idempotency-Key 'batch-1' came before with another body")
    assert "idempotency-replayed" not in answer.headers
    assert (quarantined(rig).payload, quarantined(rig).reason) == (sent, answer.json()["error"])
    assert rig.inbox.records_waiting() == 1


def test_a_key_whose_records_were_all_refused_may_be_used_for_the_corrected_body(rig: Rig, http: Client) -> None:
    headers = {"idempotency-key": "batch-1"}
    assert http.post("/v1/predictions", json=[3], headers=headers).status_code == 422
    assert http.post("/v1/predictions", json=[prediction("a")], headers=headers).status_code == 202
    assert rig.inbox.records_waiting() == 1


def test_a_key_that_came_with_another_body_is_counted_as_refused(rig: Rig, http: Client) -> None:
    registry = CollectorRegistry()
    rig.collector.metrics = CollectorMetrics(registry)
    for name in ("a", "b"):
        http.post("/v1/predictions", json=[prediction(name)], headers={"idempotency-key": "k"})
    counts = [
        registry.get_sample_value("kedge_records_total", {"kind": "predictions", "outcome": outcome})
        for outcome in ("accepted", "refused", "repeated")
    ]
    assert counts == [1, 1, None]
