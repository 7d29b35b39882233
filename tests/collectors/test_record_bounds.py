"""A record that a format made itself keeps to the bounds of the wire; the inbox could not give it back otherwise."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest

from collectors.formats import Decoded
from collectors.payloads import pack
from collectors.validation import Terms, validate
from collectors.wire import WireLabel, WirePrediction
from monitor.config import CollectorSettings


def terms(now: datetime) -> Terms:
    return Terms(now=now, limits=CollectorSettings(), new_ids=lambda count: ["new"] * count, model="income")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"latency_ms": -1.0}, ">= 0.0"),
        ({"latency_ms": math.nan}, ">= 0.0"),
        ({"latency_ms": math.inf}, "latency_ms is inf; accepted: a finite number"),
        ({"score": math.nan}, "score is nan; accepted: a finite number"),
        ({"status_code": 0}, ">= 100"),
        ({"status_code": 600}, "<= 599"),
        ({"sampling_fraction": 0.0}, "> 0.0"),
        ({"sampling_fraction": 2.0}, "<= 1.0"),
        ({"version": "v" * 201}, "length <= 200"),
        ({"prediction_id": "p" * 257}, "length <= 256"),
        ({"prediction_id": ""}, "length >= 1"),
        ({"entity_id": ""}, "length >= 1"),
        ({"entity_id": "e" * 257}, "length <= 256"),
    ],
)
def test_a_prediction_beyond_its_bounds_is_refused_and_the_others_are_kept(
    now: datetime, fields: dict[str, Any], reason: str
) -> None:
    records = [WirePrediction(prediction=1), WirePrediction(**fields), WirePrediction(prediction=2)]
    done = validate(Decoded([*records], range(3)), terms(now))
    (refusal,) = done.refusals
    assert (done.accepted, refusal.index) == (2, 1)
    assert reason in refusal.reason
    assert [batch.count for batch in pack(done)] == [2]


@pytest.mark.parametrize("prediction_id", ["", "p" * 257])
def test_a_label_whose_id_is_beyond_its_bounds_is_refused(now: datetime, prediction_id: str) -> None:
    done = validate(Decoded([WireLabel(prediction_id=prediction_id, label=1)], [0]), terms(now))
    assert (done.accepted, len(done.refusals)) == (0, 1)


def test_a_record_at_its_bounds_is_taken(now: datetime) -> None:
    record = WirePrediction(
        prediction_id="p" * 256,
        version="v" * 200,
        entity_id="e" * 256,
        latency_ms=0,
        status_code=599,
        sampling_fraction=1,
    )
    assert validate(Decoded([record], [0]), terms(now)).refusals == []


def test_integers_of_any_size_are_taken(now: datetime) -> None:
    records = [WirePrediction(features={"big": 10**40}), WirePrediction(status_code=1)]
    assert validate(Decoded([*records], range(2)), terms(now)).accepted == 1
