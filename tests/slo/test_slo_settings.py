"""The settings of an objective: what is accepted, and what is said about the rest."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config import load_settings
from monitor.errors import ConfigError
from monitor.slo import Burn, BurnRule, Events
from monitor.slo.words import in_words
from monitor.slo_settings import SloSettings


@pytest.fixture(autouse=True)
def _settings_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_objectives_are_tables_of_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "kedge.toml").write_text(
        '[slos.available]\nmodels = ["churn", "risk-*"]\n'
        '[slos.fast]\nobjective = "latency"\nlatency_ms = 200\nperiod = "28d"\n'
    )
    slos = load_settings().slos
    assert slos["available"] == SloSettings(models=("churn", "risk-*"))
    assert [slos["available"].is_for(name) for name in ("churn", "risk-eu", "other")] == [True, True, False]
    assert (slos["fast"].latency_ms, slos["fast"].budget_period) == (200, timedelta(days=28))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"target": 1.0}, "slos.a.target"),
        ({"target": 0}, "slos.a.target"),
        ({"period": "6h"}, "accepted: 1d or longer"),
        ({"period": "a month"}, "accepted: a whole number and s, m, h, d or w"),
        ({"objective": "latency"}, "accepted: latency with latency_ms"),
        ({"latency_ms": 5}, "accepted: latency with latency_ms, availability without"),
        ({"objective": "speed"}, "slos.a.objective"),
        ({"least_failures": 0}, "slos.a.least_failures"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        load_settings(slos={"a": fields})


def test_an_alarm_is_a_sentence() -> None:
    rule = BurnRule(timedelta(hours=1), timedelta(minutes=5), 14.4, True)
    burn = Burn(rule, 12.0, 20.0, Events(5166, 5166.0, 62, 62.0), True)
    assert in_words("checkout", SloSettings(), burn, 0.83) == (
        "1.2 % of the calls failed in the last 1 h (62 of 5,166): the error budget of checkout (99.9 % over 30d) is "
        "spent 12 times as fast as it may be; 83 % of it is left"
    )
    fast = SloSettings(objective="latency", latency_ms=200, target=0.95)
    assert "took longer than 200 ms" in in_words("fast", fast, burn, -0.2)
    assert in_words("fast", fast, burn, -0.2).endswith("; nothing of it is left")
