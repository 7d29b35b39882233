"""Request and response of one call become its predictions, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.joining import NotJoinable, alone, join, join_all
from collectors.wire import Half, Side, WirePrediction

ASKED = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ANSWERED = ASKED + timedelta(milliseconds=12.5)


def request(count: int = 1, **fields: Any) -> Half:
    asked = [WirePrediction(features={"age": 30 + place}, entity_id=f"c{place}") for place in range(count)]
    return Half(**{"key": "r", "side": Side.REQUEST, "request_id": "r", "time": ASKED, "rows": asked} | fields)


def response(*rows: WirePrediction, **fields: Any) -> Half:
    answered = list(rows) or [WirePrediction(prediction=1)]
    return Half(**{"key": "r", "side": Side.RESPONSE, "request_id": "r", "time": ANSWERED, "rows": answered} | fields)


def test_a_request_and_its_response_are_one_prediction() -> None:
    (record,) = join(request(model="income", version="3"), response(WirePrediction(prediction=0, score=0.25)))
    assert record == WirePrediction(
        model="income",
        version="3",
        prediction_id="r",
        event_time=ANSWERED,
        features={"age": 30},
        prediction=0,
        score=0.25,
        status_code=200,
        entity_id="c0",
    )


def test_rows_are_merged_one_to_one_and_have_ids_of_their_own() -> None:
    records = join(request(3), response(*[WirePrediction(prediction=n) for n in (7, 8, 9)]))
    assert [(r.prediction_id, r.features["age"], r.prediction) for r in records] == [
        ("r", 30, 7),
        ("r/1", 31, 8),
        ("r/2", 32, 9),
    ]


def test_the_latency_is_the_time_between_the_two_sides_where_the_times_are_those_of_the_call() -> None:
    (record,) = join(request(times_call=True), response(times_call=True))
    assert record.latency_ms == 12.5


@pytest.mark.parametrize(("asked", "answered"), [(True, False), (False, True), (False, False)])
def test_times_of_sending_give_no_latency(asked: bool, answered: bool) -> None:
    (record,) = join(request(times_call=asked), response(times_call=answered))
    assert record.latency_ms is None


def test_a_response_before_its_request_has_no_latency() -> None:
    early = response(time=ASKED - timedelta(seconds=1), times_call=True)
    assert join(request(times_call=True), early)[0].latency_ms is None


def test_a_latency_that_the_log_has_itself_counts() -> None:
    (record,) = join(request(times_call=True), response(WirePrediction(prediction=1, latency_ms=3.0), times_call=True))
    assert record.latency_ms == 3.0


@pytest.mark.parametrize(
    ("of_request", "of_response", "joined"),
    [
        ((None, None), ("m", "2"), ("m", "2")),
        (("m", "2"), (None, None), ("m", "2")),
        (("m", "1"), ("m", "2"), ("m", "2")),
    ],
)
def test_model_and_version_come_from_either_side(
    of_request: tuple[Any, Any], of_response: tuple[Any, Any], joined: tuple[str, str]
) -> None:
    one, other = (dict(zip(("model", "version"), names, strict=True)) for names in (of_request, of_response))
    (record,) = join(request(**one), response(**other))
    assert (record.model, record.version) == joined


def test_tags_of_both_sides_are_kept() -> None:
    asked = request(rows=[WirePrediction(features={"age": 1}, tags={"country": "DE", "tier": "a"})])
    (record,) = join(asked, response(WirePrediction(prediction=1, tags={"tier": "b"})))
    assert record.tags == {"country": "DE", "tier": "b"}


def test_one_error_is_that_of_every_row_of_the_request() -> None:
    failure = WirePrediction(status_code=503, error="x" * 2000, tags={"zone": "b"})
    records = join(request(3), response(failure, version="9"))
    assert [(r.prediction_id, r.status_code, r.prediction, r.version) for r in records] == [
        ("r", 503, None, "9"),
        ("r/1", 503, None, "9"),
        ("r/2", 503, None, "9"),
    ]
    assert [len(r.error or "") for r in records] == [2000, 500, 500]
    assert [r.features["age"] for r in records] == [30, 31, 32]
    assert {r.tags["zone"] for r in records} == {"b"}


def test_an_error_without_a_status_stays_without_one() -> None:
    (record,) = join(request(), response(WirePrediction(error="ValueError")))
    assert (record.status_code, record.error) == (None, "ValueError")


def test_an_error_of_a_request_whose_inputs_are_unknown_is_one_error() -> None:
    (record,) = join(request(0), response(WirePrediction(status_code=400)))
    assert (record.prediction_id, record.status_code, record.features) == ("r", 400, {})


@pytest.mark.parametrize(("asked", "answered"), [(3, 1), (2, 3), (0, 1), (1, 0)])
def test_unequal_counts_are_not_joined_and_both_are_named(asked: int, answered: int) -> None:
    rows = [WirePrediction(prediction=1)] * answered
    with pytest.raises(NotJoinable, match=f"the request has {asked} rows and its response {answered};"):
        join(request(asked), response(rows=rows))


def test_tags_that_would_multiply_beyond_measure_are_not_joined() -> None:
    failure = WirePrediction(status_code=500, tags={"t": "x" * 40_000})
    with pytest.raises(NotJoinable, match="tags of the response are too long to be repeated for 1000 rows"):
        join(request(1000), response(failure))


def test_an_empty_call_is_no_prediction() -> None:
    assert join(request(0), response(rows=[])) == []


def test_a_request_alone_is_an_error_of_each_of_its_rows() -> None:
    records = alone(request(2, alone="no response was logged", model="m"))
    assert [(r.prediction_id, r.error, r.status_code, r.event_time) for r in records] == [
        ("r", "no response was logged", None, ASKED),
        ("r/1", "no response was logged", None, ASKED),
    ]
    assert records[1].features == {"age": 31}


def test_a_request_alone_is_a_prediction_where_the_log_holds_requests_only() -> None:
    (record,) = alone(request(alone=""))
    assert (record.error, record.status_code, record.features) == (None, None, {"age": 30})


def test_a_request_of_unknown_inputs_is_one_error_or_nothing() -> None:
    assert [r.error for r in alone(request(0, alone="gone"))] == ["gone"]
    assert alone(request(0, alone="")) == []


def test_a_response_alone_is_a_prediction_without_features() -> None:
    answered = response(WirePrediction(prediction=1), WirePrediction(status_code=500), model="m", version="2")
    records = alone(answered)
    assert [(r.prediction_id, r.prediction, r.status_code, r.version, r.features) for r in records] == [
        ("r", 1, 200, "2", {}),
        ("r/1", None, 500, "2", {}),
    ]


def test_joining_leaves_the_halves_as_they_were() -> None:
    asked, answered = request(2, alone="gone"), response(WirePrediction(error="no"))
    join(asked, answered)
    alone(asked)
    assert (asked, answered) == (request(2, alone="gone"), response(WirePrediction(error="no")))


def test_the_halves_of_a_file_are_joined_in_any_order() -> None:
    halves = [
        response(key="a", request_id="a", model="m"),
        request(key="b", request_id="b", model="m", alone="gone"),
        request(key="a", request_id="a"),
        response(key="c", request_id="c", model="m"),
        request(key="a", request_id="a"),
    ]
    records, reasons = join_all(halves)
    assert sorted((r.prediction_id, r.prediction, r.error, bool(r.features)) for r in records) == [
        ("a", 1, None, True),
        ("b", None, "gone", True),
        ("c", 1, None, False),
    ]
    assert reasons == []


def test_calls_of_a_file_whose_rows_do_not_match_are_told() -> None:
    records, reasons = join_all([request(3), response(), request(key="b", request_id="b")])
    assert [record.prediction_id for record in records] == ["b"]
    assert reasons == ["the request has 3 rows and its response 1; accepted: as many of each, or one error for all"]


def test_one_key_in_two_models_is_two_calls() -> None:
    halves = [half(model=name) for name in ("one", "two") for half in (request, response)]
    records, _ = join_all([halves[0], halves[3], halves[2], halves[1]])
    assert [(record.model, record.prediction) for record in records] == [("one", 1), ("two", 1)]
