"""`kedge model` and `kedge incident` on sixty days of history."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta

import pytest

from monitor.app.control import open_database
from monitor.config import load_settings
from monitor.db.models import Model

from .conftest import Kedge


def test_models_are_listed_worst_first(seeded: Kedge) -> None:
    rows = seeded("model", "list", "--json").json
    assert [(row["name"], row["state"]) for row in rows[:2]] == [("churn", "critical"), ("flight-delay", "warning")]
    assert rows[0]["window"] == "PT3600S"
    table = seeded("model", "list")
    assert table.status == 0
    assert table.out.index("churn") < table.out.index("flight-delay") < table.out.index("fraud-score")


def test_a_model_is_shown_and_its_open_incident_is_the_status(seeded: Kedge) -> None:
    outcome = seeded("model", "show", "flight-delay")
    assert outcome.status == 1
    assert "baseline first two weeks" in outcome.out
    assert "temp" in outcome.out
    assert seeded("model", "show", "flight-delay", "--json").json["task"] == "binary"
    assert seeded("model", "show", "fraud-score").status == 0


def test_a_model_without_anything_is_shown_all_the_same(seeded: Kedge) -> None:
    outcome = seeded("model", "show", "recommender")
    assert outcome.status == 0
    assert "no baseline yet: 0 of 5,000 predictions for its baseline" in outcome.out
    assert "no version has served yet" in outcome.err


def test_a_new_model_says_how_far_its_baseline_is_and_when_its_first_window_closes(
    kedge: Kedge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEDGE_MONITORING__BASELINE_ROWS", "300")
    monkeypatch.setenv("KEDGE_JOBS__SETTLE_SECONDS", "60")
    now = datetime.now(UTC)
    first = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)  # a clock that is ahead
    database = open_database(load_settings())
    with database.session() as session:
        row = Model(name="young", created_at=now, first_event_time=first, watermark=first, last_received_at=now)
        row.predictions = 150
        session.add(row)
    database.close()
    outcome = kedge("model", "show", "young")
    assert outcome.status == 0
    assert "Learning: 150 of 300 predictions for its baseline" in outcome.out
    assert "no baseline yet: 150 of 300 predictions for its baseline" in outcome.out
    assert f"the first window closes {first.day} {first:%b}" in outcome.out
    assert f"{first + timedelta(minutes=61):%H:%M} UTC" in outcome.out
    assert kedge("model", "list", "--json").json[0]["state"] == "learning"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_unknown_model_is_status_2_and_names_the_known_ones(seeded: Kedge, options: list[str]) -> None:
    outcome = seeded("model", "show", "nope", *options)
    assert outcome.status == 2
    assert outcome.error.startswith("model 'nope' does not exist; known: churn, flight-delay")


def test_open_incidents_are_listed_and_are_the_status(seeded: Kedge) -> None:
    outcome = seeded("incident", "list", "--json")
    assert outcome.status == 1
    assert [(row["id"], row["state"]) for row in outcome.json] == [(3, "open"), (2, "acknowledged")]
    assert [row["id"] for row in seeded("incident", "list", "--all", "--json").json] == [3, 2, 1]
    assert "AUC below baseline" in seeded("incident", "list").out


def test_where_nothing_is_wrong_the_status_is_0(seeded: Kedge) -> None:
    outcome = seeded("incident", "list", "--model", "fraud-score")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "nothing is wrong\n")
    assert seeded("incident", "list", "--model", "fraud-score", "--json").json == []


def test_an_incident_is_shown_with_its_timeline_messages_and_responses(seeded: Kedge) -> None:
    outcome = seeded("incident", "show", 1)
    assert outcome.status == 0
    for said in (
        "AUC 0.51, expected at least 0.66",
        "`temp` looks multiplied by 1.8",
        " 00:00 UTC, lasted 4 d",
        "Looking into version 2",
        "pager",
        "cooldown",
        "rollback",
    ):
        assert said in outcome.out
    assert seeded("incident", "show", 1, "--json").json["evidence"]["value"] == 0.51


def test_an_incident_shows_how_each_message_fared_and_when_it_is_tried_again(seeded: Kedge) -> None:
    outcome = seeded("incident", "show", 2)
    assert outcome.status == 0
    lines = {line.split()[1]: line for line in outcome.out.splitlines() if line.startswith("opened ")}
    assert "failed" in lines["team-webhook"]
    assert lines["team-webhook"].split()[-5:] == ["5", "503", "Service", "Unavailable", "–"]
    assert "timed out after 20 s" in lines["pager"]
    messages = {row["channel"]: row for row in seeded("incident", "show", 2, "--json").json["notifications"]}
    assert (messages["team-webhook"]["attempts"], messages["team-webhook"]["next_attempt_at"]) == (5, None)
    assert messages["pager"]["next_attempt_at"] is not None


def test_an_incident_is_acknowledged_under_a_name(seeded: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seeded("incident", "ack", 3, "--by", "mira").out == "incident 3 is acknowledged by mira\n"
    assert seeded("incident", "show", 3, "--json").json["row"]["acknowledged_by"] == "mira"
    again = seeded("incident", "ack", 3, "--by", "jo")
    assert (again.status, again.out) == (0, "incident 3 is acknowledged by mira\n")  # who was first


def test_without_a_name_it_is_the_login_name(seeded: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "sam")
    assert seeded("incident", "ack", 3).out == "incident 3 is acknowledged by sam\n"


def test_a_resolved_or_unknown_incident_can_not_be_acknowledged(seeded: Kedge) -> None:
    resolved, unknown = seeded("incident", "ack", 1), seeded("incident", "ack", 999)
    assert (resolved.status, unknown.status) == (2, 2)
    assert resolved.error == "incident 1 is resolved; only open incidents can be acknowledged"
    assert unknown.error == seeded("incident", "show", 999).error == "incident 999 does not exist"


def test_an_empty_kedge_says_how_to_begin(kedge: Kedge) -> None:
    outcome = kedge("model", "list")
    assert outcome.status == 0
    assert "no model yet: send predictions to the collector, or run `kedge ingest FILE --model NAME`" in outcome.err
    assert kedge("incident", "list").status == 0
