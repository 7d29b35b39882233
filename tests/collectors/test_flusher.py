"""From the inbox to the lake: every record once, counted once, its window touched."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from collectors.flusher import Flusher
from collectors.hand_over import HandOver
from collectors.inbox import Inbox
from monitor.db import catalog, quarantine
from monitor.db.database import Database
from monitor.db.models import Model, Monitor, WindowState
from monitor.errors import Conflict
from monitor.lake import Kind

from .conftest import MakeRig, Rig, make, prediction

STEPS = ["claim", "append_predictions", "append_labels", "count_predictions", "count_labels", "forget"]


@pytest.fixture
def both(tmp_path: Path, db: Database, now: datetime) -> Iterator[Rig]:
    """A rig on each kind of control database."""
    built = make(tmp_path, db, now)
    yield built
    built.close()


def model_of(rig: Rig, name: str = "income") -> Model:
    with rig.db.reading() as session:
        return catalog.find_model(session, name)


def watch(rig: Rig, name: str = "income") -> None:
    """Give the model a monitor with windows of an hour, so that windows are touched."""
    with rig.db.session() as session:
        model = catalog.ensure_model(session, name, rig.now)
        session.add(
            Monitor(
                model_id=model.id,
                name="volume",
                metric="predictions",
                window_seconds=3600,
                threshold={"kind": "constant"},
                created_at=rig.now,
            )
        )


def windows(rig: Rig) -> dict[datetime, int]:
    """Start → revision of every window that was touched."""
    with rig.db.reading() as session:
        return {row.start: row.revision for row in session.scalars(select(WindowState))}


def test_predictions_arrive_with_their_schema_versions_and_counters(both: Rig) -> None:
    earlier = both.now - timedelta(hours=3)
    both.send([prediction("a", version="1", event_time=earlier.isoformat()), prediction("b", version="2")])
    report = both.flush()
    assert (report.predictions, report.duplicates, report.failures) == (2, 0, [])
    assert {row["prediction_id"]: row["feature_age"] for row in both.stored("income")} == {"a": 39.0, "b": 39.0}
    model = model_of(both)
    assert (model.predictions, model.first_event_time, model.watermark) == (2, earlier, both.now)
    with both.db.reading() as session:
        assert [(v.name, v.predictions) for v in catalog.list_versions(session, model.id)] == [("1", 1), ("2", 1)]
    assert both.inbox.records_waiting() == 0


def test_an_empty_inbox_is_flushed_to_nothing(rig: Rig) -> None:
    report = rig.flush()
    assert (report.predictions, report.labels, report.failures, report.more) == (0, 0, [], False)


def test_a_duplicate_id_counts_once_within_a_request_across_requests_and_after_a_restart(both: Rig) -> None:
    both.send([prediction("a"), prediction("a", prediction=2), prediction("b")])
    both.send([prediction("a", prediction=3)])
    assert both.flush().duplicates == 2
    both.send([prediction("b"), prediction("c")])
    assert both.flush().duplicates == 1
    both.restart()
    both.send([prediction("c"), prediction("d")])
    assert both.flush().duplicates == 1
    rows = {row["prediction_id"]: row["prediction"] for row in both.stored("income")}
    assert rows == {"a": "1", "b": "1", "c": "1", "d": "1"}
    assert len(both.stored("income")) == 4
    assert model_of(both).predictions == 4


def test_the_same_id_of_another_model_is_another_prediction(rig: Rig) -> None:
    rig.send([prediction("a"), prediction("a", model="churn")])
    assert rig.flush().predictions == 2


def test_a_label_touches_the_window_of_its_prediction(both: Rig) -> None:
    watch(both)
    made = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)
    both.send([prediction("a", event_time=made.isoformat())])
    both.flush()
    assert windows(both) == {made.replace(minute=0): 1}
    both.send([{"model": "income", "prediction_id": "a", "label": 1}], Kind.LABELS)
    assert both.flush().labels == 1
    assert windows(both) == {made.replace(minute=0): 2}
    assert model_of(both).labels == 1


def test_a_label_for_an_unknown_prediction_is_stored_and_touches_nothing_until_the_prediction_arrives(
    both: Rig,
) -> None:
    watch(both)
    both.send([{"model": "income", "prediction_id": "late", "label": 1}], Kind.LABELS)
    assert both.flush().labels == 1
    assert windows(both) == {}
    assert [row["label"] for row in both.stored("income", Kind.LABELS)] == ["1"]
    both.send([prediction("late", event_time="2026-03-02T08:15:00Z")])
    both.flush()
    assert windows(both) == {datetime(2026, 3, 2, 8, tzinfo=UTC): 1}


def test_a_label_beside_its_prediction_is_both(rig: Rig) -> None:
    rig.send([prediction("a", label="x")])
    report = rig.flush()
    assert (report.predictions, report.labels) == (1, 1)
    assert rig.stored("income", Kind.LABELS)[0]["label"] == "x"


class FailsOnce(HandOver):
    """Raises at one step of one pass, after the step's work was done or before it."""

    step = ""
    after = False

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        cls = type(self)
        if not cls.step or name != cls.step:
            return method

        def fail(*args: Any) -> Any:
            cls.step = ""
            if cls.after:
                method(*args)
            raise OSError("the power is gone")

        return fail


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_between_any_two_steps_loses_nothing_and_repeats_nothing(rig: Rig, step: str, after: bool) -> None:
    watch(rig)
    rig.send([prediction("a", label=1), prediction("a"), prediction("b")])
    failing = type("Failing", (FailsOnce,), {"step": step, "after": after})
    rig.flusher = Flusher(rig.inbox, rig.lake, rig.db, rig.settings, hand_over=failing)
    assert len(rig.flush().failures) == 1
    rig.send([prediction("b"), prediction("c")])  # joins the rows that wait to be tried again
    rig.restart()
    assert rig.flush().failures == []
    assert sorted(row["prediction_id"] for row in rig.stored("income")) == ["a", "b", "c"]
    assert len(rig.stored("income", Kind.LABELS)) == 1
    model = model_of(rig)
    assert (model.predictions, model.labels) == (3, 1)
    assert list(windows(rig)) == [rig.now]
    assert rig.inbox.records_waiting() == 0


