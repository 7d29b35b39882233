"""`kedge monitor` on sixty days of history, and `kedge baseline pin`."""

from __future__ import annotations

import pytest

from .conftest import Kedge


def test_a_monitor_is_added_shown_changed_disabled_and_removed(seeded: Kedge) -> None:
    added = seeded(
        "monitor", "add", "churn", "--metric", "latency_p95", "--name", "slow", "--window", "5m",
        "--threshold", '{"kind": "constant", "high": 250}', "--breaches", 2, "--looks", 3, "--json",
    )  # fmt: skip
    assert (added.status, added.json["window"], added.json["threshold"]["high"]) == (0, "5m", 250)
    names = [row["name"] for row in seeded("monitor", "list", "churn", "--json").json]
    assert "slow" in names
    edited = seeded("monitor", "edit", "churn", "slow", "--looks", 5, "--json")
    assert (edited.json["looks"], edited.json["breaches"]) == (5, 2)
    shown = seeded("monitor", "show", "churn", "slow")
    assert "opens at 2 breaches in 5 windows" in shown.out
    assert seeded("monitor", "disable", "churn", "slow").status == 0
    assert [r["enabled"] for r in seeded("monitor", "list", "churn", "--json").json if r["name"] == "slow"] == [False]
    assert seeded("monitor", "enable", "churn", "slow").status == 0
    assert seeded("monitor", "remove", "churn", "slow").status == 0
    assert "slow" not in seeded("monitor", "list", "churn").out


@pytest.mark.parametrize(
    ("metric", "told", "kept"),
    [
        ("multivariate_drift", "", {"kind": "many_columns"}),
        ("embedding_drift", "", {"kind": "embedding"}),
        ("text_length", "", {"kind": "text"}),
        ("target_drift", "", {"kind": "calibrated"}),
        ("drift", '{"kind": "sequence"}', {"kind": "sequence"}),
    ],
)
def test_rows_labels_and_sequences_can_be_watched(seeded: Kedge, metric: str, told: str, kept: dict[str, str]) -> None:
    threshold = ["--threshold", told] if told else []
    added = seeded("monitor", "add", "churn", "--metric", metric, "--name", "new", *threshold, "--json")
    assert (added.status, added.json["threshold"]) == (0, kept)
    assert seeded("monitor", "backtest", "churn", "--monitor", "new", "--json").status in (0, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "churn", "--metric", "acu"], "metric 'acu' is not known; did you mean 'auc'?"),
        (["add", "churn", "--metric", "auc", "--threshold", "{"], "--threshold '{' is not JSON"),
        (["add", "churn", "--metric", "auc", "--threshold", "[]"], "--threshold '[]' is not an object"),
        (["add", "churn", "--metric", "auc", "--window", "soon"], "or a count such as 5000 rows"),
        (["add", "churn", "--metric", "drift", "--preset", "calibrated", "--threshold", "{}"], "name one of them"),
        (
            ["add", "churn", "--metric", "multivariate_drift", "--segment", "plan=pro"],
            "a many_columns threshold is about",
        ),
        (
            ["add", "churn", "--metric", "auc", "--threshold", '{"kind": "sequence", "method": "psi"}'],
            "accepted: adwin",
        ),
        (["edit", "churn", "nope", "--looks", "3"], "monitor 'nope' does not exist; known:"),
        (["edit", "churn", "drift"], ""),
        (["show", "nope", "x"], "model 'nope' does not exist"),
        (["backtest", "churn"], "nothing to replay"),
    ],
)
def test_what_is_wrong_is_one_line(seeded: Kedge, arguments: list[str], said: str) -> None:
    outcome = seeded("monitor", *arguments)
    assert outcome.status == 2
    assert said in outcome.error


def test_a_backtest_of_a_model_without_rows_looks_at_no_window(seeded: Kedge) -> None:
    outcome = seeded("monitor", "backtest", "churn", "--metric", "auc", "--json")
    assert (outcome.status, outcome.json["windows"], outcome.json["alarms"]) == (0, 0, [])
    assert "it would have raised no alarm" in seeded("monitor", "backtest", "churn", "--metric", "auc").err


def test_an_empty_period_is_no_baseline(seeded: Kedge) -> None:
    outcome = seeded("baseline", "pin", "--model", "churn", "--from", "2026-03-02", "--to", "2026-03-01")
    assert outcome.status == 2
    assert "is empty; end it later" in outcome.error
