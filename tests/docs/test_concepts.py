"""The figures that docs/concepts.md and the how-to pages quote are those of the code, and their receivers work."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from scipy import stats

from alerts.signing import Signer
from monitor.baselines import MOST_BINS, MOST_CATEGORIES, TAIL_QUANTILES
from monitor.drift import DriftRule, get_method
from monitor.drift.dispersion import LEAST_BLOCKS
from monitor.drift.judge import SMALLEST
from monitor.evaluation import default_rules
from monitor.evaluation.point_verdict import COVERAGE_SHARE
from monitor.evaluation.thresholds import LEAST_NORMAL
from monitor.jobs.baseline_job import LEAST_ROWS
from monitor.jobs.baseline_reading import PARTS
from monitor.jobs.baseline_refresh import ENOUGH_LABELS
from monitor.jobs.silence_job import LEAST_WINDOWS
from monitor.performance.probability import ranking_points
from monitor.profiles.labelled import SCORE_BINS_PER_UNIT
from monitor.profiles.service import RELATIVE_ERROR
from monitor.schemas import Task
from monitor.windows import parse_size
from tests.docs.pages import blocks, pages

CONCEPTS = " ".join(pages()["docs/concepts.md"].split())
NAMED = {6: "six"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    "sentence",
    [
        f"up to {MOST_BINS} quantiles for numbers, with {NAMED[2 * len(TAIL_QUANTILES)]} more in the tails, "
        f"up to {MOST_CATEGORIES} categories",
        f"less than {COVERAGE_SHARE:.0%} of the usual coverage".replace("%", " %"),
        f"until {ENOUGH_LABELS:.0%} of it have labels".replace("%", " %"),
        f"false discovery rate is at most {DriftRule().rate:.2%}".replace("%", " %"),
        f"`monitoring.smallest_drift`, {SMALLEST} by default",
        f"a grid** of 1/{SCORE_BINS_PER_UNIT} of the score, and latencies to {RELATIVE_ERROR:.0%}".replace("%", " %"),
        {8: "It takes eight windows with rows"}[LEAST_WINDOWS],
        {3: "This needs three blocks or more"}[LEAST_BLOCKS],
        {5: "else in earlier windows, five at least"}[LEAST_NORMAL],
        {10: "ten equal parts of its time"}[PARTS],
    ],
)
def test_the_figure_is_the_codes(sentence: str) -> None:
    assert sentence in CONCEPTS


def test_the_default_monitors_are_those_of_the_page() -> None:
    section = CONCEPTS.partition("## The default monitors")[2].partition("## Limits")[0]
    rules = {rule.name: rule for rule in default_rules(Task.BINARY, True, True, parse_size("1h"), 50, 0.1)}
    for name in rules.keys() - {"auc"}:
        assert f"**{name}**" in section
    drift = rules["feature_drift"]
    assert f"in {drift.breaches} of {drift.looks} windows; over after {drift.recoveries} that are fine" in section
    assert rules["silence"].threshold["factor"] == 2
    assert rules["error_rate"].threshold["without_baseline"] == 0.05
    assert "without a baseline, above 5 %" in section


def test_the_guide_to_distances_is_right() -> None:
    assert "its mean moves by 0.14 standard deviations, and the distance is about 0.05; by 0.3, about 0.1" in CONCEPTS
    inner = stats.norm.ppf(np.arange(1, MOST_BINS) / MOST_BINS)
    for shift, distance in ((0.14, 0.05), (0.3, 0.1)):
        shares = np.diff(np.concatenate([[0], stats.norm.cdf(inner - shift), [1]]))
        assert get_method("jensenshannon")(np.ones(MOST_BINS), shares) == pytest.approx(distance, abs=0.01)


def test_the_least_rows_of_a_baseline_are_told() -> None:
    assert f"At least {LEAST_ROWS} rows." in pages()["docs/how-to/batch-files.md"]
    assert ranking_points.__doc__
    assert f"1/{SCORE_BINS_PER_UNIT}" in ranking_points.__doc__


def python_of(page: str) -> dict[str, Any]:
    """The names that the first Python block of a page makes."""
    names: dict[str, Any] = {}
    first = next(block for block in blocks("python") if block.page == page)
    exec(compile(first.text, page, "exec"), names)
    return names


def test_the_webhook_receiver_takes_what_is_signed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEDGE_WEBHOOK_SECRET", SECRET)
    application = python_of("docs/how-to/webhooks.md")["app"]
    body = b'{"type": "incident.opened", "data": {"title": "AUC below baseline"}}'
    signed = Signer(SECRET, "here").headers("msg_1", datetime.now(UTC), body)

    async def post(headers: dict[str, str]) -> int:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
            return (await client.post("/kedge", content=body, headers=headers)).status_code

    forged = {**signed, "webhook-signature": "v1,AAAA"}
    assert [asyncio.run(post(headers)) for headers in (signed, signed, forged)] == [200, 200, 401]
    assert capsys.readouterr().out == "incident.opened AUC below baseline\n"


def test_the_receivers_of_responses_do_what_the_plan_says() -> None:
    plan = {"id": "run_1", "model": "churn", "target_version": "7", "reason": "drift", "columns": ["age"]}
    deployed: list[tuple[str, str]] = []
    roll_back = python_of("docs/how-to/rollback.md")["roll_back"]
    roll_back({"type": "response.rollback", "data": plan}, lambda *what: deployed.append(what))
    assert deployed == [("churn", "7")]

    trained: list[str] = []
    retrain, started = python_of("docs/how-to/retrain.md")["retrain"], set[str]()
    for _ in range(2):
        retrain({"type": "response.retrain", "data": plan}, lambda model, **_: trained.append(model), started)
    assert trained == ["churn"]
