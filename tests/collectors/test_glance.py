"""A glance takes only what the careful path would take, and the flusher makes the same records of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors import glance as glancing
from collectors.collector import Request, random_ids
from collectors.deliveries import Batch, Encoding, InboxRow
from collectors.formats import Log, find_format
from collectors.glance import glance
from collectors.payloads import pack, unpack_predictions
from collectors.privacy import Privacy
from collectors.terms import Terms
from collectors.validation import validate
from monitor.config import CollectorSettings
from monitor.lake import Kind

from .conftest import MakeRig, Rig, prediction

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
LIMITS = CollectorSettings(max_features=20)


def terms(body: bytes, **given: Any) -> Terms:
    return Terms(NOW, LIMITS, random_ids, body_bytes=len(body), **given)


def seen(sent: Any, **given: Any) -> Batch | None:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    return glance(body, terms(body, **given))


def test_the_usual_bodies_are_taken_as_they_came() -> None:
    one, many = prediction(), [prediction("a"), prediction("b")]
    assert seen(one) == Batch("predictions", "income", 1, json.dumps(one).encode(), Encoding.LINES)
    assert seen(many) == Batch("predictions", "income", 2, json.dumps(many).encode(), Encoding.JSON)
    lines = b"\n".join(json.dumps(each).encode() for each in many)
    assert seen(lines) == Batch("predictions", "income", 2, lines, Encoding.LINES)


def test_a_model_with_privacy_rules_needs_the_careful_path() -> None:
    some, every = (Privacy.of(CollectorSettings(privacy={name: {"drop": ["ssn"]}})) for name in ("patients", "*"))
    assert seen(prediction(), privacy=some) == seen(prediction())
    assert seen(prediction(model=None), model="income", privacy=some) == seen(prediction(model=None), model="income")
    assert seen(prediction(model="patients"), privacy=some) is None
    assert seen(prediction(model=None), model="patients", privacy=some) is None
    assert seen(prediction(), privacy=every) is None


def test_a_body_that_is_private_whatever_it_holds_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glancing, "_lines", lambda body: pytest.fail("it was read"))
    some, every = (Privacy.of(CollectorSettings(privacy={name: {"drop": ["ssn"]}})) for name in ("patients", "*"))
    assert seen(prediction(), model="patients", privacy=some) is None
    assert seen(prediction(), privacy=every) is None


ODD: dict[str, Any] = {
    "an empty array": [],
    "an envelope": {"records": [prediction()]},
    "two models": [prediction(model="a"), prediction(model="b")],
    "no model": [prediction(model=None)],
    "a bad model": [prediction(model="../x")],
    "a label": [prediction(label=1)],
    "a label time": [prediction(label_time=1.0)],
    "a time without a zone": [prediction(event_time="2026-03-04T11:00:00")],
    "a time as a number": [prediction(event_time=1772622000)],
    "a time in the future": [prediction(event_time="2027-03-04T11:00:00Z")],
    "a time long ago": [prediction(), prediction(event_time="1999-03-04T11:00:00Z")],
    "only some times": [prediction(event_time="2026-03-04T11:00:00Z"), prediction()],
    "an unknown field": [prediction(colour="red")],
    "nested features": [prediction(features={"a": {"b": 1}})],
    "a list as a feature": [prediction(features={"a": [1]})],
    "features that are none": [prediction(features=3)],
    "features that are none, made up for by nested ones": [
        prediction(features=3),
        prediction(features={"a": {}}),
    ],
    "a NUL": [prediction(features={"a\x00": 1})],
    "half a character": b'{"model": "m", "features": {"a": "\\ud800"}}',
    "a bare NaN": b'{"model": "m", "features": {"a": NaN}}',
    "no JSON": b'{"model": "m", "features": {"a": 1}',
    "text that is not UTF-8": b'{"model": "m", "features": {"a": "\xff"}}',
    "more features than there may be": [prediction(features={str(n): n for n in range(50)})],
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_not_usual_is_left_to_the_careful_path(name: str) -> None:
    assert seen(ODD[name]) is None


def test_the_address_may_name_the_model_but_not_the_version_of_records_without_one() -> None:
    assert seen([prediction(model=None)], model="income") is not None
    assert seen([prediction()], version="3") is None
    assert seen([prediction(version="2")], version="3") is not None


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
records = st.fixed_dictionaries(
    {"features": st.dictionaries(names, scalars | st.lists(st.integers(), max_size=1), max_size=4)},
    optional={
        "model": st.sampled_from(["income", "income", "churn", "../x"]),
        "prediction_id": st.text(max_size=5),
        "version": st.sampled_from(["1", "2"]),
        "event_time": st.sampled_from(
            ["2026-03-04T11:59:00Z", "2026-03-04T10:59:00+01:00", "2026-03-04T11:00:00", 12.5, None, "soon"]
        ),
        "prediction": scalars,
        "score": st.floats(0, 1),
        "scores": st.dictionaries(names, st.floats(0, 1), max_size=2),
        "latency_ms": st.floats(-1, 100),
        "tags": st.dictionaries(names, st.text(max_size=3), max_size=2),
        "label": st.none() | st.integers(0, 1),
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(records, min_size=1, max_size=4), by_lines=st.booleans(), escaped=st.booleans())
def test_what_a_glance_takes_the_careful_path_takes_and_reads_alike(
    sent: list[dict[str, Any]], by_lines: bool, escaped: bool
) -> None:
    texts = [json.dumps(each, ensure_ascii=escaped) for each in sent]
    body = ("\n".join(texts) if by_lines else f"[{','.join(texts)}]").encode("utf-8", "surrogatepass")
    batch = glance(body, terms(body, model="income"))
    if batch is None:
        return
    (decoded,) = find_format("json").decode(Log(body))
    careful = validate(decoded, terms(body, model="income"))
    late = unpack_predictions(row(batch), "c")[1]
    assert (len(careful.predictions), careful.refusals) == (batch.count - len(late), []) or late
    (packed,) = pack(validate(next(iter(find_format("json").decode(Log(body)))), terms(body, model="income")))
    assert packed.model == batch.model
    by_hand = unpack_predictions(row(packed), "c")[0]
    at_once = unpack_predictions(row(batch), "c")[0]
    for one, other in zip(by_hand, at_once, strict=True):
        one.model = other.model = None
        if not sent[by_hand.index(one)].get("prediction_id"):
            one.prediction_id = other.prediction_id = None
        assert one == other


def row(batch: Batch) -> InboxRow:
    return InboxRow(1, NOW, "test", batch.count, batch.payload, batch.encoding)


def test_ids_that_were_not_sent_are_the_same_however_often_a_row_is_read() -> None:
    batch = seen([prediction(None), prediction("b"), prediction(None)])
    assert batch is not None
    first, again = (unpack_predictions(row(batch), "c" * 32)[0] for _ in range(2))
    assert [each.prediction_id for each in first] == ["c" * 16 + "-1-0", "b", "c" * 16 + "-1-2"]
    assert first == again


def test_a_feature_name_that_is_too_long_is_refused_when_flushed_and_its_record_alone(rig: Rig) -> None:
    rig.send([prediction("good"), prediction("bad", features={"x" * 300: 1})])
    report = rig.flush()
    assert (report.predictions, report.refused) == (1, 1)
    rig.flush()
    assert [each["prediction_id"] for each in rig.stored("income")] == ["good"]


def test_a_number_beyond_a_float_is_infinite_as_on_the_careful_path(rig: Rig) -> None:
    rig.send(b'[{"model": "m", "prediction_id": "a", "features": {"x": 1e999}}]')
    rig.flush()
    assert [each["feature_x"] for each in rig.stored("m")] == [float("inf")]


def test_single_records_that_come_together_share_a_row(make_rig: MakeRig) -> None:
    rig = make_rig()
    deliveries = [
        rig.collector.take(json.dumps(prediction(str(n)), indent=1).encode(), request(rig)).delivery for n in range(50)
    ]
    futures = [rig.inbox.submit(each) for each in deliveries]
    assert {future.result().answer.status for future in futures} == {202}
    assert rig.inbox.records_waiting() == 50
    rig.flush()
    assert sorted(int(each["prediction_id"]) for each in rig.stored("income")) == list(range(50))


def request(rig: Rig) -> Request:
    return Request(kind=Kind.PREDICTIONS, received_at=rig.now, source="test")


def test_large_bodies_are_looked_at_for_large_records() -> None:
    limits = CollectorSettings(max_record_bytes=2000)
    body = json.dumps([prediction(str(n), error="x" * 1500) for n in range(5)]).encode()
    assert glance(body, Terms(NOW, limits, random_ids, body_bytes=len(body))) is None
    small = json.dumps([prediction(str(n)) for n in range(100)]).encode()
    assert glance(small, Terms(NOW, limits, random_ids, body_bytes=len(small))) is not None