def test_a_model_that_fails_does_not_hold_up_the_others(rig: Rig) -> None:
    rig.send([prediction("a"), prediction("a", model="broken"), prediction("a", model="zebra")])
    blocked = Path(rig.lake.uri("broken", Kind.PREDICTIONS))
    blocked.parent.mkdir(parents=True)
    blocked.write_text("not a table")
    report = rig.flush()
    assert report.predictions == 2
    assert [failure.split(":")[0] for failure in report.failures] == ["predictions of model 'broken'"]
    blocked.unlink()
    assert rig.flush().predictions == 1


def test_integers_that_no_float_holds_hold_up_nothing(rig: Rig) -> None:
    sizes = [2**53 + 1, 2**62 + 1, 10**30, 10**400]
    rig.send([prediction("a")])
    rig.flush()  # the features are known from here on, so the next ones take the fast path
    rig.send([prediction(str(i), prediction=size, features={"age": size}) for i, size in enumerate(sizes)])
    report = rig.flush()
    assert (report.predictions, report.failures) == (len(sizes), [])
    rows = {row["prediction_id"]: row for row in rig.stored("income")}
    assert [rows[str(i)]["prediction"] for i in (0, 1)] == [str(sizes[0]), str(sizes[1])]
    assert [rows[str(i)]["prediction_value"] for i in (2, 3)] == [1e30, float("inf")]
    assert [rows[str(i)]["feature_age"] for i in (2, 3)] == [1e30, float("inf")]


def test_models_beyond_the_limit_go_to_quarantine_with_the_reason(make_rig: MakeRig) -> None:
    rig = make_rig(max_models=1)
    rig.send([prediction("a")])
    rig.flush()
    rig.send([prediction("b", model="second"), prediction("c")])
    rig.send([{"model": "third", "prediction_id": "x", "label": 1}], Kind.LABELS)
    report = rig.flush()
    assert (report.predictions, report.refused, report.quarantined) == (1, 2, 2)
    with rig.db.reading() as session:
        refused = quarantine.list_refusals(session)
    assert {(row.model, row.kind) for row in refused} == {("second", "predictions"), ("third", "labels")}
    assert all("there are max_models = 1 models already" in row.reason for row in refused)
    assert rig.inbox.records_waiting() == 0


def test_features_beyond_the_limit_refuse_their_record_only(make_rig: MakeRig) -> None:
    rig = make_rig(max_features=2)
    rig.send([prediction("a", features={"x": 1, "y": 2})])
    rig.send([prediction("b", features={"z": 3}), prediction("c", features={"x": 1, "z": None})])
    report = rig.flush()
    assert (report.predictions, report.refused) == (2, 1)
    with rig.db.reading() as session:
        (row,) = quarantine.list_refusals(session)
    assert row.reason == "feature 'z' is new and the model has 2 features; accepted: up to max_features = 2"
    assert json.loads(row.payload)["prediction_id"] == "b"


