"""`kedge quarantine`: reading what was refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.app.stores import open_database
from monitor.config import load_settings
from monitor.db.quarantine import RefusedRecord, add_refusals

from .conftest import Kedge

T0 = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def refused(kedge: Kedge) -> Kedge:
    rows = [
        RefusedRecord(1, T0, "http", "churn", "predictions", "no prediction", b'{"model": "churn"}'),
        RefusedRecord(2, T0, "http", None, "labels", "no model", b"[bold]\x1b[2J" + b"x" * 70_000),
        RefusedRecord(3, T0, "file", "churn", "predictions", "no prediction", b""),
    ]
    database = open_database(load_settings())
    with database.session() as session:
        add_refusals(session, "collector", rows)
    database.close()
    return kedge


def test_records_are_listed_newest_first(refused: Kedge) -> None:
    rows = refused("quarantine", "list", "--json").json
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert [row["id"] for row in refused("quarantine", "list", "--model", "churn", "--json").json] == [3, 1]
    table = refused("quarantine", "list", "--limit", 1)
    assert table.status == 0
    assert "no prediction" in table.out
    assert "no model" not in table.out


def test_reasons_are_counted(refused: Kedge) -> None:
    rows = refused("quarantine", "list", "--reasons", "--json").json
    assert [(row["reason"], row["records"]) for row in rows] == [("no prediction", 2), ("no model", 1)]
    assert "no model" not in refused("quarantine", "list", "--reasons", "--model", "churn").out


def test_a_record_is_shown_with_what_was_sent(refused: Kedge) -> None:
    outcome = refused("quarantine", "show", 1)
    assert outcome.out.splitlines() == [
        "refused: no prediction",
        "predictions from http, model churn, received 2026-03-04 12:00:00 UTC",
        "what was sent (18 bytes):",
        '{"model": "churn"}',
    ]
    assert refused("quarantine", "show", 1, "--json").json["payload"] == '{"model": "churn"}'


def test_a_record_does_nothing_to_the_terminal_and_is_cut(refused: Kedge) -> None:
    outcome = refused("quarantine", "show", 2)
    assert "(70,010 bytes, the beginning)" in outcome.out
    assert "[bold]\\x1b[2Jxxx" in outcome.out
    assert "\x1b" not in outcome.out
    assert len(outcome.out) < 66_000


def test_an_unknown_record_is_status_2(kedge: Kedge) -> None:
    outcome = kedge("quarantine", "show", 7)
    assert (outcome.status, outcome.error) == (2, "quarantined record 7 does not exist")


@pytest.mark.parametrize("options", [[], ["--reasons"]])
def test_an_empty_quarantine_says_so(kedge: Kedge, options: list[str]) -> None:
    outcome = kedge("quarantine", "list", *options)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "nothing is in quarantine\n")
    assert kedge("quarantine", "list", *options, "--json").json == []
