"""Appending to Delta tables: what other readers rely on, several writers at once, and tables in an object store."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import httpx
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from monitor.app.processes import free_port
from monitor.lake import Kind, Lake, appending, predictions_table
from monitor.records import PredictionRecord, Scalar
from monitor.schemas import learn

NOW = datetime(2026, 2, 28, 23, 30, 0, 123456, tzinfo=UTC)


def table(*idents: str, when: datetime = NOW, **features: Scalar) -> pa.Table:
    records = [
        PredictionRecord(model="m", prediction_id=each, event_time=when, received_time=when, features=features)
        for each in idents
    ]
    return predictions_table(records, {feature.name: feature for feature in learn({}, [features])})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def joined(*tables: pa.Table) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default")


def append(lake: Lake, rows: pa.Table, through: int, collector: str = "c") -> None:
    lake.append("m", Kind.PREDICTIONS, rows, collector=collector, through=through)


def actions(lake: Lake) -> pa.Table:
    return pa.table(DeltaTable(lake.uri("m", Kind.PREDICTIONS)).get_add_actions(flatten=True))


def test_the_log_says_of_each_file_what_readers_skip_it_by(lake: Lake) -> None:
    append(lake, joined(table("a", age=4, plan="x"), table("b", plan="y")), 1)
    (found,) = actions(lake).to_pylist()
    assert (found["num_records"], found["partition.event_date"]) == (2, NOW.date())
    assert (found["min.feature_age"], found["max.feature_age"], found["null_count.feature_age"]) == (4.0, 4.0, 1)
    assert found["null_count.feature_plan"] == 0
    cut = NOW.replace(microsecond=123000)
    assert found["min.event_time"].replace(tzinfo=UTC) == found["max.event_time"].replace(tzinfo=UTC) == cut


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_has_no_word_for_are_no_bounds(lake: Lake, odd: float) -> None:
    append(lake, joined(table("a", age=4), table("b", age=odd)), 1)
    (found,) = actions(lake).to_pylist()
    assert found["num_records"] == 2
    assert found.get("max.feature_age") in (None, 4.0)
    assert lake.rows("m", Kind.PREDICTIONS) == 2


def test_rows_of_several_days_are_a_file_for_each(lake: Lake) -> None:
    append(lake, joined(table("a"), table("b", when=NOW + timedelta(hours=1)), table("c")), 1)
    days = {each["partition.event_date"].isoformat(): each["num_records"] for each in actions(lake).to_pylist()}
    assert days == {"2026-02-28": 2, "2026-03-01": 1}


def test_other_readers_see_every_row_with_its_day_and_its_new_columns(lake: Lake) -> None:
    append(lake, table("a", age=4), 1)
    append(lake, table("b", when=NOW + timedelta(days=1), plan="free"), 2)
    connection = duckdb.connect()
    connection.register("rows", DeltaTable(lake.uri("m", Kind.PREDICTIONS)).to_pyarrow_dataset())
    query = "SELECT prediction_id, event_date::TEXT, feature_age, feature_plan FROM rows ORDER BY 1"
    assert connection.execute(query).fetchall() == [("a", "2026-02-28", 4.0, None), ("b", "2026-03-01", None, "free")]


def test_two_collectors_append_to_one_table_and_add_columns_to_it(lake: Lake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path / "lake"))
    for through in range(1, 4):
        for each, rows, who in (
            (lake, table(f"a{through}", age=1), "one"),
            (other, table(f"b{through}", vip=True), "two"),
        ):
            assert each.written_through("m", Kind.PREDICTIONS, who) == through - 1
            append(each, rows, through, who)
    assert lake.rows("m", Kind.PREDICTIONS) == 6
    assert [lake.written_through("m", Kind.PREDICTIONS, who) for who in ("one", "two")] == [3, 3]


def test_a_collector_that_writes_twice_at_once_is_refused_by_the_log(lake: Lake, tmp_path: Path) -> None:
    append(lake, table("a"), 1)
    stale = Lake(str(tmp_path / "lake"))
    assert stale.written_through("m", Kind.PREDICTIONS, "c") == 1
    append(lake, table("b"), 2)
    with pytest.raises(CommitFailedError):
        append(stale, table("b"), 2)
    assert lake.rows("m", Kind.PREDICTIONS) == 2
    assert stale.written_through("m", Kind.PREDICTIONS, "c") == 2


def test_a_column_never_changes_its_type(lake: Lake) -> None:
    append(lake, table("a"), 1)
    rows = table("b")
    rows = rows.set_column(rows.column_names.index("score"), "score", pa.array(["high"]))
    with pytest.raises(ValueError, match=r"column 'score' of .* is .*double.*, not .*string"):
        append(lake, rows, 2)
    assert lake.rows("m", Kind.PREDICTIONS) == 1


def test_every_file_of_a_table_is_on_disk_before_an_append_returns(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[Path] = set()
    monkeypatch.setattr(appending, "_sync", lambda *paths: synced.update(paths))
    for through in range(1, 30):  # creates the table, adds a column, and passes a checkpoint
        append(lake, table(f"p{through}", **({"age": 1} if through > 3 else {})), through)
        folder = Path(lake.uri("m", Kind.PREDICTIONS))
        assert {path for path in folder.rglob("*") if path.is_file()} - synced == set()
    assert folder / "_delta_log" / "_last_checkpoint" in synced


def test_what_an_append_costs_hardly_grows_with_the_files_of_a_table(lake: Lake) -> None:
    for through in range(1, 121):
        append(lake, table(f"p{through}"), through)
    log = Path(lake.uri("m", Kind.PREDICTIONS)) / "_delta_log"
    assert len(list(log.glob("*.checkpoint.parquet"))) >= 4  # nobody reads more than 25 commits
    assert lake.rows("m", Kind.PREDICTIONS) == 120


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """The storage options of a real S3 server of one's own, with an empty bucket named lake-test."""
    pytest.importorskip("moto.server")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    credential = "AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/s3/"
    with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as http:  # until it listens
        http.put(f"{endpoint}/lake-test", headers={"Authorization": credential})
    yield {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    server.terminate()
    server.wait()


def test_a_lake_in_an_object_store_is_the_same(bucket: dict[str, str]) -> None:
    lake = Lake("s3://lake-test/kedge", bucket)
    for through in range(1, 4):
        assert lake.written_through("m", Kind.PREDICTIONS, "c") == through - 1
        append(lake, table(f"p{through}", age=through), through)
    again = Lake("s3://lake-test/kedge", bucket)
    assert again.written_through("m", Kind.PREDICTIONS, "c") == 3
    assert again.rows("m", Kind.PREDICTIONS) == 3
    assert len(again.files("m", Kind.PREDICTIONS, NOW, NOW + timedelta(seconds=1))) == 3
