"""Nothing that privacy takes out touches the disk: every file is searched for it, whichever way a record went."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from collectors.collector import Collector, Request
from collectors.formats import Decoded, Log, LogFormat, find_format
from collectors.wire import DeclaredFeatures, Half, Side, WirePrediction
from monitor.config import CollectorSettings, MappingSettings
from monitor.db import quarantine
from monitor.lake import Kind
from monitor.schemas import FeatureKind

from .conftest import MakeRig, Rig, prediction
from .test_http_source import client_of

pytestmark = pytest.mark.skipif(not hasattr(Collector, "refuse"), reason="the collector does not ask privacy yet")

DROPPED, HASHED, MAIL, NUMBER = "canarydropped7731", "canaryhashed7732", "canary7733@example.com", 7734773477.25
CANARIES = [DROPPED, HASHED, MAIL, repr(NUMBER)]
BYTES = [canary.encode() for canary in CANARIES] + [struct.pack("<d", NUMBER), struct.pack(">d", NUMBER)]
RULES = {"drop": ["ssn", "income"], "hash": ["entity_id", "street"], "redact": ["email"]}
KEY = "a key of 32 characters for tests"


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """Rules for the model `income`, and a schema that is soon full."""
    return make_rig(privacy={"income": RULES}, privacy_key=KEY, max_records=20, max_features=8)


def sensitive(prediction_id: str = "p-1", **fields: Any) -> dict[str, Any]:
    record = prediction(
        prediction_id,
        features={"age": 39, "ssn": DROPPED, "income": NUMBER, "street": HASHED, "note": f"write to {MAIL}"},
        tags={"ssn": DROPPED, "contact": MAIL},
        entity_id=HASHED,
        error=f"{DROPPED} and {NUMBER} failed for {MAIL}",
        prediction=f"mail {MAIL}",
    )
    return record | fields


def assert_nothing_on_disk(rig: Rig) -> None:
    """Search every file of the collector, what is in memory of its tables, and the control database."""
    rig.flush()
    searched = [path for path in rig.folder.parent.rglob("*") if path.is_file()]
    assert {"inbox.sqlite", "control.sqlite"} <= {path.name for path in searched}
    for path in searched:
        content = path.read_bytes()
        for canary in BYTES:
            assert canary not in content, f"{canary!r} is in {path.name}"
    for kind in Kind:
        assert_absent(repr(rig.stored("income", kind)))
    with rig.db.reading() as session:
        assert_absent(repr([(row.payload, row.reason) for row in quarantine.list_refusals(session, limit=1000)]))


def assert_absent(text: str) -> None:
    for canary in CANARIES:
        assert canary not in text


def test_the_search_finds_what_is_there(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.send([sensitive(), {"oops": DROPPED}])
    with pytest.raises(AssertionError, match="is in"):
        assert_nothing_on_disk(rig)


def test_accepted_records(rig: Rig) -> None:
    rig.send([sensitive("a"), sensitive("b")])
    rig.send(json.dumps(sensitive("c")).encode())
    rig.send([sensitive("d")], model="other")  # the record says whose it is
    rig.send([{k: v for k, v in sensitive("e").items() if k != "model"}], model="income")
    assert rig.inbox.records_waiting() == 5
    assert_nothing_on_disk(rig)
    rows = rig.stored("income")
    assert len(rows) == 5
    assert {row["feature_age"] for row in rows} == {39.0}
    assert all(row["entity_id"] == row["feature_street"] != HASHED for row in rows)
    assert rows[0]["feature_note"] == "write to [email]"
    assert rows[0]["error"] == "*** and *** failed for [email]"


REFUSED: dict[str, Any] = {
    "an unknown key": sensitive(oops=1),
    "a misspelled field": {"model": "income", "featurs": {"ssn": DROPPED, "income": NUMBER}},
    "a nested feature": sensitive(features={"ssn": {"deep": [DROPPED, NUMBER]}, "street": HASHED}),
    "a wrong type": sensitive(score="high"),
    "features that are none": sensitive(features=f"ssn={DROPPED};income={NUMBER}"),
    "features in a list": sensitive(features=[DROPPED, NUMBER]),
    "a time in the future": sensitive(event_time="2099-01-01T00:00:00Z"),
    "a model with a bad name": sensitive(model="../income"),
    "no model at all": {k: v for k, v in sensitive().items() if k != "model"},
    "not even an object": DROPPED,
    "a NaN": sensitive(score=float("nan")),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_record(rig: Rig, sent: Any) -> None:
    receipt = rig.send([sensitive("good"), sent], key="k")
    assert json.loads(receipt.answer.body)["refused_total"] == 1
    assert_absent(receipt.answer.body.decode())
    assert_nothing_on_disk(rig)


BODIES: dict[str, bytes] = {
    "no JSON": f'{{"model": "income", "features": {{"ssn": "{DROPPED}", "x": {NUMBER}'.encode(),
    "a bad line": json.dumps(sensitive()).encode() + f'\n{{"ssn": "{DROPPED}", \n'.encode(),
    "too many": json.dumps([sensitive(str(n)) for n in range(30)]).encode(),
    "an envelope without records": json.dumps({"records": DROPPED}).encode(),
    "binary": b"\xff\x00" + DROPPED.encode(),
    "text": f"{DROPPED} {NUMBER} {MAIL} {HASHED}".encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "text/csv", "application/x-parquet"])
def test_a_refused_body(rig: Rig, body: bytes, media_type: str) -> None:
    answer = client_of(rig).post("/v1/predictions?model=income", content=body, headers={"content-type": media_type})
    assert_absent(answer.text)
    assert_nothing_on_disk(rig)


def test_a_table_with_bad_rows_and_a_bad_table(rig: Rig) -> None:
    head = "model,prediction_id,ssn,income,street,entity_id,event_time,age\n"
    rows = [f"income,{n},{DROPPED},{NUMBER},{HASHED},{HASHED},{time},1\n" for n, time in enumerate(["", "2099-01-01"])]
    short = f"income,9,{DROPPED},{NUMBER}\n"
    csv = find_format("csv")
    for body in (head + "".join(rows) + short, f'{head}income,"{DROPPED}', f"{DROPPED}\n{NUMBER}\xff"):
        request = Request(kind=Kind.PREDICTIONS, received_at=rig.now, source="test", model="income")
        taken = rig.collector.take(body.encode("latin-1"), request, csv)
        rig.inbox.append(taken.delivery)
    assert_nothing_on_disk(rig)
    assert len(rig.stored("income")) == 1


def test_a_repeated_key_with_another_body(rig: Rig) -> None:
    rig.send([sensitive("a"), {"ssn": DROPPED}], key="k")
    assert rig.send([sensitive("b"), {"ssn": DROPPED}], key="k").conflict
    assert rig.send([sensitive("a"), {"ssn": DROPPED}], key="k").repeated
    assert_nothing_on_disk(rig)


def test_labels(rig: Rig) -> None:
    label = {"model": "income", "prediction_id": "a", "label": f"told by {MAIL}"}
    rig.send([label, label | {"label": [MAIL]}], Kind.LABELS)
    rig.send([sensitive("b", label=MAIL)])
    assert_nothing_on_disk(rig)
    assert {row["label"] for row in rig.stored("income", Kind.LABELS)} == {"told by [email]", "[email]"}


def test_a_record_that_is_refused_when_it_is_flushed(rig: Rig) -> None:
    rig.send([prediction("a", features=dict.fromkeys("abcdefgh", 1))])
    rig.flush()
    rig.send([sensitive("b")])
    assert rig.flush().refused == 1
    assert_nothing_on_disk(rig)


class Halves:
    """A log of the two sides of one call, and of one side that is refused."""

    name = "halves"

    def decode(self, log: Log) -> Iterator[Decoded]:
        sent = sensitive()
        rows = [WirePrediction(features=sent["features"], tags=sent["tags"], entity_id=HASHED)]
        far = (log.at + timedelta(days=9)).timestamp() if log.at else 0.0
        request = Half(key="k", side=Side.REQUEST, request_id="k", model="income", rows=rows)
        late = Half(key="l", side=Side.REQUEST, request_id="l", model="income", time=far, rows=[*rows])
        answer = [WirePrediction(prediction=MAIL, error=f"no {MAIL}", status_code=500)]
        response = Half(key="k", side=Side.RESPONSE, request_id="k", model="income", rows=answer)
        nobody = Half(
            key="n", side=Side.REQUEST, request_id="n", rows=[WirePrediction(features=dict(sent["features"]))]
        )
        declared = DeclaredFeatures(model="income", kinds={"ssn": FeatureKind.NUMERIC, "age": FeatureKind.NUMERIC})
        yield Decoded(halves=[request, late, response, nobody], half_places=[0, 1, 2, 3], declared=[declared])


def test_both_sides_of_a_call(rig: Rig) -> None:
    request = Request(kind=Kind.PREDICTIONS, received_at=rig.now, source="test")
    taken = rig.collector.take(b"{}", request, cast(LogFormat, Halves()))
    assert (taken.accepted, taken.refused) == (3, 1)
    rig.inbox.append(taken.delivery)
    assert_nothing_on_disk(rig)
    rig.now += timedelta(hours=1)
    assert_nothing_on_disk(rig)


def test_a_mapping_that_says_where_things_are(make_rig: MakeRig) -> None:
    mapping = MappingSettings(features={"ssn": "who.number"}, fields={"entity_id": "who.name"})
    rig = make_rig(privacy={"income": RULES}, privacy_key=KEY, mappings={"income": mapping})
    rig.send([{"model": "income", "who": {"number": DROPPED, "name": HASHED, "mail": MAIL}, "n": 1}])
    assert_nothing_on_disk(rig)
    with rig.db.reading() as session:
        (row,) = quarantine.list_refusals(session)
    assert json.loads(row.payload)["who"].keys() == {"name", "mail"}


def test_rules_for_every_model_hold_for_a_model_that_nobody_knows(make_rig: MakeRig) -> None:
    rig = make_rig(privacy={"*": RULES}, privacy_key=KEY)
    rig.send([sensitive("a", model="never heard of")])
    assert_nothing_on_disk(rig)


def test_a_model_without_rules_is_stored_as_it_was_sent(make_rig: MakeRig) -> None:
    rig = make_rig(privacy={"other": RULES}, privacy_key=KEY)
    rig.send([prediction("a", features={"street": "x"})])
    rig.flush()
    assert rig.stored("income")[0]["feature_street"] == "x"
    assert isinstance(rig.settings, CollectorSettings)
