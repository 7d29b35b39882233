"""`kedge ingest`: recordings of real servers, folders, mappings, previews, and logs that are too long to hold."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from collectors.inbox import Inbox
from monitor.app import log_files
from monitor.app.files import Flushed, flush_inbox
from monitor.cli import ingest
from monitor.jobs import Stores

from .conftest import Kedge

RECORDINGS = Path(__file__).parents[1] / "recordings"
MAPPING = """\
features_at = "features"
[fields]
event_time = "ts"
model = "model.name"
version = "model.version"
label = "actual"
label_time = "observed_at"
"""


def test_a_hand_written_log_is_taken_in_with_a_mapping(kedge: Kedge) -> None:
    Path("m.toml").write_text(MAPPING)
    log = RECORDINGS / "fastapi" / "predictions.jsonl"
    outcome = kedge("ingest", log, "--model", "bike", "--mapping", "m.toml")
    assert (outcome.status, outcome.out) == (0, "8 records accepted, 0 refused (mapped)\n")
    told = kedge("model", "show", "bike", "--json").json
    assert (told["predictions"], told["labels"], len(told["features"])) == (5, 3, 11)


def test_the_mapping_of_the_settings_is_used_where_no_file_is_named(kedge: Kedge) -> None:
    rows = [line.replace("[fields]", "[collector.mappings.bike.fields]") for line in MAPPING.splitlines()]
    Path("kedge.toml").write_text("[collector.mappings.bike]\n" + "\n".join(rows))
    outcome = kedge("ingest", RECORDINGS / "fastapi" / "predictions.jsonl", "--model", "bike")
    assert outcome.out == "8 records accepted, 0 refused (mapped)\n"


def test_access_lines_are_taken_in_and_what_is_no_call_is_counted(kedge: Kedge) -> None:
    log = RECORDINGS / "fastapi" / "uvicorn_access.log"
    outcome = kedge("ingest", log, "--model", "bike")
    assert (outcome.status, outcome.out) == (0, "5 records accepted, 0 refused, 6 lines skipped (uvicorn)\n")
    kedge("ingest", log, "--model", "bike")
    assert kedge("model", "show", "bike", "--json").json["predictions"] == 5  # the same log counts once


def test_a_folder_is_read_with_all_below_it_each_file_in_its_format(kedge: Kedge) -> None:
    folder = Path("logs")
    shutil.copytree(RECORDINGS / "bentoml" / "monitoring", folder / "monitoring")
    shutil.copy(RECORDINGS / "bentoml" / "access.log", folder / "access.log")
    (folder / "_SUCCESS").touch()
    outcome = kedge("ingest", folder, "--json")
    assert outcome.status == 0
    assert outcome.json["format"] == "bentoml, bentoml-access"
    assert (outcome.json["refused"], outcome.json["unrecognised"]) == (0, [])
    assert outcome.json["files"] == 1 + len([each for each in (folder / "monitoring").rglob("*") if each.is_file()])
    assert {model["name"] for model in kedge("model", "list", "--json").json} >= {"electricity", "bike", "demo"}


def test_a_file_of_a_folder_in_no_known_format_is_named_and_the_others_are_taken(kedge: Kedge) -> None:
    Path("logs").mkdir()
    Path("logs/photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    Path("logs/x.csv").write_text("model,prediction_id,age\nchurn,a,39\n")
    outcome = kedge("ingest", "logs")
    assert (outcome.status, outcome.out) == (1, "1 records accepted, 0 refused (csv)\n")
    assert outcome.err == "no log format recognises 'logs/photo.jpg'; it was left out\n"


def test_a_preview_shows_the_first_record_and_where_it_comes_from_and_stores_nothing(kedge: Kedge) -> None:
    Path("m.toml").write_text(MAPPING)
    log = RECORDINGS / "fastapi" / "predictions.jsonl"
    outcome = kedge("ingest", log, "--model", "bike", "--mapping", "m.toml", "--preview")
    assert outcome.status == 0
    lines = [line.split() for line in outcome.out.splitlines()]
    assert "JSON with a mapping. The first record: prediction" in outcome.out
    assert ["model", "bike", "model.name"] in lines
    assert ["features.temp", "0.16", "features.temp"] in lines
    assert ["label", "–", "nothing", "at", "actual"] in lines
    assert not Path(".kedge").exists()


def test_a_preview_finds_where_values_come_from_without_a_mapping(kedge: Kedge) -> None:
    Path("log").write_text('{"model": "churn", "prediction_id": "a", "features": {"age": 39}, "latency_ms": 2}\n')
    told = kedge("ingest", "log", "--preview", "--json").json
    assert (told["format"], told["is"]) == ("json", "prediction")
    assert told["record"] == {"model": "churn", "prediction_id": "a", "features.age": 39, "latency_ms": 2.0}
    lines = [line.split() for line in kedge("ingest", "log", "--preview").out.splitlines()]
    assert ["features.age", "39", "features.age"] in lines


def test_a_preview_has_the_mapping_of_the_model_that_the_log_names(kedge: Kedge) -> None:
    Path("kedge.toml").write_text('[collector.mappings.income]\ncolumns = ["age", "hours"]\n')
    marks = {"Ce-Type": "io.seldon.serving.inference.request", "Ce-Requestid": "r-1", "Ce-Modelid": "income"}
    tensor = {"name": "x", "shape": [1, 2], "datatype": "INT64", "data": [39, 40]}
    Path("log").write_text(json.dumps({"inputs": [tensor], "parameters": {"headers": marks}}) + "\n")
    record = kedge("ingest", "log", "--preview", "--json").json["record"]
    assert (record["features.age"], record["features.hours"]) == (39, 40)


def test_a_preview_of_nothing_readable_says_why(kedge: Kedge) -> None:
    Path("log").write_text('{"modle": "churn"}\n')
    assert "unknown key 'modle'; did you mean 'model'?" in kedge("ingest", "log", "--preview").out


def test_a_long_log_is_taken_in_pieces_and_counts_once(kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "PIECE_BYTES", 1000)
    lines = [json.dumps({"prediction_id": f"p{n}", "prediction": n % 2}) for n in range(200)]
    Path("long.ndjson").write_text("\n".join(lines))
    assert kedge("ingest", "long.ndjson", "--model", "churn").out == "200 records accepted, 0 refused (json)\n"
    Path("access.log").write_text('INFO:     10.0.0.1:4000 - "POST /predict HTTP/1.1" 200 OK\n' * 100)
    for _ in range(2):
        assert kedge("ingest", "access.log", "--model", "churn").status == 0
    assert kedge("model", "show", "churn", "--json").json["predictions"] == 300


def test_a_long_log_is_written_to_the_lake_as_it_is_read(kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []

    def flush(stores: Stores, inbox: Inbox) -> Flushed:
        flushed.append(inbox.records_waiting())
        return flush_inbox(stores, inbox)

    monkeypatch.setattr(log_files, "PIECE_BYTES", 1000)
    monkeypatch.setattr(ingest, "_FLUSHED_TOGETHER", 50)
    monkeypatch.setattr(ingest, "flush_inbox", flush)
    lines = [json.dumps({"prediction_id": f"p{n}", "prediction": n % 2}) for n in range(200)]
    Path("long.ndjson").write_text("\n".join(lines))
    assert kedge("ingest", "long.ndjson", "--model", "churn").status == 0
    assert len(flushed) >= 4
    assert max(flushed) < 100
    assert kedge("model", "show", "churn", "--json").json["predictions"] == 200


def test_a_question_without_anybody_to_answer_is_not_asked(kedge: Kedge) -> None:
    Path("log").write_text('{"model": "churn", "prediction_id": "a"}\n')
    outcome = kedge("ingest", "log", "--ask")
    assert (outcome.status, outcome.out) == (0, "1 records accepted, 0 refused (json)\n")
    assert "The first record: prediction" in outcome.err


def test_a_log_that_may_not_be_read_is_status_2(kedge: Kedge) -> None:
    Path("log").write_text("x")
    os.chmod("log", 0)
    if os.access("log", os.R_OK):
        pytest.skip("this user may read everything")
    assert "can't be read" in kedge("ingest", "log").error


@pytest.mark.parametrize("arguments", [["--mapping", "nope.toml"], ["--mapping", "bad.toml"]])
def test_a_wrong_mapping_is_status_2_and_one_line(kedge: Kedge, arguments: list[str]) -> None:
    Path("bad.toml").write_text("[fields]\npredicton = 'x'\n")
    Path("log").write_text('{"model": "churn"}\n')
    outcome = kedge("ingest", "log", *arguments)
    assert outcome.status == 2
    assert arguments[1] in outcome.error
