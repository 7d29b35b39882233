"""`kedge drift check`: a gate that tells drift by its exit status, in words, JSON, JUnit and a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from monitor.plugins import DRIFT_METHODS

from .conftest import Kedge


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(8)


def table(rows: int, shift: float = 0.0, **more: Any) -> pa.Table:
    """The same rows whichever tests ran before."""
    random = np.random.default_rng([8, rows, round(10 * shift)])
    return pa.table(
        {
            "prediction_id": [f"p{i}" for i in range(rows)],
            "amount": random.normal(shift, 1, rows),
            "age": random.integers(18, 80, rows),
            "plan": random.choice(["basic", "plus"], rows),
            **more,
        }
    )


def write_csv(rows: pa.Table, path: Path) -> None:
    csv.write_csv(rows, path)


def write_lines(rows: pa.Table, path: Path) -> None:
    path.write_text("\n".join(json.dumps(row, default=str) for row in rows.to_pylist()))


def write_nested(rows: pa.Table, path: Path) -> None:
    own = ("prediction_id",)
    lines = [
        {name: row[name] for name in own} | {"features": {k: v for k, v in row.items() if k not in own}}
        for row in rows.to_pylist()
    ]
    path.write_text("\n".join(map(json.dumps, lines)))


def write_array(rows: pa.Table, path: Path) -> None:
    path.write_text(json.dumps(rows.to_pylist()))


WRITERS = {
    "parquet": parquet.write_table,
    "csv": write_csv,
    "jsonl": write_lines,
    "nested": write_nested,
    "json": write_array,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    parquet.write_table(table(2000), tmp_path / "ref.parquet")
    parquet.write_table(table(400), tmp_path / "same.parquet")
    parquet.write_table(table(400, shift=1), tmp_path / "moved.parquet")
    return tmp_path


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_file_is_compared(kedge: Kedge, folder: Path, kind: str) -> None:
    WRITERS[kind](table(400, shift=1), folder / "cur")
    outcome = kedge("drift", "check", "ref.parquet", "cur", "--json")
    assert outcome.status == 1
    columns = {column["name"]: column for column in outcome.json["columns"]}
    assert {name for name, column in columns.items() if column["drifted"]} == {"amount"}
    assert columns.keys() == {"prediction_id", "amount", "age", "plan"}


@pytest.mark.parametrize("preset", ["calibrated", "evidently_default", "nannyml_default"])
def test_the_exit_status_tells_drift(kedge: Kedge, folder: Path, preset: str) -> None:
    assert kedge("drift", "check", "ref.parquet", "ref.parquet", "--preset", preset).status == 0
    outcome = kedge("drift", "check", "ref.parquet", "moved.parquet", "--preset", preset)
    assert outcome.status == 1
    assert outcome.out.splitlines()[1].startswith("amount")  # the most drifted first
    assert "failed: drift in" in outcome.out


def test_no_settings_and_no_folder_of_kedge_are_needed(kedge: Kedge, folder: Path) -> None:
    before = set(folder.iterdir())
    outcome = kedge("drift", "check", "ref.parquet", "same.parquet")
    assert outcome.status == 0
    assert "passed: drift in none of 3 columns; 400 rows against 2000" in outcome.out
    assert outcome.err == ""
    assert set(folder.iterdir()) == before


def test_a_share_of_columns_can_be_the_limit(kedge: Kedge, folder: Path) -> None:
    assert kedge("drift", "check", "ref.parquet", "moved.parquet", "--fail-on", "share=0.5").status == 0
    assert kedge("drift", "check", "ref.parquet", "moved.parquet", "--fail-on", "share=0.3").status == 1


@pytest.mark.parametrize("wrong", ["share=0", "share=2", "share=x", "all", "none=0.5", "share=nan"])
def test_a_wrong_limit_names_what_is_accepted(kedge: Kedge, folder: Path, wrong: str) -> None:
    outcome = kedge("drift", "check", "ref.parquet", "same.parquet", "--fail-on", wrong)
    assert outcome.status == 2
    assert outcome.error == f"--fail-on {wrong!r} is not known; accepted: any, or share=X with X above 0, at most 1"


def test_missing_new_emptied_and_type_changed_columns_are_findings(kedge: Kedge, folder: Path) -> None:
    current = table(400).drop_columns(["age"]).append_column("extra", pa.array(range(400)))
    current = current.set_column(1, "amount", pa.array(["high"] * 400)).set_column(2, "plan", pa.nulls(400))
    parquet.write_table(current, folder / "cur.parquet")
    outcome = kedge("drift", "check", "ref.parquet", "cur.parquet", "--json", "--junit", "drift.xml")
    assert outcome.status == 1
    assert {column["name"]: column["finding"] for column in outcome.json["columns"]} == {
        "age": "missing column",
        "amount": "type changed",
        "plan": "no values any more",
        "extra": "new column",
        "prediction_id": "not judged",
    }
    suite = ElementTree.parse(folder / "drift.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "3", "2")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    failure = cases["age"].find("failure")
    assert failure is not None
    assert failure.get("type") == "missing column"


def test_junit_holds_any_name(kedge: Kedge, folder: Path, random: np.random.Generator) -> None:
    odd = 'a<b>&"\x07\ud7ff'
    for name, rows in (("a.parquet", 500), ("b.parquet", 300)):
        parquet.write_table(pa.table({odd: random.normal(size=rows)}), folder / name)
    assert kedge("drift", "check", "a.parquet", "b.parquet", "--junit", "drift.xml").status == 0
    (case,) = ElementTree.parse(folder / "drift.xml").getroot().iter("testcase")
    assert case.get("name") == 'a<b>&"�\ud7ff'


def test_columns_can_be_chosen(kedge: Kedge, folder: Path) -> None:
    (folder / "timed.csv").write_text("event_time,x\n2026-01-01T00:00:00Z,1\n")
    chosen = kedge("drift", "check", "ref.parquet", "moved.parquet", "--column", "age", "--column", "plan", "--json")
    assert chosen.status == 0
    assert {column["name"] for column in chosen.json["columns"]} == {"age", "plan"}
    time = kedge("drift", "check", "timed.csv", "timed.csv", "--column", "event_time")
    assert (time.status, time.error[:26]) == (2, "event_time is not compared")
    unknown = kedge("drift", "check", "ref.parquet", "moved.parquet", "--column", "agee")
    assert unknown.status == 2
    assert unknown.error == "neither file has a column 'agee'; there are: prediction_id, amount, age, plan"


def test_times_show_what_the_reference_does_by_itself(kedge: Kedge, folder: Path, random: np.random.Generator) -> None:
    days, start = np.repeat(np.arange(40), 100), np.datetime64("2026-01-01", "s")
    levels = random.normal(size=41)
    for name, day in (("ref.csv", days), ("cur.csv", np.full(100, 40))):
        times = start + day * 86_400 + random.integers(0, 86_400, day.size)
        write_csv(pa.table({"event_time": times, "temp": random.normal(levels[day], 0.2)}), folder / name)
    assert kedge("drift", "check", "ref.csv", "cur.csv").status == 0


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not a readable table: the file is empty"),
    "blank": (b" \n\n", "is not a readable table: the file is empty"),
    "header": (b"amount,age\n", "has no rows"),
    "ragged": (b"amount,age\n1\n2,3,4\n", "is not a readable table"),
    "cut": (b"PAR1\x00\x00", "is not a readable table"),
    "binary": (bytes(range(256)) * 4, "is not a readable table"),
    "json": (b'{"amount": 1\n', "is not a readable table"),
    "array": (b"[1, 2]", "is not a readable table"),
    "no rows": (b"[]", "has no rows"),
    "twice": (b"amount,amount\n1,2\n", "has two columns named 'amount'"),
    "another encoding": ("größe,age\n1,2\n".encode("latin-1"), "is not a readable table: not UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_line_and_wrong_usage(kedge: Kedge, folder: Path, case: str) -> None:
    content, said = BROKEN[case]
    (folder / "broken").write_bytes(content)
    for files in (("ref.parquet", "broken"), ("broken", "ref.parquet")):
        outcome = kedge("drift", "check", *files)
        assert outcome.status == 2
        assert outcome.error.startswith(f"file 'broken' {said}")


def test_a_file_that_is_not_there_is_named(kedge: Kedge, folder: Path) -> None:
    outcome = kedge("drift", "check", "ref.parquet", "nowhere.parquet")
    assert (outcome.status, outcome.error) == (2, "file 'nowhere.parquet' can't be read: No such file or directory")
    outcome = kedge("drift", "check", "ref.parquet", ".")
    assert (outcome.status, outcome.error) == (2, "file '.' can't be read: Is a directory")


@pytest.mark.parametrize("files", [("ref.parquet", "few.parquet"), ("few.parquet", "ref.parquet")])
def test_too_few_rows_are_no_pass(kedge: Kedge, folder: Path, files: tuple[str, str]) -> None:
    parquet.write_table(table(10), folder / "few.parquet")
    outcome = kedge("drift", "check", *files)
    assert outcome.status == 2
    assert "too few rows" in outcome.out
    assert outcome.err.strip() == "no column could be judged, so this is no pass"
    assert kedge("drift", "check", *files, "--json").json["passed"] is False


@pytest.mark.parametrize("write", [pd.DataFrame.to_parquet, pd.DataFrame.to_csv])
def test_the_numbers_that_pandas_gives_its_rows_are_no_drift(
    kedge: Kedge, folder: Path, write: Any, random: np.random.Generator
) -> None:
    rows = pd.DataFrame({"x": random.normal(size=600)}).sample(frac=1, random_state=1).sort_index()
    write(rows[rows.index < 400].drop(index=7), folder / "a")
    write(rows[rows.index >= 400].drop(index=407), folder / "b")
    outcome = kedge("drift", "check", "a", "b", "--json")
    assert outcome.status == 0
    index = next(column for column in outcome.json["columns"] if column["name"] != "x")
    assert index["why"] == "tells which row it is, not what it holds"


def test_days_that_go_on_in_a_csv_are_no_drift(kedge: Kedge, folder: Path, random: np.random.Generator) -> None:
    for name, start in (("a.csv", "2026-01-01"), ("b.csv", "2026-03-01")):
        days = np.datetime64(start) + np.arange(200) // 4
        write_csv(pa.table({"x": random.normal(size=200), "day": days}), folder / name)
    outcome = kedge("drift", "check", "a.csv", "b.csv")
    assert outcome.status == 0
    assert "a clock, not drift" in outcome.out


ODD_COLUMNS: dict[str, Callable[[int], pa.Array]] = {
    "lists": lambda n: pa.array([[1, 2]] * n),
    "maps": lambda n: pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64())),
    "bytes": lambda n: pa.array([b"\xff"] * n),
    "decimals": lambda n: pa.array(range(n), pa.int64()).cast(pa.decimal128(25, 2)),
    "days": lambda n: pa.array([99_999_999] * n, pa.date32()),
    "times of day": lambda n: pa.array([5] * n, pa.time32("s")),
    "durations": lambda n: pa.array([5] * n, pa.duration("us")),
    "codes": lambda n: pa.array(["a", "b"] * (n // 2)).dictionary_encode(),
    "nothing": pa.nulls,
    "numbers": lambda n: pa.array(np.arange(n) / 7),
    "infinite": lambda n: pa.array(np.full(n, np.inf)),
}


@pytest.mark.parametrize("preset", ["calibrated", "evidently_default", "nannyml_default"])
def test_a_column_that_becomes_anything_else_stops_no_other(kedge: Kedge, folder: Path, preset: str) -> None:
    kinds = list(ODD_COLUMNS.values())
    pairs = {f"{i}-{j}": (kinds[i], kinds[j]) for i in range(len(kinds)) for j in range(len(kinds))}
    for side, (name, rows) in enumerate((("a.parquet", 100), ("b.parquet", 60))):
        odd = {pair: makes[side](rows) for pair, makes in pairs.items()}
        parquet.write_table(pa.table({"x": np.arange(rows) % 10, **odd}), folder / name)
    outcome = kedge("drift", "check", "a.parquet", "b.parquet", "--preset", preset, "--json", "--junit", "drift.xml")
    assert outcome.status == 1
    assert {column["name"] for column in outcome.json["columns"]} == {"x", *pairs}
    assert all(column["why"] for column in outcome.json["columns"])
    found = {column["name"]: column for column in outcome.json["columns"]}
    assert found["x"]["status"] == "ok"


def test_columns_can_be_left_out(kedge: Kedge, folder: Path) -> None:
    outcome = kedge("drift", "check", "ref.parquet", "moved.parquet", "--ignore", "amount")
    assert outcome.status == 0
    assert "passed: drift in none of 2 columns" in outcome.out
    unknown = kedge("drift", "check", "ref.parquet", "moved.parquet", "--ignore", "amonut")
    assert (unknown.status, "neither file has a column 'amonut'" in unknown.err) == (2, True)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_spreadsheets_write_other_delimiters(kedge: Kedge, folder: Path, delimiter: str) -> None:
    for name in ("ref", "moved"):
        rows = parquet.read_table(folder / f"{name}.parquet")
        csv.write_csv(rows, folder / f"{name}.csv", csv.WriteOptions(delimiter=delimiter))
    outcome = kedge("drift", "check", "ref.csv", "moved.csv", "--json")
    assert {column["name"] for column in outcome.json["columns"] if column["drifted"]} == {"amount"}


def test_any_drift_method_judges_alone(kedge: Kedge, folder: Path) -> None:
    random = np.random.default_rng(4)
    for name, moved in (("a.parquet", 0.0), ("b.parquet", 2.0)):
        numbers = random.normal(moved, 1 + moved, 3000)
        rare = 0.1 + 0.2 * moved
        parquet.write_table(
            pa.table({"calm": random.normal(0, 1, 3000), "size": numbers, "flag": random.random(3000) < rare}),
            folder / name,
        )
    for method in DRIFT_METHODS.names():
        outcome = kedge("drift", "check", "a.parquet", "b.parquet", "--method", method, "--json")
        judged = {column["name"]: column for column in outcome.json["columns"] if column["status"] == "ok"}
        assert outcome.status == 1
        assert all(column["method"] == method for column in judged.values())
        assert all(column["drifted"] == (name != "calm") for name, column in judged.items()), method


def test_a_method_has_a_threshold_of_ones_own(kedge: Kedge, folder: Path) -> None:
    psi = ("drift", "check", "ref.parquet", "moved.parquet", "--method", "psi")
    assert [kedge(*psi, "--threshold", limit).status for limit in ("0.001", "1e6")] == [1, 0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "magic"), "drift method 'magic' is not known; accepted: anderson, chisquare"),
        (("--method", "psi", "--preset", "nannyml_default"), "--preset and --method are two answers"),
        (("--threshold", "0.2"), "--threshold is that of a method; accepted: with --method"),
    ],
)
def test_a_method_that_makes_no_sense_is_refused(
    kedge: Kedge, folder: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = kedge("drift", "check", "ref.parquet", "same.parquet", *options)
    assert outcome.status == 2
    assert said in outcome.err


def test_a_file_that_cannot_be_written_is_told(kedge: Kedge, folder: Path) -> None:
    outcome = kedge("drift", "check", "ref.parquet", "same.parquet", "--junit", "nowhere/drift.xml")
    assert outcome.status == 2
    assert outcome.error == "file 'nowhere/drift.xml' can't be written: No such file or directory"


def test_evidentlys_page_is_written(kedge: Kedge, folder: Path) -> None:
    outcome = kedge("drift", "check", "ref.parquet", "moved.parquet", "--html", "drift.html")
    assert outcome.status == 1
    assert "amount" in (folder / "drift.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_made_leaves_the_verdict(kedge: Kedge, folder: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write_csv(pa.table({"x": pa.array([None, None]), "y": pa.array([1, 2])}), folder / name)
    outcome = kedge("drift", "check", "a.csv", "b.csv", "--column", "x", "--html", "drift.html")
    assert outcome.status == 2
    assert "no report: no column has values on both sides" in outcome.err
    assert not (folder / "drift.html").exists()
