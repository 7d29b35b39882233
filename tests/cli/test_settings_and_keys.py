"""`kedge config`, `kedge db` and `kedge key`."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.app.control import open_database
from monitor.config import load_settings
from monitor.db import keys

from .conftest import Kedge

SETTINGS = """
port = 9000
[collector]
flush_seconds = 0.5
[channels.oncall]
kind = "webhook"
url = "https://example.test/hooks/T0-SECRET"
secret = "whsec_SECRET"
[responses.retrain]
kind = "retrain"
url = "https://jo:SECRET@example.test/go"
secret = "env:HOOK_SECRET"
"""


def test_settings_are_shown_with_value_origin_and_meaning(kedge: Kedge) -> None:
    Path("kedge.toml").write_text(SETTINGS)
    rows = {row["setting"]: row for row in kedge("config", "show", "--json").json}
    assert rows["port"] == {
        "setting": "port", "value": "9000", "origin": "set", "meaning": "Port of the collector and its API."
    }  # fmt: skip
    assert (rows["host"]["value"], rows["host"]["origin"]) == ("127.0.0.1", "default")
    assert (rows["collector.flush_seconds"]["value"], rows["collector.flush_seconds"]["origin"]) == ("0.5", "set")
    assert rows["collector.max_records"]["origin"] == "default"
    assert all(row["meaning"] for row in rows.values())


def test_the_environment_wins_over_the_file(kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("kedge.toml").write_text(SETTINGS)
    monkeypatch.setenv("KEDGE_PORT", "9001")
    rows = {row["setting"]: row["value"] for row in kedge("config", "show", "--json").json}
    assert rows["port"] == "9001"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_secrets_are_masked_and_references_are_shown(
    kedge: Kedge, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    Path("kedge.toml").write_text(SETTINGS)
    monkeypatch.setenv("KEDGE_DATABASE_URL", "postgresql://jo:SECRET@db.example.test/kedge")
    outcome = kedge("config", "show", *options)
    assert outcome.status == 0
    assert "SECRET" not in outcome.out.replace("env:HOOK_SECRET", "")
    for shown in ("env:HOOK_SECRET", "https://example.test/****", "postgresql://****@db.example.test/kedge"):
        assert shown in outcome.out


def test_the_tables_are_made_and_their_revision_told(kedge: Kedge) -> None:
    before = kedge("db", "current", "--json")
    assert (before.status, before.json["current"]) == (1, None)
    assert kedge("db", "current").out.startswith("at nothing, the newest is ")
    newest = before.json["newest"]
    assert kedge("db", "upgrade").out == f"upgraded from nothing to {newest}\n"
    assert kedge("db", "upgrade").out == f"at {newest} already\n"
    after = kedge("db", "current", "--json")
    assert (after.status, after.json) == (0, {"current": newest, "newest": newest})


@pytest.mark.parametrize("role", list(keys.Role))
def test_a_key_is_shown_once_and_works(kedge: Kedge, role: keys.Role) -> None:
    key = kedge("key", "create", "--role", role, "--name", "for a test").out.strip()
    with open_database(load_settings()).reading() as session:
        assert keys.valid_keys(session) == {keys.digest(key): role}
    (row,) = kedge("key", "list", "--json").json
    assert (row["name"], row["role"], row["revoked"]) == ("for a test", role, None)
    assert key.startswith(row["begins_with"])
    assert key not in kedge("key", "list").out


def test_a_key_as_json_is_one_line(kedge: Kedge) -> None:
    made = kedge("key", "create", "--role", "read", "--json").json
    assert made["role"] == "read"
    assert made["key"].startswith("kedge_read_")


def test_a_revoked_key_ends_and_stays_listed(kedge: Kedge) -> None:
    kedge("key", "create", "--role", "admin")
    assert kedge("key", "revoke", 1).out == "key 1 is revoked\n"
    assert kedge("key", "revoke", 1).status == 0
    assert kedge("key", "list", "--json").json[0]["revoked"] is not None
    with open_database(load_settings()).reading() as session:
        assert keys.valid_keys(session) == {}


def test_an_unknown_key_can_not_be_revoked(kedge: Kedge) -> None:
    outcome = kedge("key", "revoke", 7)
    assert (outcome.status, outcome.error) == (2, "API key 7 does not exist")


def test_without_keys_the_list_says_how_to_get_some(kedge: Kedge) -> None:
    outcome = kedge("key", "list")
    assert (outcome.status, outcome.out) == (0, "")
    assert "no key yet; `kedge up` makes the first two" in outcome.err
    assert kedge("key", "list", "--json").json == []
