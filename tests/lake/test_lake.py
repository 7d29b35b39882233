"""The lake: appended exactly once, pruned without losing a row, and safe whatever a model is called."""

from __future__ import annotations

import math
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.lake import Kind, Lake, labels_table, predictions_table
from monitor.lake import lake as lake_module
from monitor.lake.lake import folder_name
from monitor.lake.tables import fit
from monitor.records import MODEL_NAME, LabelRecord, PredictionRecord, Scalar
from monitor.schemas import Feature, FeatureKind, learn

NOW = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(ident: str = "p", when: datetime = NOW, **features: Scalar) -> PredictionRecord:
    return PredictionRecord(model="m", prediction_id=ident, event_time=when, received_time=when, features=features)


def table(*records: PredictionRecord, known: dict[str, Feature] | None = None) -> pa.Table:
    known = known or {}
    found = learn(known, [record.features for record in records])
    return predictions_table(records, {**known, **{feature.name: feature for feature in found}})


def rows(lake: Lake, model: str = "m", kind: Kind = Kind.PREDICTIONS) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DeltaTable(lake.uri(model, kind)).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: str(row["prediction_id"]))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_a_table_that_is_not_there_yet_is_empty(lake: Lake) -> None:
    for kind in Kind:
        assert not lake.exists("m", kind)
        assert (lake.rows("m", kind), lake.files("m", kind), lake.columns("m", kind)) == (0, [], [])
        assert (lake.written_through("m", kind, "c"), lake.compact("m", kind)) == (0, 0)
    assert not Path(lake.root).exists()


def test_an_append_says_through_which_row_each_collector_has_written(lake: Lake) -> None:
    lake.append("m", Kind.PREDICTIONS, table(record("a")), collector="one", through=7)
    lake.append("m", Kind.PREDICTIONS, table(record("b"), record("c")), collector="two", through=3)
    lake.append("m", Kind.PREDICTIONS, table(record("d")), collector="one", through=9)
    through = [lake.written_through("m", Kind.PREDICTIONS, collector) for collector in ("one", "two", "three")]
    assert through == [9, 3, 0]
    assert lake.written_through("m", Kind.LABELS, "one") == 0
    assert lake.rows("m", Kind.PREDICTIONS) == 4
    assert lake.exists("m", Kind.PREDICTIONS)
    assert not lake.exists("m", Kind.LABELS)


def test_columns_are_only_ever_added(lake: Lake) -> None:
    lake.append("m", Kind.PREDICTIONS, table(record("a", age=4)), collector="c", through=1)
    before = lake.columns("m", Kind.PREDICTIONS)
    lake.append("m", Kind.PREDICTIONS, table(record("b", plan="free", vip=True)), collector="c", through=2)
    lake.append("m", Kind.PREDICTIONS, table(record("c")), collector="c", through=3)
    after = lake.columns("m", Kind.PREDICTIONS)
    assert sorted(after) == sorted([*before, "feature_plan", "feature_vip"])
    found = [(row["feature_age"], row["feature_plan"], row["feature_vip"]) for row in rows(lake)]
    assert found == [(4.0, None, None), (None, "free", True), (None, None, None)]


def test_features_that_differ_in_case_or_signs_alone_have_columns_of_their_own(lake: Lake) -> None:
    names: dict[str, Scalar] = {"Age": 1, "age": 2, "AGE": 3, "a.ge": 4, "a ge": 5, "äge": 6, "": 7, "x" * 256: 8}
    lake.append("m", Kind.PREDICTIONS, table(record("a", **names)), collector="c", through=1)
    [row] = rows(lake)
    assert sorted(value for name, value in row.items() if name.startswith("feature_")) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len({name.lower() for name in row}) == len(row)


def test_what_others_have_appended_is_seen_at_once_by_a_reader_that_looked_before(lake: Lake) -> None:
    writer = Lake(lake.root)
    for index in range(1, 28):  # beyond a checkpoint of the log
        writer.append("m", Kind.PREDICTIONS, table(record(f"{index}")), collector="c", through=index)
        assert (lake.rows("m", Kind.PREDICTIONS), len(lake.files("m", Kind.PREDICTIONS))) == (index, index)
    writer.append("m", Kind.PREDICTIONS, table(record("x", plan="free")), collector="c", through=28)
    assert "feature_plan" in lake.columns("m", Kind.PREDICTIONS)
    assert writer.compact("m", Kind.PREDICTIONS) == 28
    assert len(lake.files("m", Kind.PREDICTIONS)) == 1


