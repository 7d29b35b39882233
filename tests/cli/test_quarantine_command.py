"""`kedge quarantine`: reading what was refused, taking it in again, dropping it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.app.control import clock, open_database
from monitor.config import load_settings
from monitor.db.pauses import PausedSource, replace_pauses
from monitor.db.quarantine import RefusedRecord, add_refusals

from .conftest import Kedge

GOOD = b"prediction_id,prediction,age\na,1,39\n"
T0 = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def refused(kedge: Kedge) -> Kedge:
    rows = [
        RefusedRecord(1, T0, "http", "churn", "predictions", "no prediction", b'{"model": "churn"}'),
        RefusedRecord(2, T0, "http", None, "labels", "no model", b"[bold]\x1b[2J" + b"x" * 70_000),
        RefusedRecord(3, T0, "file", "churn", "predictions", "no prediction", b""),
        RefusedRecord(4, T0 + timedelta(hours=1), "http", "churn", "predictions", "no prediction", GOOD, "csv"),
    ]
    database = open_database(load_settings())
    with database.session() as session:
        add_refusals(session, "collector", rows)
    database.close()
    return kedge


def test_reasons_are_listed_with_counts_the_most_frequent_first(refused: Kedge) -> None:
    rows = refused("quarantine", "list", "--json").json
    assert [(row["reason"], row["source"], row["records"]) for row in rows] == [
        ("no prediction", "http", 2), ("no model", "http", 1), ("no prediction", "file", 1)]  # fmt: skip
    assert "no model" not in refused("quarantine", "list", "--model", "churn").out
    table = refused("quarantine", "list", "--limit", 1)
    assert table.status == 0
    assert "no prediction" in table.out
    assert "no model" not in table.out


def test_all_records_are_listed_newest_first_and_can_be_narrowed(refused: Kedge) -> None:
    def ids(*options: str) -> list[int]:
        return [row["id"] for row in refused("quarantine", "list", "--all", "--json", *options).json]

    assert ids() == [4, 3, 2, 1]
    assert ids("--model", "churn") == [4, 3, 1]
    assert ids("--reason", "MODEL") == [2]
    assert ids("--source", "file") == [3]
    assert ids("--since", "2026-03-04T12:00:01Z") == [4]
    assert ids("--since", "2026-03-04T12:00:01") == [4]
    assert ids("--since", "1h") == []
    assert len(ids("--since", "10000d")) == 4
    assert "no prediction" in refused("quarantine", "list", "--all").out


def test_an_unusable_since_is_status_2(kedge: Kedge) -> None:
    outcome = kedge("quarantine", "list", "--since", "yesterday")
    assert (outcome.status, "--since 'yesterday' is not usable; accepted: a length" in outcome.error) == (2, True)


def test_paused_sources_are_told_above_the_list(kedge: Kedge) -> None:
    now = clock()
    with open_database(load_settings()).session() as session:
        replace_pauses(session, "c", [PausedSource("10.0.0.7 churn json", now, "no [id]", 512, 7)], now)
    said = kedge("quarantine", "list").err.splitlines()[0]
    assert said.startswith("paused since ")
    assert said.endswith(
        "10.0.0.7 churn json; 512 records in a row were refused, 7 requests turned away; the latest reason: no [id]"
    )


def test_what_is_good_now_is_taken_in_and_written(refused: Kedge) -> None:
    assert refused("quarantine", "replay", "--all", "--dry-run", "--json").json == {
        "selected": 4, "taken": 2, "records": 2, "again": 1, "not_whole": 1, "dry_run": True}  # fmt: skip
    outcome = refused("quarantine", "replay", "--source", "http", "--model", "churn")
    assert (outcome.status, outcome.out) == (0, "2 of 2 taken in (2 records), 0 refused again\n")
    assert [row["name"] for row in refused("model", "list", "--json").json] == ["churn"]
    last = refused("quarantine", "replay", "--all")
    assert (last.status, last.out) == (1, "0 of 2 taken in (0 records), 1 refused again\n")
    assert "1 can't be replayed: only the beginning of what was sent is kept, or nothing" in last.err


def test_records_are_dropped_when_that_is_confirmed(refused: Kedge) -> None:
    assert refused("quarantine", "drop", 1, 3, "--yes").out == "2 refused records dropped\n"
    declined = refused("quarantine", "drop", "--all", stdin=b"n\n")
    assert declined.status == 1
    assert refused("quarantine", "drop", "--all", stdin=b"y\n").out.strip() == "2 refused records dropped"
    assert refused("quarantine", "drop", "--all", "--json").json == {"dropped": 0}


@pytest.mark.parametrize("command", ["replay", "drop"])
def test_nothing_is_replayed_or_dropped_by_oversight(refused: Kedge, command: str) -> None:
    outcome = refused("quarantine", command)
    assert (outcome.status, outcome.error) == (
        2, f"say what to {command}: numbers of records, --model, --reason, --source, --since, or --all")  # fmt: skip
    both = refused("quarantine", command, "--all", "--model", "churn")
    assert (both.status, both.error) == (2, "--all means all of quarantine; leave it out, or the other choices")


def test_nothing_that_is_meant_is_no_finding(kedge: Kedge) -> None:
    outcome = kedge("quarantine", "replay", 7)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "nothing in quarantine is meant by this\n")


def test_a_record_is_shown_with_what_was_sent(refused: Kedge) -> None:
    outcome = refused("quarantine", "show", 1)
    assert outcome.out.splitlines() == [
        "refused: no prediction",
        "predictions from http, model churn, received 2026-03-04 12:00:00 UTC",
        "what was sent (18 bytes):",
        '{"model": "churn"}',
    ]
    assert refused("quarantine", "show", 1, "--json").json["payload"] == '{"model": "churn"}'


def test_a_record_says_in_which_format_it_came(refused: Kedge) -> None:
    assert refused("quarantine", "show", 4).out.splitlines()[1].endswith("13:00:00 UTC, format csv")


def test_a_record_does_nothing_to_the_terminal_and_is_cut(refused: Kedge) -> None:
    outcome = refused("quarantine", "show", 2)
    assert "(70,010 bytes, the beginning)" in outcome.out
    assert "[bold]\\x1b[2Jxxx" in outcome.out
    assert "\x1b" not in outcome.out
    assert len(outcome.out) < 66_000


def test_an_unknown_record_is_status_2(kedge: Kedge) -> None:
    outcome = kedge("quarantine", "show", 7)
    assert (outcome.status, outcome.error) == (2, "quarantined record 7 does not exist")


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_an_empty_quarantine_says_so(kedge: Kedge, options: list[str]) -> None:
    outcome = kedge("quarantine", "list", *options)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "nothing is in quarantine\n")
    assert kedge("quarantine", "list", *options, "--json").json == []
