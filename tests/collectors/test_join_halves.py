"""What is said against a half while its sender still listens."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from collectors.formats import Decoded
from collectors.validation import Terms, Validated, validate
from collectors.wire import DeclaredFeatures, Half, Side, WirePrediction
from monitor.config import CollectorSettings
from monitor.schemas import FeatureKind


def terms(now: datetime, **limits: Any) -> Terms:
    return Terms(now=now, limits=CollectorSettings(**limits), new_ids=lambda count: ["?"] * count, model="income")


def half(**fields: Any) -> Half:
    row = WirePrediction(features={"age": 39})
    return Half(**{"key": "r", "side": Side.REQUEST, "request_id": "r", "rows": [row]} | fields)


def check(terms: Terms, *halves: Half) -> Validated:
    return validate(Decoded(halves=list(halves), half_places=list(range(len(halves)))), terms)


def test_a_usable_half_is_accepted_and_its_gaps_are_filled(now: datetime) -> None:
    done = check(terms(now), half(times_call=True))
    assert (done.accepted, done.refusals) == (1, [])
    assert (done.halves[0].model, done.halves[0].time, done.halves[0].times_call) == ("income", now, False)


def test_a_half_may_name_no_model_because_its_other_side_can(now: datetime) -> None:
    nameless = Terms(now=now, limits=CollectorSettings(), new_ids=lambda count: [])
    assert check(nameless, half()).accepted == 1


def test_times_become_utc(now: datetime) -> None:
    done = check(terms(now), half(time=now.timestamp(), times_call=True))
    assert (done.halves[0].time, done.halves[0].times_call) == (now, True)


def test_integers_of_any_size_can_be_stored(now: datetime) -> None:
    done = check(
        terms(now), half(rows=[WirePrediction(features={"big": 10**400, "large": 2**70}, prediction=-(2**64))])
    )
    assert done.halves[0].rows[0].features == {"big": math.inf, "large": float(2**70)}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(done.halves[0]), type=Half) == done.halves[0]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "../etc"}, "model name '../etc' is not usable"),
        ({"time": 1e30}, "time 1e[+]30 is not a time"),
        ({"time": datetime.max.replace(tzinfo=UTC)}, "lies in the future"),
        ({"time": 0.0}, "is too early"),
        ({"request_id": "r" * 255, "rows": [WirePrediction()] * 12}, "has 255 characters; accepted: 256, with"),
        ({"request_id": ""}, "length >= 1"),
        ({"key": "k" * 513}, "length <= 512"),
        ({"rows": [WirePrediction(features={"a\x00b": 1})]}, r"feature name 'a\\x00b' is not usable"),
        ({"rows": [WirePrediction(features={str(n): n for n in range(9)})]}, "9 features; accepted: up to 8"),
        ({"rows": [WirePrediction()] * 21}, "the call has 21 rows; accepted: up to max_records = 20"),
        ({"rows": [WirePrediction(status_code=99)]}, "status_code"),
        ({"rows": [WirePrediction(prediction="\ud800")]}, "half of a surrogate pair"),
        ({"rows": [WirePrediction(error="x" * 2000)]}, "a row of the call has 20[0-9]+ bytes; accepted: up to 1024"),
        ({"rows": [WirePrediction(features={"a": object()})]}, "object"),  # type: ignore[dict-item]
    ],
)
def test_an_unusable_half_is_refused_with_what_was_sent(now: datetime, fields: dict[str, Any], reason: str) -> None:
    limits = terms(now, max_features=8, max_records=20, max_record_bytes=1024)
    done = check(limits, half(), half(**fields))
    (refusal,) = done.refusals
    assert done.accepted == len(done.halves) == 1
    assert refusal.index == 1
    assert refusal.payload
    assert re.search(reason, refusal.reason)


def test_the_rows_of_a_long_call_are_measured_one_by_one(now: datetime) -> None:
    rows = [WirePrediction(error="x" * 500)] * 20
    assert check(terms(now, max_record_bytes=1024), half(rows=rows)).accepted == 1


def test_declared_features_that_no_record_may_carry_are_left_out(now: datetime) -> None:
    kinds = dict.fromkeys(("a", "", "b\x00", "c" * 257, "d", "e"), FeatureKind.NUMERIC)
    declared = [DeclaredFeatures(model="m", kinds=kinds), DeclaredFeatures(model="..", kinds=kinds)]
    done = validate(Decoded(declared=declared), terms(now, max_features=2))
    assert done.declared == [DeclaredFeatures(model="m", kinds={"a": FeatureKind.NUMERIC, "d": FeatureKind.NUMERIC})]


def test_a_half_that_was_refused_does_not_count_as_accepted_later(now: datetime) -> None:
    done = check(terms(now), half(time=now + timedelta(days=1)))
    assert (done.accepted, len(done.refusals)) == (0, 1)