def test_a_table_that_was_deleted_and_made_anew_is_read_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("m", Kind.PREDICTIONS, table(record("a")), collector="c", through=1)
    clock = [0.0]
    monkeypatch.setattr(lake_module, "monotonic", lambda: clock[0])
    reader = Lake(lake.root)
    (old,) = reader.files("m", Kind.PREDICTIONS)
    shutil.rmtree(lake.root)
    Lake(lake.root).append("m", Kind.PREDICTIONS, table(record("b")), collector="c", through=1)
    clock[0] = 60.0
    (new,) = reader.files("m", Kind.PREDICTIONS)
    assert new != old


# pruning


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[datetime]]:
    """Files of every grain around the end of a month and of a leap February, with times to the microsecond."""
    lake = Lake(str(tmp_path_factory.mktemp("months")))
    moments: list[datetime] = []
    for part, midnight in enumerate((datetime(2026, 3, 1, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC))):
        for step in (timedelta(microseconds=1), timedelta(microseconds=999), timedelta(minutes=7), 5 * HOUR):
            some = [midnight + index * step for index in range(-4, 5)]
            made = table(*[record(moment.isoformat(), moment) for moment in some])
            lake.append("m", Kind.PREDICTIONS, made, collector="c", through=len(moments) + part + 1)
            moments += some
    return lake, moments


@settings(deadline=None)
@given(data=st.data())
def test_pruning_never_drops_a_file_that_holds_a_row_of_the_window(
    months: tuple[Lake, list[datetime]], data: st.DataObject
) -> None:
    lake, moments = months
    near = st.sampled_from(moments).flatmap(
        lambda moment: st.integers(-2000, 2000).map(lambda us: moment + timedelta(microseconds=us))
    )
    start, end = sorted([data.draw(near), data.draw(near)])
    files = lake.files("m", Kind.PREDICTIONS, start, end)
    assert set(files) <= set(lake.files("m", Kind.PREDICTIONS))
    wanted = {moment.isoformat() for moment in moments if start <= moment < end}
    found = set()
    if files:
        answer = duckdb.execute("SELECT prediction_id FROM read_parquet($1)", [files]).fetchall()
        found = {name for (name,) in answer}
    assert wanted <= found


def test_files_of_other_days_and_hours_are_left_out(lake: Lake) -> None:
    for index, moment in enumerate((NOW - 48 * HOUR, NOW - 2 * HOUR, NOW, NOW + HOUR)):
        lake.append("m", Kind.PREDICTIONS, table(record(str(index), moment)), collector="c", through=index + 1)
    everything = lake.files("m", Kind.PREDICTIONS)
    assert len(everything) == 4
    assert len(lake.files("m", Kind.PREDICTIONS, NOW - HOUR / 2, NOW + HOUR / 2)) == 1
    assert len(lake.files("m", Kind.PREDICTIONS, NOW + HOUR)) == 1
    assert len(lake.files("m", Kind.PREDICTIONS, None, NOW)) == 2
    assert lake.files("m", Kind.PREDICTIONS, NOW + 2 * HOUR, NOW + 3 * HOUR) == []


def test_pruning_does_not_depend_on_the_zone_in_which_a_time_is_written(lake: Lake) -> None:
    lake.append("m", Kind.PREDICTIONS, table(record("a", NOW)), collector="c", through=1)
    for zone in ("Pacific/Kiritimati", "Pacific/Midway"):
        start = NOW.astimezone(ZoneInfo(zone))
        assert len(lake.files("m", Kind.PREDICTIONS, start, start + timedelta(seconds=1))) == 1


def test_labels_are_pruned_by_when_they_were_received(lake: Lake) -> None:
    for index in range(3):
        when = NOW + index * 24 * HOUR
        given_ = LabelRecord(model="m", prediction_id=str(index), label=1, label_time=NOW, received_time=when)
        lake.append("m", Kind.LABELS, labels_table([given_]), collector="c", through=index + 1)
    assert len(lake.files("m", Kind.LABELS, NOW + HOUR)) == 2


# names


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/../../b", "..", "/etc", "C:\\windows", "a\x00b", "%2e%2e/x", "x" * 200, "Ä/ö"]
)
def test_no_name_leads_out_of_the_lake(tmp_path: Path, name: str) -> None:
    root = tmp_path / "lake"
    lake = Lake(str(root))
    lake.append(name, Kind.PREDICTIONS, table(record("a")), collector="c", through=1)
    assert Path(lake.uri(name, Kind.PREDICTIONS)).resolve().parent.parent == root.resolve()
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
    assert lake.rows(name, Kind.PREDICTIONS) == 1


names = st.from_regex(MODEL_NAME, fullmatch=True)


@given(names, names)
def test_two_models_never_share_a_folder(one: str, other: str) -> None:
    assert (folder_name(one).lower() == folder_name(other).lower()) == (one == other)
    assert "/" not in folder_name(one)
    assert not folder_name(one).startswith(".")


