"""Objects, in a real S3 server (moto over HTTP) and in a folder: each line once."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pytest
from obstore.store import S3Store
from pyarrow import parquet

from collectors.sources.periods import period_end
from monitor.errors import ConfigError, Unavailable
from tests.sources.conftest import Clock, MakeReading, lines

Put = Callable[[str, bytes], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A real S3 server of one's own."""
    moto_server = pytest.importorskip("moto.server")
    running = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str) -> tuple[dict[str, str], Put]:
    """The store's settings, and how to put an object into an empty bucket named logs."""
    import httpx

    settings = {
        "endpoint": server,
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
    }
    httpx.post(f"{server}/moto-api/reset")
    httpx.put(f"{server}/logs", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/s3/"})
    store = S3Store("logs", config=settings, client_options={"allow_http": True})  # type: ignore[arg-type,typeddict-item]
    return settings, lambda key, body: obstore.put(store, key, body)


def test_new_objects_are_read_and_old_ones_not_again(bucket: tuple[dict[str, str], Put], reading: MakeReading) -> None:
    storage, put = bucket
    source = reading("object_store", url="s3://logs/churn", storage=storage)
    assert source.read() == []
    put("churn/1.jsonl", lines("a", "b"))
    put("other/1.jsonl", lines("z"))
    assert source.read() == ["a", "b"]
    put("churn/2.jsonl", lines("c"))
    assert source.read() == ["a", "b", "c"]
    source.restart()
    assert source.read() == ["a", "b", "c"]


def test_objects_by_hour_are_listed_only_where_they_may_be_new(
    bucket: tuple[dict[str, str], Put], reading: MakeReading, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, put = bucket
    clock.now = datetime(2026, 3, 4, 12, 5, tzinfo=UTC)
    for hour in ("2026/02/27/23", "2026/03/03/09", "2026/03/04/11"):
        put(f"ep/AllTraffic/{hour}/1.jsonl", lines(hour))
    source = reading("object_store", url="s3://logs/ep", storage=storage, relist_hours=6)
    assert len(source.read()) == 3
    put("ep/AllTraffic/2026/03/04/10/late.jsonl", lines("late"))
    put("ep/Shadow/2026/03/04/12/1.jsonl", lines("new variant"))
    listed: list[str] = []
    real = obstore.list_with_delimiter

    def listing(store: Any, prefix: str | None = None) -> Any:
        listed.append(prefix or "")
        return real(store, prefix)

    monkeypatch.setattr(obstore, "list_with_delimiter", listing)
    assert source.read()[3:] == ["late", "new variant"]
    assert not any("2026/02" in prefix or "2026/03/03" in prefix for prefix in listed)
    assert list(source.state().position["done"]) == [
        "AllTraffic/2026/03/04/11/1.jsonl", "AllTraffic/2026/03/04/10/late.jsonl", "Shadow/2026/03/04/12/1.jsonl",
    ]  # fmt: skip


def test_an_object_that_grew_is_read_from_where_it_ended(tmp_path: Path, reading: MakeReading) -> None:
    blob = tmp_path / "container" / "2026" / "03" / "04" / "12" / "instance.jsonl"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(lines("a" * 200, "b"))
    source = reading("object_store", url=f"file://{tmp_path / 'container'}")
    assert source.read() == ["a" * 200, "b"]
    with blob.open("ab") as file:
        file.write(lines("c") + lines("d")[:30])
    assert source.read() == ["a" * 200, "b", "c"]
    with blob.open("ab") as file:
        file.write(lines("d")[30:])
    assert source.read() == ["a" * 200, "b", "c", "d"]


def test_an_object_that_was_replaced_is_read_whole(bucket: tuple[dict[str, str], Put], reading: MakeReading) -> None:
    storage, put = bucket
    source = reading("object_store", url="s3://logs", storage=storage)
    put("labels.jsonl", lines("a"))
    source.read()
    put("labels.jsonl", lines("b", "c", "d"))
    assert source.read() == ["a", "b", "c", "d"]


def test_an_object_needs_no_last_line_end_and_may_be_packed_or_a_table(
    bucket: tuple[dict[str, str], Put], reading: MakeReading
) -> None:
    storage, put = bucket
    put("1.json", lines("a")[:-1])
    put("2.jsonl.gz", gzip.compress(lines("b", "c")))
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"prediction_id": ["d"], "prediction": [1]}), sink)
    put("3.parquet", sink.getvalue().to_pybytes())
    source = reading("object_store", url="s3://logs", storage=storage, format="auto")
    assert sorted(source.read()) == ["a", "b", "c", "d"]


