"""Replaying refused records: what is good now is taken in once, whenever the power fails; what is not stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from collectors.deliveries import Delivery, Receipt
from collectors.formats import find_format
from collectors.wire import Half, Side, WirePrediction
from monitor.app import quarantine as actions
from monitor.app.quarantine import Replayed
from monitor.db import audit, quarantine
from monitor.db.database import Database
from monitor.db.models import QuarantineRow
from monitor.db.quarantine import RefusedRecord, Selection
from monitor.errors import Unavailable

from .conftest import MakeRig, Rig, prediction

EVERYTHING = Selection()


def keep(rig: Rig, *payloads: Any, log_format: str = "", **fields: Any) -> None:
    """Put payloads into quarantine, as the flusher does."""
    records = [
        RefusedRecord(
            number,
            fields.get("received_at", rig.now),
            fields.get("source", "http"),
            fields.get("model"),
            fields.get("kind", "predictions"),
            fields.get("reason", "it was bad then"),
            sent if isinstance(sent, bytes) else json.dumps(sent).encode(),
            log_format,
        )
        for number, sent in enumerate(payloads, start=fields.get("first", 1))
    ]
    with rig.db.session() as session:
        quarantine.add_refusals(session, "collector", records)


def replay(rig: Rig, selection: Selection = EVERYTHING, **options: Any) -> Replayed:
    now = options.pop("now", rig.now + timedelta(hours=1))
    return actions.replay(rig.db, rig.inbox, rig.settings, selection, now, "ann", **options)


def drop(rig: Rig, selection: Selection = EVERYTHING) -> int:
    with rig.db.session() as session:
        return quarantine.drop_refusals(session, selection, rig.now, "ann")


def left(db: Database) -> Sequence[QuarantineRow]:
    with db.reading() as session:
        return quarantine.list_refusals(session)


def test_what_is_accepted_now_leaves_quarantine_and_reaches_the_lake(rig: Rig) -> None:
    keep(rig, prediction("a"), prediction("b"))
    assert replay(rig) == Replayed(selected=2, taken=2, records=2)
    assert left(rig.db) == []
    assert rig.flush().predictions == 2
    assert {row["prediction_id"] for row in rig.stored("income")} == {"a", "b"}


def test_what_is_refused_again_stays_with_its_new_reason(rig: Rig) -> None:
    keep(rig, {"model": "income", "oops": 1}, prediction("a"))
    assert replay(rig) == Replayed(selected=2, taken=1, records=1, again=1)
    (row,) = left(rig.db)
    assert row.reason.startswith("unknown key 'oops'")
    assert rig.inbox.refused() == []


def test_a_body_of_which_a_part_is_good_leaves_and_its_bad_records_come_back_one_by_one(rig: Rig) -> None:
    keep(rig, [prediction("a"), {"model": "income", "oops": 1}])
    assert replay(rig) == Replayed(selected=1, taken=1, records=1)
    assert left(rig.db) == []
    rig.flush()
    (row,) = left(rig.db)
    assert row.payload == b'{"model": "income", "oops": 1}'


def test_a_record_without_a_time_keeps_the_time_it_first_came(rig: Rig) -> None:
    keep(rig, prediction("a"), received_at=rig.now - timedelta(days=3))
    replay(rig)
    rig.flush()
    (row,) = rig.stored("income")
    assert row["event_time"] == rig.now - timedelta(days=3)
    assert row["received_time"] == rig.now + timedelta(hours=1)


def test_a_time_that_lay_in_the_future_then_is_past_now(rig: Rig) -> None:
    keep(rig, prediction("a", event_time=(rig.now + timedelta(minutes=30)).isoformat()))
    assert replay(rig, now=rig.now).again == 1
    assert replay(rig).taken == 1


def test_the_model_of_the_request_and_the_kind_still_hold(rig: Rig) -> None:
    keep(rig, {"prediction_id": "a", "label": 1}, kind="labels", model="income")
    assert replay(rig).records == 1
    assert rig.flush().labels == 1


def test_records_that_name_no_model_can_be_given_one(rig: Rig) -> None:
    nameless = {"prediction_id": "a", "prediction": 1}
    keep(rig, nameless)
    keep(rig, nameless, first=2, model="known then")
    assert replay(rig).again == 1
    assert "model is missing" in left(rig.db)[0].reason
    assert replay(rig, as_model="income").taken == 1
    rig.flush()
    assert [len(rig.stored(model)) for model in ("income", "known then")] == [1, 1]


def test_killed_and_replayed_for_another_model_it_is_stored_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(rig, {"prediction_id": "a", "prediction": 1})
    with monkeypatch.context() as broken:
        broken.setattr(quarantine, "forget_ids", lambda *_: 0)
        replay(rig, as_model="income")
    replay(rig, as_model="churn")
    rig.flush()
    assert [len(rig.stored(model)) for model in ("income", "churn")] == [1, 0]
    assert left(rig.db) == []


def test_a_limit_that_was_raised_lets_them_in(make_rig: MakeRig) -> None:
    rig = make_rig(max_features=1)
    rig.send([prediction("a", features={"x": 1})])
    rig.send([prediction("b", features={"x": 1, "y": 2})])
    rig.flush()
    assert len(left(rig.db)) == 1
    rig.settings = rig.settings.model_copy(update={"max_features": 2})
    rig.restart()
    assert replay(rig).taken == 1
    assert rig.flush().predictions == 1


def test_payloads_that_were_cut_or_not_kept_are_never_replayed(make_rig: MakeRig) -> None:
    rig = make_rig(max_record_bytes=1024)
    rig.send([prediction("a", features={"x": "y" * 70_000})])
    rig.flush()
    keep(rig, b"", first=1000)
    assert len(left(rig.db)) == 2
    assert replay(rig) == Replayed(selected=2, not_whole=2)
    assert len(left(rig.db)) == 2


def test_a_dry_run_says_the_same_and_changes_nothing(rig: Rig) -> None:
    keep(rig, prediction("a"), {"oops": 1})
    assert replay(rig, dry_run=True) == Replayed(selected=2, taken=1, records=1, again=1)
    assert {row.reason for row in left(rig.db)} == {"it was bad then"}
    assert rig.inbox.records_waiting() == 0
    with rig.db.reading() as session:
        assert audit.latest_actions(session) == []


def test_a_format_reads_what_it_refused_and_ours_what_validation_refused(rig: Rig) -> None:
    keep(rig, b"model,prediction_id,prediction,age\nincome,a,1,39\nincome,b,1,40\n", prediction("c"), log_format="csv")
    assert replay(rig) == Replayed(selected=2, taken=2, records=3)


def test_a_format_that_is_gone_is_said(rig: Rig) -> None:
    keep(rig, b"?", log_format="morse")
    assert replay(rig).again == 1
    assert "'morse'" in left(rig.db)[0].reason


def test_a_payload_that_gives_nothing_stays_as_it_was(rig: Rig) -> None:
    keep(rig, b"39,1\n", log_format="csv")
    assert replay(rig).again == 1
    assert left(rig.db)[0].reason == "it was bad then"


def test_a_refused_half_waits_for_its_other_side(rig: Rig) -> None:
    half = Half(
        key="k", side=Side.REQUEST, request_id="k", model="income", time=rig.now.timestamp(),
        rows=[WirePrediction(features={"x": 1})],
    )  # fmt: skip
    keep(rig, msgspec.json.encode(half), log_format="csv")
    assert replay(rig).taken == 1
    assert left(rig.db) == []


class Interrupted(Exception):
    """The power is gone."""


def test_killed_between_inbox_and_quarantine_nothing_counts_twice(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = prediction("a")
    del nameless["prediction_id"]
    keep(rig, [nameless, {"oops": 1}], prediction("b"))

    def die(*_: object) -> None:
        raise Interrupted

    with monkeypatch.context() as broken:
        broken.setattr(quarantine, "forget_ids", die)
        with pytest.raises(Interrupted):
            replay(rig)
    assert len(left(rig.db)) == 2
    rig.flush()
    assert len(left(rig.db)) == 3
    assert replay(rig, Selection(ids=(1, 2))).taken == 2
    rig.flush()
    assert len(rig.stored("income")) == 2
    assert [row.payload for row in left(rig.db)] == [b'{"oops": 1}']


def test_even_when_the_key_is_forgotten_the_ids_are_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = prediction("a")
    del nameless["prediction_id"]
    keep(rig, nameless)
    with monkeypatch.context() as broken:
        broken.setattr(quarantine, "forget_ids", lambda *_: 0)
        replay(rig)
    rig.flush()
    rig.inbox.forget_keys(rig.now + timedelta(days=30))
    replay(rig)
    report = rig.flush()
    assert (report.predictions, report.duplicates) == (0, 1)


def test_a_full_inbox_stops_it_and_what_was_stored_is_done(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(rig, *(prediction(f"p{n}") for n in range(3)))
    real: Callable[[Delivery], Future[Receipt]] = rig.inbox.submit
    calls: list[int] = []

    def submit(delivery: Delivery) -> Future[Receipt]:
        calls.append(1)
        if len(calls) < 3:
            return real(delivery)
        failed: Future[Receipt] = Future()
        failed.set_exception(Unavailable("no room"))
        return failed

    monkeypatch.setattr(rig.inbox, "submit", submit)
    with pytest.raises(Unavailable, match="no room"):
        replay(rig)
    assert len(left(rig.db)) == 1
    with rig.db.reading() as session:
        assert audit.latest_actions(session)[0].detail["taken"] == 2


def test_many_rows_are_replayed_in_stretches_with_their_progress(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "TOGETHER", 2)
    keep(rig, *(prediction(f"p{n}") for n in range(5)))
    seen: list[tuple[int, int]] = []
    assert replay(rig, advance=lambda done, selected: seen.append((done, selected))).taken == 5
    assert seen == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        (Selection(model="income"), 1),
        (Selection(reason="FUTURE"), 1),
        (Selection(reason="100%"), 0),
        (Selection(source="file:x"), 1),
        (Selection(ids=(1, 3)), 2),
        (Selection(ids=(1,), model="income"), 0),
        (EVERYTHING, 3),
    ],
)
def test_only_what_is_selected_is_replayed_or_dropped(rig: Rig, selection: Selection, meant: int) -> None:
    keep(rig, prediction("a"), reason="lies in the Future")
    keep(rig, prediction("b"), first=2, model="income")
    keep(rig, prediction("c"), first=3, source="file:x")
    assert replay(rig, selection, dry_run=True).selected == meant
    assert drop(rig, selection) == meant
    assert len(left(rig.db)) == 3 - meant


def test_replaying_and_dropping_are_in_the_audit_log_without_what_records_contained(rig: Rig) -> None:
    keep(rig, prediction("a"), {"oops": "canary"})
    replay(rig, Selection(reason="bad then"))
    drop(rig)
    drop(rig)
    with rig.db.reading() as session:
        dropped, replayed = audit.latest_actions(session)
    assert (dropped.actor, dropped.action, dropped.detail) == (
        "ann", "quarantine.dropped", {"selection": "all", "records": 1})  # fmt: skip
    assert replayed.detail == {
        "selection": {"reason": "given"}, "selected": 2, "taken": 1, "records": 1, "again": 1, "not_whole": 0
    }  # fmt: skip


def test_refusals_of_every_registered_format_can_be_replayed_without_breaking(rig: Rig) -> None:
    from collectors.formats import format_names

    for number, name in enumerate(format_names()):
        body = find_format(name).example().body
        keep(rig, body, log_format=name, first=10 * number, model="income")
    done = replay(rig)
    assert done.selected == done.taken + done.again + done.not_whole


def test_replaying_both_kinds_of_database(db: Database, make_rig: MakeRig) -> None:
    rig = make_rig()
    rig = replace(rig, db=db)
    keep(rig, prediction("a"), {"oops": 1})
    assert replay(rig, Selection(since=rig.now, reason="was BAD")).taken == 1
    assert len(left(db)) == 1