@pytest.mark.parametrize("step", ["append_predictions", "count_predictions", "forget"])
def test_a_record_refused_when_flushed_is_in_quarantine_once_however_often_the_flush_fails(
    make_rig: MakeRig, step: str
) -> None:
    rig = make_rig(max_features=1)
    rig.send([prediction("a", features={"x": 1})])
    rig.flush()
    rig.send([prediction("b", features={"z": 3}), prediction("c", features={"x": 1})])
    failing = type("Failing", (FailsOnce,), {})
    rig.flusher.close()
    rig.flusher = Flusher(rig.inbox, rig.lake, rig.db, rig.settings, hand_over=failing)
    for _ in range(3):
        failing.step = step
        assert len(rig.flush().failures) == 1
    report = rig.flush()
    assert (report.failures, report.refused, report.quarantined) == ([], 1, 1)
    assert rig.flush().quarantined == 0
    with rig.db.reading() as session:
        (row,) = quarantine.list_refusals(session)
    assert json.loads(row.payload)["prediction_id"] == "b"
    assert sorted(row["prediction_id"] for row in rig.stored("income")) == ["a", "c"]


def test_refused_records_move_to_the_control_database_once(both: Rig) -> None:
    both.send([prediction("a"), {"model": "income", "oops": 1}, 7])
    assert both.flush().quarantined == 2
    assert both.flush().quarantined == 0
    with both.db.reading() as session:
        rows = quarantine.list_refusals(session)
        kept = [(row.model, row.payload) for row in rows]
        assert kept == [(None, b"7"), ("income", b'{"model": "income", "oops": 1}')]


def test_a_large_inbox_is_flushed_in_passes(make_rig: MakeRig) -> None:
    rig = make_rig(flush_rows=10)
    for start in range(0, 25, 5):
        rig.send([prediction(f"p-{number}") for number in range(start, start + 5)])
    reports = [rig.flush() for _ in range(3)]
    assert [(report.predictions, report.more) for report in reports] == [(10, True), (10, True), (5, False)]


def test_one_flusher_works_on_an_inbox(rig: Rig) -> None:
    rig.send([prediction("a")])
    rig.flush()
    other = Flusher(Inbox(rig.inbox.path, rig.inbox.max_bytes), rig.lake, rig.db, rig.settings)
    with pytest.raises(Conflict, match="another flusher works on"):
        other.flush(rig.now)
    rig.flusher.close()
    rig.send([prediction("b")])
    assert other.flush(rig.now).predictions == 1
    other.close()
    other.inbox.close()


def test_two_inboxes_share_a_lake_and_a_control_database(both: Rig) -> None:
    second = make(both.folder / "second", both.db, both.now)
    second.lake = second.flusher.lake = both.lake
    both.send([prediction("a", features={"x": 1})])
    second.send([prediction("b", features={"x": "one"})])
    both.flush()
    second.flush()
    rows = {row["prediction_id"]: (row["feature_x"], row["type_errors"]) for row in both.stored("income")}
    assert rows == {"a": (1.0, None), "b": (None, [("x", '"one"')])}
    assert model_of(both).predictions == 2
    second.close()


def test_an_id_index_of_another_inbox_owns_nothing(rig: Rig) -> None:
    rig.send([prediction("a")])
    rig.flush()
    rig.flusher.close()
    rig.inbox.close()
    for path in rig.folder.glob("inbox.sqlite*"):
        path.unlink()
    rig.restart()
    rig.send([prediction("a"), prediction("b")])
    report = rig.flush()
    assert (report.predictions, report.duplicates) == (1, 1)


def test_the_loop_flushes_on_time_and_drains_when_stopped(make_rig: MakeRig) -> None:
    rig = make_rig(flush_seconds=0.01)
    stop, passed = threading.Event(), threading.Event()
    thread = threading.Thread(target=rig.flusher.run, args=(stop, lambda: passed.set() or rig.now))
    rig.send([prediction("a")])
    thread.start()
    assert passed.wait(10)
    rig.send([prediction("b")])
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert sorted(row["prediction_id"] for row in rig.stored("income")) == ["a", "b"]
    assert rig.inbox.records_waiting() == 0
