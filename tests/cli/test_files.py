"""`kedge ingest` and `kedge baseline`: files of every format, good and bad."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from collectors.flusher import Flusher
from collectors.inbox import Inbox
from monitor.app.control import clock
from monitor.app.files import baseline_from_file
from monitor.app.stores import open_stores
from monitor.config import load_settings
from monitor.lake import Kind

from .conftest import Kedge

Rows = list[dict[str, Any]]


def rows(count: int, labels: bool = True) -> Rows:
    """A table as people export it: features beside what was predicted."""
    made: Rows = [
        {"prediction_id": f"p{n}", "age": 20 + n % 50, "plan": "ab"[n % 2], "prediction": n % 2, "score": n % 10 / 10}
        for n in range(count)
    ]
    return [row | {"label": n % 3 == 0} for n, row in enumerate(made)] if labels else made


def as_csv(table: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, table[0])
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()


def as_parquet(table: Rows) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(table), sink)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def as_ndjson(table: Rows) -> bytes:
    fields = ("prediction_id", "prediction", "score", "label")
    records = [
        {name: row[name] for name in fields if name in row} | {"features": {"age": row["age"], "plan": row["plan"]}}
        for row in table
    ]
    return "\n".join(json.dumps(record) for record in records).encode()


FORMATS: dict[str, Callable[[Rows], bytes]] = {"csv": as_csv, "parquet": as_parquet, "json": as_ndjson}
every_format = pytest.mark.parametrize("format_name", FORMATS)


@every_format
def test_a_log_of_any_format_is_taken_in(kedge: Kedge, tmp_path: Path, format_name: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(FORMATS[format_name](rows(300, labels=False)))
    outcome = kedge("ingest", log, "--model", "churn", "--version", "7", "--json")
    assert outcome.status == 0
    taken = {"format": format_name, "accepted": 300, "refused": 0, "skipped": 0, "halves": 0, "reason": ""}
    assert outcome.json == taken | {"files": 1, "unrecognised": [], "lake": "written", "failures": []}
    told = kedge("model", "show", "churn", "--json").json
    assert told["predictions"] == 300
    assert [version["name"] for version in told["versions"]] == ["7"]
    assert told["features"] == [["age", "numeric"], ["plan", "categorical"]]


def test_a_log_taken_in_twice_counts_once(kedge: Kedge, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(as_csv(rows(50, labels=False)))
    for _ in range(2):
        assert kedge("ingest", log, "--model", "churn").out == "50 records accepted, 0 refused (csv)\n"
    assert kedge("model", "show", "churn", "--json").json["predictions"] == 50


def test_a_log_comes_through_a_pipe(kedge: Kedge) -> None:
    outcome = kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(5)))
    assert (outcome.status, outcome.out) == (0, "5 records accepted, 0 refused (json)\n")


def test_labels_come_later(kedge: Kedge) -> None:
    kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(5, labels=False)))
    labels = "\n".join(json.dumps({"prediction_id": f"p{n}", "label": 1}) for n in range(5)).encode()
    assert kedge("ingest", "-", "--model", "churn", "--labels", stdin=labels).status == 0
    assert kedge("model", "show", "churn", "--json").json["labels"] == 5


def test_bad_rows_are_refused_with_the_reason_and_the_good_ones_are_kept(kedge: Kedge) -> None:
    mixed = as_ndjson(rows(3)) + b'\n{"prediction_id": "x", "latency_ms": -1}\nnonsense\n'
    outcome = kedge("ingest", "-", "--model", "churn", stdin=mixed)
    assert (outcome.status, outcome.out) == (1, "3 records accepted, 2 refused (json)\n")
    assert outcome.err.startswith("the first refusal: latency_ms: expected `float` >= 0.0; got -1")
    as_json = kedge("ingest", "-", "--model", "churn", "--json", stdin=mixed)
    assert as_json.status == 1
    assert (as_json.json["accepted"], as_json.json["refused"]) == (3, 2)
    assert "latency_ms" in as_json.json["reason"]


def test_records_that_name_no_model_are_refused_unless_one_is_given(kedge: Kedge) -> None:
    outcome = kedge("ingest", "-", stdin=as_ndjson(rows(2)))
    assert outcome.status == 1
    assert outcome.err == "the first refusal: model is missing; name it in the record or with --model\n"


def test_what_can_not_be_written_to_the_lake_waits_in_the_inbox_and_is_status_3(kedge: Kedge) -> None:
    blocked = Path(open_stores(load_settings()).lake.uri("churn", Kind.PREDICTIONS))
    blocked.parent.mkdir(parents=True)
    blocked.write_text("not a table")
    outcome = kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(2)))
    assert (outcome.status, outcome.out) == (3, "2 records accepted, 0 refused (json)\n")
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: the accepted records are safe in the inbox, but could not be written to the lake; ")
    assert "predictions of model 'churn': " in line
    as_json = kedge("ingest", "-", "--model", "churn", "--json", stdin=as_ndjson(rows(2)))
    assert (as_json.status, as_json.json["accepted"], as_json.json["lake"]) == (3, 2, "failed")
    assert len(as_json.json["failures"]) == 1
    blocked.unlink()
    assert kedge("ingest", "-", "--model", "churn", "--json", stdin=as_ndjson(rows(1))).json["lake"] == "written"
    assert kedge("model", "show", "churn", "--json").json["predictions"] == 2


def test_a_flush_that_can_not_even_begin_is_status_3_and_loses_nothing(kedge: Kedge) -> None:
    ids = load_settings().inbox_path.with_name("inbox-ids.sqlite")
    ids.mkdir(parents=True)
    outcome = kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(2)))
    assert (outcome.status, len(outcome.err.splitlines())) == (3, 1)
    ids.rmdir()
    assert kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(1))).status == 0
    assert kedge("model", "show", "churn", "--json").json["predictions"] == 2


def test_a_running_collector_writes_what_a_log_brings(kedge: Kedge) -> None:
    stores = open_stores(load_settings())
    running = Inbox(stores.settings.inbox_path, stores.settings.collector.inbox_max_bytes)
    flusher = Flusher(running, stores.lake, stores.db, stores.settings.collector)
    flusher.flush(clock())
    outcome = kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(2)))
    assert outcome.status == 0
    assert outcome.out.splitlines()[1] == "the running collector writes them to the lake"
    assert kedge("ingest", "-", "--model", "churn", "--json", stdin=b"[]").json["lake"] == "held"
    assert flusher.flush(clock()).predictions == 2
    flusher.close()
    running.close()


@pytest.mark.parametrize("content", [b"PAR1 but not really", b"a,b\n" + b"\xff" * 20, b"", b"\x00" * 50, b"[1, 2"])
def test_a_broken_log_is_no_traceback(kedge: Kedge, tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "log"
    log.write_bytes(content)
    outcome = kedge("ingest", log, "--model", "churn")
    assert outcome.status in (0, 1, 2)
    assert outcome.err or not content


WRONG = {
    "an unknown format": (["ingest", "log.csv", "--format", "xml"], "'xml'"),
    "a missing file": (["ingest", "nope.csv"], "file 'nope.csv' can't be read: No such file or directory"),
    "an empty folder": (["ingest", "empty"], "recognises what is in 'empty' (no file with content); name one with"),
    "an unusable model name": (["ingest", "log.csv", "--model", "?"], "model name '?' is not usable"),
    "an unrecognised file": (["ingest", "photo.jpg"], "no log format recognises 'photo.jpg'; name one with --format"),
    "a baseline of a missing file": (["baseline", "create", "--model", "m", "--from", "no.csv"], "can't be read"),
    "a baseline of no log": (["baseline", "create", "--model", "m", "--from", "photo.jpg"], "no log format recognises"),
    "a baseline under a bad name": (["baseline", "create", "--model", "?", "--from", "log.csv"], "is not usable"),
    "a baseline of few rows": (["baseline", "create", "--model", "m", "--from", "log.csv"], "at least 100 rows"),
    "a baseline of an unknown format": (
        ["baseline", "create", "--model", "m", "--from", "log.csv", "--format", "xml"], "'xml'"),
    "baselines of no model": (["baseline", "list", "--model", "nope"], "model 'nope' does not exist; known: none yet"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_can_not_be_taken_in_is_status_2_and_one_line(kedge: Kedge, what: str) -> None:
    Path("log.csv").write_bytes(as_csv(rows(3)))
    Path("empty").mkdir()
    Path("photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    arguments, why = WRONG[what]
    outcome = kedge(*arguments)
    assert outcome.status == 2
    assert why in outcome.error


@every_format
@pytest.mark.parametrize("labels", [False, True])
def test_a_baseline_is_frozen_from_a_file_and_the_model_is_new(
    kedge: Kedge, tmp_path: Path, format_name: str, labels: bool
) -> None:
    file = tmp_path / "validation.data"
    file.write_bytes(FORMATS[format_name](rows(300, labels)))
    outcome = kedge("baseline", "create", "--model", "churn", "--from", file, "--json")
    assert outcome.status == 0
    assert outcome.json == {"model": "churn", "baseline": "validation", "rows": 300, "labels": 300 if labels else 0}
    (listed,) = kedge("baseline", "list", "--model", "churn", "--json").json
    assert (listed["name"], listed["active"], listed["rows"]) == ("validation", True, 300)
    told = kedge("model", "show", "churn", "--json").json
    assert told["predictions"] == 0  # reference, not traffic
    assert [name for name, _ in told["features"]] == ["age", "plan"]


def test_a_newer_baseline_becomes_the_active_one(kedge: Kedge) -> None:
    Path("a.csv").write_bytes(as_csv(rows(100)))
    Path("b.csv").write_bytes(as_csv(rows(200)))
    kedge("baseline", "create", "--model", "churn", "--from", "a.csv")
    said = kedge("baseline", "create", "--model", "churn", "--from", "b.csv", "--name", "spring").out
    assert said == "baseline 'spring' of model 'churn': 200 rows, 200 labels\n"
    listed = kedge("baseline", "list", "--model", "churn", "--json").json
    assert {row["name"]: row["active"] for row in listed} == {"a": False, "spring": True}
    assert "spring" in kedge("baseline", "list", "--model", "churn").out


def test_rows_that_a_baseline_leaves_out_are_counted_with_the_reason(kedge: Kedge) -> None:
    good, bad = [row | {"latency_ms": 1} for row in rows(150)], rows(1)[0] | {"latency_ms": -1}
    Path("v.csv").write_bytes(as_csv([*good, bad]))
    outcome = kedge("baseline", "create", "--model", "churn", "--from", "v.csv")
    assert outcome.status == 0
    assert outcome.err.startswith("1 rows were left out; the first: latency_ms: expected")


def test_a_model_without_a_baseline_is_told_how_to_get_one(kedge: Kedge) -> None:
    kedge("ingest", "-", "--model", "churn", stdin=as_ndjson(rows(3)))
    outcome = kedge("baseline", "list", "--model", "churn")
    assert "make one with `kedge baseline create`" in outcome.err


def test_a_new_model_beyond_max_models_gets_no_baseline(kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDGE_COLLECTOR__MAX_MODELS", "1")
    Path("a.csv").write_bytes(as_csv(rows(100)))
    stores = open_stores(load_settings())
    baseline_from_file(stores, "first", "a", Path("a.csv"), "auto", clock())
    outcome = kedge("baseline", "create", "--model", "second", "--from", "a.csv")
    assert (outcome.status, outcome.error) == (2, "model 'second' is new and there are max_models already")
