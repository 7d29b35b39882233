"""Messages: what they say, what they keep to themselves, and how each channel lays them out (golden files).

`KEDGE_UPDATE_GOLDEN=1 pytest tests/alerts/test_messages.py` writes the golden files anew; read the difference.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.channels.slack import escape, slack_body
from alerts.channels.webhook import webhook_body
from alerts.evidence import shareable
from alerts.links import incident_link, model_link
from alerts.messages import Message, build_message, likely_cause, top_columns
from monitor.db.models import Incident, IncidentEvent, Model, ModelVersion, Monitor, ResponseRun
from monitor.db.notifications import Subject

GOLDEN = Path(__file__).parents[1] / "golden" / "alerts"
SINCE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
EVIDENCE: dict[str, Any] = {
    "summary": "AUC 0.51, expected at least 0.66",
    "value": 0.51,
    "low": 0.66,
    "high": None,
    "n": 4812,
    "unit": "",
    "baseline": "held-out weeks",
    "window": {"start": "2026-03-03T11:00:00+00:00", "seconds": 86400},
    "windows_in_breach": 2,
    "columns": [
        {"name": "plan", "value": 0.24, "limit": 0.2, "p_value": 1e-4, "why": "new category 'secret-plan' at 12 %"},
        {"name": "temp", "value": 0.41, "limit": 0.2, "p_value": 1e-9, "why": "moved up: median 36 → 71"},
        *({"name": f"x{i}", "value": 0.21, "limit": 0.2} for i in range(10)),
    ],
    "versions": [
        {"name": "1", "share": 0.03},
        {"name": "2", "share": 0.97},
    ],
    "examples": [{"temp": 71.3, "name": "Jane Doe"}],
    "explanation": {
        "sentence": "AUC went from 0.72 to 0.51. `plan` since 2026-03-02 11:00: secret-plan: 0.0% → 12.0%.",
        "message": "AUC went from 0.72 to 0.51. `plan` since 2026-03-02 11:00: one category: 0.0% → 12.0%.",
        "columns": [{"name": "plan", "drift": 0.24, "why": "secret-plan: 0.0% → 12.0%"}],
    },
}


def version(name: str, first: datetime) -> ModelVersion:
    return ModelVersion(name=name, first_event_time=first, last_event_time=NOW)


VERSIONS = [version("1", SINCE - timedelta(days=60)), version("2", SINCE - timedelta(days=1, hours=1))]


def message(kind: str = "opened", public_url: str = "https://mon.example/", **changes: Any) -> Message:
    resolved = kind == "resolved"
    facts: dict[str, Any] = {
        "id": 42,
        "model_id": 1,
        "monitor_id": 1,
        "metric": "auc",
        "segment": "all",
        "state": "resolved" if resolved else "open",
        "severity": "critical" if kind == "escalated" else "warning",
        "title": "churn: AUC out of bounds",
        "since": SINCE,
        "until": SINCE + timedelta(days=2) if resolved else None,
        "opened_at": NOW - timedelta(hours=1),
        "resolved_at": NOW if resolved else None,
        "evidence": EVIDENCE,
    }
    model, size = changes.pop("model", "churn"), changes.pop("window_seconds", 86400)
    runs = changes.pop("runs", None)
    text = "AUC 0.70 again, back within its bounds" if resolved else "AUC 0.51, expected at least 0.66"
    run = ResponseRun(response="rollback", kind="rollback", state="done" if resolved else "pending", reason="")
    run.verified_at = NOW if resolved else None
    subject = Subject(
        event=IncidentEvent(id=7, incident_id=42, at=NOW, kind=kind, author="kedge", text=text),
        incident=Incident(**(facts | changes)),
        model=Model(id=1, name=model),
        monitor=Monitor(id=1, name="churn-auc", window_seconds=size),
        runs=[run] if runs is None else runs,
        versions=VERSIONS,
    )
    reasons = {"opened": "first notification", "escalated": "severity escalated", "resolved": "resolved"}
    return build_message(subject, "msg_7", reasons[kind], NOW, public_url)


@pytest.mark.parametrize("kind", ["opened", "escalated", "resolved"])
@pytest.mark.parametrize(("channel", "body"), [("slack", slack_body), ("webhook", webhook_body)])
def test_the_payload_is_the_golden_one(channel: str, body: Any, kind: str) -> None:
    payload = json.loads(msgspec.json.encode(body(message(kind))))
    path = GOLDEN / f"{channel}_{kind}.json"
    if os.environ.get("KEDGE_UPDATE_GOLDEN"):
        path.write_text(json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    assert payload == json.loads(path.read_text())


@pytest.mark.parametrize("body", [slack_body, webhook_body])
def test_no_feature_value_leaves_the_house(body: Any) -> None:
    text = msgspec.json.encode(body(message())).decode()
    assert "temp" in text
    for value in ("secret-plan", "36", "Jane Doe", "71.3"):
        assert value not in text


@pytest.mark.parametrize("body", [slack_body, webhook_body])
@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"summary": None, "columns": None, "versions": "2", "window": 5, "n": "many", "value": float("nan")},
        {"columns": [1, {}, {"name": 5}, {"name": "x", "value": "high"}], "versions": [{"name": "2"}]},
        {"versions": [{"name": "2", "share": "all", "first_event_time": "2026-03-01"}], "window": {"start": "soon"}},
        {"explanation": "so it is"},
        {"explanation": {"message": 5}},
    ],
)
def test_evidence_of_any_shape_makes_a_message(body: Any, evidence: dict[str, Any]) -> None:
    for kind in ("opened", "resolved"):
        assert b"AUC out of bounds" in msgspec.json.encode(body(message(kind, evidence=evidence)))


def test_without_a_public_url_there_are_no_links() -> None:
    assert incident_link("", 1) is None
    assert model_link("", "churn", SINCE, NOW) is None
    bare = message(public_url="")
    assert (bare.incident_url, bare.model_url) == (None, None)
    assert "http" not in msgspec.json.encode(slack_body(bare)).decode()


def test_links_are_absolute_and_quote_names() -> None:
    assert incident_link("https://mon.example/", 42) == "https://mon.example/incident?incident=42"
    link = model_link("https://mon.example", "a b/c&d|e>", SINCE, NOW)
    assert link == (
        "https://mon.example/model?model=a+b%2Fc%26d%7Ce%3E&from=2026-03-02T11%3A00%3A00Z&to=2026-03-04T12%3A00%3A00Z"
    )


def test_the_worst_columns_come_first_and_the_rest_is_counted() -> None:
    assert message().columns == "temp 0.41 (limit 0.20), plan 0.24 (limit 0.20), x0 0.21 (limit 0.20), +9 more"
    assert top_columns([], "drift") == ""


def test_an_old_version_is_not_called_the_cause() -> None:
    def cause(before: timedelta) -> str:
        versions = [version("1", SINCE - timedelta(days=60)), version("2", SINCE - before)]
        return likely_cause(shareable({"versions": [{"name": "2"}]}), SINCE, versions)

    assert cause(timedelta(hours=25)).startswith("Version 2 began to serve on 1 Mar 2026 10:00 UTC, 1 d 1 h")
    assert "as the breach went on" in cause(-timedelta(hours=1))
    assert cause(timedelta(days=29)) == ""


def test_the_first_version_there_is_was_no_deployment() -> None:
    evidence = shareable({"versions": [{"name": "1"}]})
    assert likely_cause(evidence, SINCE, [version("1", SINCE - timedelta(hours=1))]) == ""


def test_a_version_that_did_not_serve_in_the_breach_is_not_to_blame() -> None:
    assert likely_cause(shareable({"versions": [{"name": "1"}]}), SINCE, VERSIONS) == ""


def test_broken_data_is_told_with_what_is_wrong_and_in_its_unit() -> None:
    columns = [
        {"name": "age", "kind": "missing", "value": 0.34, "limit": 0.03, "why": "missing: 1.0% → 34.0%"},
        {"name": "freshness", "kind": "freshness", "value": 7200.0, "limit": 900.0},
        {"name": "plan", "kind": "schema", "value": 1.0, "limit": 0.0},
    ]
    found = message(metric="data_quality", evidence={"columns": columns}).columns
    assert found == "freshness 2 h (limit 15 min), plan schema, age missing 34.0 % (limit 3.0 %)"


def test_windows_of_a_count_of_rows_are_shown_by_the_time_they_took() -> None:
    hour = {"start": SINCE.isoformat(), "seconds": 3600}
    counted = message(window_seconds=-5000, evidence={**EVIDENCE, "window": hour})
    assert counted.model_url == model_link(
        "https://mon.example/", "churn", SINCE - timedelta(hours=24), SINCE + timedelta(hours=1)
    )
    assert "5000 rows / held-out weeks" in json.dumps(slack_body(counted))


def test_where_nothing_acts_the_message_says_how_to_take_the_incident_on() -> None:
    assert "`kedge incident ack 42`" in message(runs=[]).next_step


def test_only_a_resolved_message_has_an_end() -> None:
    assert message("resolved").duration == timedelta(days=2)
    assert "2 d" in json.dumps(slack_body(message("resolved")))
    # Sent late, after the incident was over, `opened` still tells what was opened.
    late = message("opened", until=SINCE + timedelta(days=2), resolved_at=NOW)
    assert (late.duration, late.resolved_at) == (None, None)


def texts(payload: Any) -> list[str]:
    """Every text of a Slack payload."""
    if isinstance(payload, dict):
        own = [payload["text"]] if isinstance(payload.get("text"), str) else []
        return own + [text for value in payload.values() for text in texts(value)]
    return [text for item in payload for text in texts(item)] if isinstance(payload, list) else []


@pytest.mark.parametrize("filler", ["x", "&", "<", "∗", "\n", "`*_~", "é"])
def test_slack_limits_hold_for_any_text(filler: str) -> None:
    long = filler * 5000
    evidence = {**EVIDENCE, "summary": long, "baseline": long, "columns": [{"name": long, "value": 1.0}] * 30}
    body = slack_body(message(title=long, segment=long, evidence=evidence, model=long))
    (attachment,) = body["attachments"]
    assert len(attachment["blocks"]) <= 50
    assert len(attachment["fallback"]) <= 300
    for block in attachment["blocks"]:
        assert len(block.get("fields", [])) <= 10
        assert all(1 <= len(field["text"]) <= 2000 for field in block.get("fields", []))
        assert all(len(text) <= 3000 for text in texts(block))
        assert all(len(element.get("url", "")) <= 3000 for element in block.get("elements", []))
    assert sum(len(text) for text in texts(body)) < 13_200


def test_slack_text_cannot_ring_everybody_or_forge_links() -> None:
    evil = "<!channel> <https://evil.example|click> & more"
    body = json.dumps(slack_body(message(title=evil, segment=evil, evidence={"summary": evil, "baseline": evil})))
    assert "<!" not in body
    assert "<https://evil" not in body
    assert "&lt;!channel&gt;" in body
    assert "&amp; more" in body
    assert all(block["text"]["verbatim"] for block in slack_body(message())["attachments"][0]["blocks"][:2])


def test_escaping_never_cuts_an_escape_in_two() -> None:
    for limit in range(1, 40):
        cut = escape("a<b>&c" * 5, limit)
        assert len(cut) <= limit
        assert cut.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").count("&") == 0


def test_a_webhook_stays_small_however_many_columns_drifted() -> None:
    columns = [{"name": f"feature_{i}", "value": 0.3, "limit": 0.2, "p_value": 1e-9} for i in range(2000)]
    body = webhook_body(message(evidence={**EVIDENCE, "columns": columns}))
    assert len(msgspec.json.encode(body)) < 20_000
    assert body["data"]["evidence"]["columns_in_all"] == 2000
