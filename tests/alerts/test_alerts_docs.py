"""docs/alerts.md: its settings load and build, its code runs, and it names every plug-in, state and default."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from alerts import build_channels, build_responses
from alerts.backoff import MESSAGES, RESPONSES
from alerts.channels.registry import build_channel
from alerts.outgoing import Outgoing
from alerts.responses.selection import DEFAULT_METRICS
from alerts.signing import Signer
from monitor.config import ChannelSettings, Settings
from monitor.estimation import ESTIMATED_METRICS
from monitor.metrics import KNOWN
from monitor.performance import PERFORMANCE_METRICS
from monitor.plugins import CHANNELS, RESPONSE_TARGETS

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_of_the_page_load_and_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDGE_SLACK_URL", "https://hooks.slack.example/services/T0KEN")
    monkeypatch.setenv("KEDGE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("MLFLOW_TOKEN", "T0KEN")
    tables: dict[str, Any] = tomllib.loads("\n".join(blocks("toml")))
    settings = Settings(**tables)
    assert set(build_channels(settings.channels, settings.outgoing)) == {"oncall", "pipeline"}
    responses = build_responses(settings.responses, settings.outgoing)
    assert {name: response.settings.kind for name, response in responses.items()} == {
        "rollback": "rollback",
        "retrain": "retrain",
        "alias": "rollback",
    }
    assert {metric for response in responses.values() for metric in response.settings.metrics} <= KNOWN.keys()


def test_the_receiver_of_the_page_verifies_and_drops_repeats() -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    body, seen = b'{"type": "incident.opened", "data": {}}', set[str]()
    headers = Signer(SECRET, "here").headers("msg_1", datetime.now(UTC), body)
    assert names["handle"](body, headers, SECRET, seen)
    assert not names["handle"](body, headers, SECRET, seen)
    with pytest.raises(WebhookVerificationError):
        names["handle"](b"{}", headers, SECRET, seen)


@pytest.mark.usefixtures("fresh_plugins")
def test_the_channel_of_the_page_works(monkeypatch: pytest.MonkeyPatch, outgoing: Outgoing, receiver: Any) -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[1], names)
    pager_point = EntryPoint("pager", "their.package:Pager", "kedge.channels")
    monkeypatch.setattr("monitor.plugins.entry_points", lambda group: [pager_point])
    monkeypatch.setattr(EntryPoint, "load", lambda self: names["Pager"])
    pager = build_channel("pager", ChannelSettings(kind="pager", url=receiver.url), outgoing)
    assert pager.send(type("Message", (), {"title": "AUC below baseline"})()).text == "HTTP 200"
    assert receiver.requests[0].body == b"AUC below baseline"


def test_every_plug_in_and_default_is_on_the_page() -> None:
    assert all(f"**{name}**" in PAGE for name in (*CHANNELS.names(), *RESPONSE_TARGETS.names()))
    words = " ".join(PAGE.split())
    assert f"after {MESSAGES.attempts} attempts" in words
    assert f"{RESPONSES.attempts} attempts" in words


def test_the_table_of_default_metrics_is_right() -> None:
    table = PAGE.split("| | rollback | retraining |")[1].split("\n\n")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    named = {"rollback": set[str](), "retrain": set[str]()}
    for what, *answers in cells:
        metrics = set(re.findall(r"`(\w+)`", what)) - {"cost"}
        metrics |= {"latency_p90", "latency_p95"} if "`latency_p50` … `latency_p99`" in what else set()
        metrics |= PERFORMANCE_METRICS - {"cost"} if what.startswith("performance") else set()
        metrics |= ESTIMATED_METRICS if what.startswith("estimated performance") else set()
        for kind, answer in zip(named, answers, strict=True):
            named[kind] |= metrics if answer == "yes" else set()
    assert named == DEFAULT_METRICS
    assert set().union(*DEFAULT_METRICS.values()) <= KNOWN.keys()