def test_a_name_that_is_another_models_folder_gets_a_folder_of_its_own(lake: Lake) -> None:
    taken = folder_name("Team A/churn")
    assert folder_name(taken) != taken
    lake.append("Team A/churn", Kind.PREDICTIONS, table(record("a")), collector="c", through=1)
    assert not lake.exists(taken, Kind.PREDICTIONS)


def test_addresses_of_object_stores_are_left_as_they_are() -> None:
    assert Lake("s3://bucket/kedge/").uri("churn", Kind.LABELS) == "s3://bucket/kedge/churn/labels"


# compaction


def test_compaction_keeps_every_row_and_every_mark_while_appends_go_on(lake: Lake) -> None:
    lake.append("m", Kind.PREDICTIONS, table(record("a-00", age=1)), collector="a", through=1)
    started, failures = threading.Event(), []

    def append() -> None:
        try:
            for index in range(2, 31):
                made = table(record(f"a-{index:02}", age=index))
                lake.append("m", Kind.PREDICTIONS, made, collector="a", through=index)
                if index == 5:
                    started.set()
        except Exception as error:
            failures.append(error)
            started.set()

    appending = threading.Thread(target=append)
    appending.start()
    assert started.wait(60)
    merged = 0
    while appending.is_alive():
        merged += lake.compact("m", Kind.PREDICTIONS)
    appending.join()
    merged += lake.compact("m", Kind.PREDICTIONS)
    assert failures == []
    assert merged >= 5
    assert lake.written_through("m", Kind.PREDICTIONS, "a") == 30
    assert lake.rows("m", Kind.PREDICTIONS) == 30
    assert sorted(row["feature_age"] for row in rows(lake)) == list(range(1, 31))
    assert len(lake.files("m", Kind.PREDICTIONS)) == 1
    assert len(lake.files("m", Kind.PREDICTIONS, NOW, NOW + HOUR)) == 1


# values


def test_values_of_another_type_are_kept_beside_the_column(lake: Lake) -> None:
    known = {feature.name: feature for feature in learn({}, [record(age=1, plan="a", vip=True).features])}
    odd = [
        record("a", age="forty", plan=3, vip="yes"),
        record("b", age=True, plan=True, vip=2),
        record("c", age=4, plan="b", vip=0),
        record("d", age=None, plan=None, vip=None),
    ]
    lake.append("m", Kind.PREDICTIONS, table(*odd, known=known), collector="c", through=1)
    found = [(r["feature_age"], r["feature_plan"], r["feature_vip"], dict(r["type_errors"] or {})) for r in rows(lake)]
    assert found == [
        (None, "3", None, {"age": '"forty"', "plan": "3", "vip": '"yes"'}),
        (1.0, "1", None, {"plan": "true", "vip": "2"}),
        (4.0, "b", False, {}),
        (None, None, None, {}),
    ]


@pytest.mark.parametrize("size", [2**53 + 1, 2**63 - 1, 2**63, 10**30, 10**400])
def test_an_integer_that_no_float_holds_is_taken_all_the_same(lake: Lake, size: int) -> None:
    answers = [
        PredictionRecord(model="m", prediction_id=str(value), event_time=NOW, received_time=NOW, prediction=value,
                         features={"age": value})
        for value in (size, -size)
    ]  # fmt: skip
    lake.append("m", Kind.PREDICTIONS, table(*answers), collector="c", through=1)
    known = [
        LabelRecord(model="m", prediction_id=str(value), label=value, label_time=NOW, received_time=NOW)
        for value in (size, -size)
    ]
    lake.append("m", Kind.LABELS, labels_table(known), collector="c", through=2)
    for row, label in zip(rows(lake), rows(lake, kind=Kind.LABELS), strict=True):
        assert row["prediction"] == label["label"]
        assert row["prediction_value"] == row["feature_age"] == label["label_value"]
        assert abs(row["prediction_value"]) == (float(size) if size < 2**1024 else math.inf)
    if size < 2**63:
        assert {row["prediction"] for row in rows(lake)} == {str(size), str(-size)}


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5)


@given(scalars, st.sampled_from(FeatureKind))
def test_a_value_fits_or_is_said_not_to_and_never_changes_its_meaning(value: Scalar, kind: FeatureKind) -> None:
    stored, fitted = fit(value, kind)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        assert (stored, fitted) == (None, True)
    elif fitted:
        assert stored == value or (kind is FeatureKind.NUMERIC and stored == float(value))
    else:
        assert stored is None or kind is FeatureKind.CATEGORICAL


def test_an_empty_batch_is_a_table_without_rows() -> None:
    assert predictions_table([], {}).num_rows == labels_table([]).num_rows == 0
    assert predictions_table([], {}).schema == predictions_table([record()], {}).schema