def test_a_damaged_object_goes_to_quarantine_and_stops_nothing(
    bucket: tuple[dict[str, str], Put], reading: MakeReading
) -> None:
    storage, put = bucket
    put("1.jsonl.gz", gzip.compress(lines("z"))[:-12])
    put("2.jsonl", lines("a"))
    source = reading("object_store", url="s3://logs", storage=storage)
    assert source.read() == ["a"]
    assert len(source.refused()) == 1
    assert source.read() == ["a"]


def test_a_long_object_is_taken_up_again_in_its_middle(tmp_path: Path, reading: MakeReading) -> None:
    ids = [f"{number:06}" for number in range(40_000)]
    folder = tmp_path / "container"
    folder.mkdir()
    (folder / "1.jsonl").write_bytes(lines(*ids))
    (folder / "2.jsonl.gz").write_bytes(gzip.compress(lines(*(f"z{each}" for each in ids))))
    source = reading("object_store", url=f"file://{folder}")
    broken_off = 0
    while len(source.ids()) < 80_000:
        stream = iter(source.runner._open().read(source.runner._state.position))
        for taken in source.runner._take(next(stream)):
            source.runner._gather(taken, __import__("threading").Event())
        source.runner._deliver(__import__("threading").Event())
        source.restart()
        broken_off += 1
    assert broken_off >= 4
    assert source.read() == [*ids, *(f"z{each}" for each in ids)]


def test_only_names_that_match_are_read(tmp_path: Path, reading: MakeReading) -> None:
    for name in ("a.jsonl", "b.txt"):
        (tmp_path / "container").mkdir(exist_ok=True)
        (tmp_path / "container" / name).write_bytes(lines(name))
    assert reading("object_store", url=f"file://{tmp_path / 'container'}", match="*.jsonl").read() == ["a.jsonl"]


def test_a_bucket_that_is_not_there_is_unavailable(bucket: tuple[dict[str, str], Put], reading: MakeReading) -> None:
    with pytest.raises(Unavailable, match="s3://nope"):
        reading("object_store", url="s3://nope", storage=bucket[0]).read()


def test_an_address_that_is_no_store_is_named(reading: MakeReading) -> None:
    with pytest.raises(ConfigError, match="url 'ftp://x' is no object store; accepted: s3://"):
        reading("object_store", url="ftp://x").read()


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("ep/v/2026/03/01/13/x.jsonl", "2026-03-01T14:00:00+00:00"),
        ("year=2026/month=03/day=01/hour=05", "2026-03-01T06:00:00+00:00"),
        ("dt=2026-12-31/part-0.parquet", "2027-01-01T00:00:00+00:00"),
        ("a/2026/12/x", "2027-01-01T00:00:00+00:00"),
        ("a/2026", "2027-01-01T00:00:00+00:00"),
    ],
)
def test_a_dated_path_has_an_end(path: str, end: str) -> None:
    found = period_end(path)
    assert found is not None
    assert found.isoformat() == end


@pytest.mark.parametrize("path", ["models/7/x", "2026/02/31/01", "a20261/x", "", "run-2026x/1"])
def test_other_paths_have_none(path: str) -> None:
    assert period_end(path) is None or path == "2026/02/31/01"
