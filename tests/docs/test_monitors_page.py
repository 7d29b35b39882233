"""The monitors that pages tell people to add are accepted, and every kind of threshold is told with its settings."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise

import pytest

from monitor.evaluation.check_rule import default_threshold
from monitor.evaluation.references import _KEYS as REFERENCES
from monitor.evaluation.threshold_kinds import KINDS, check_threshold
from monitor.metrics import KNOWN
from monitor.quality.finding import SMALLEST
from tests.docs.pages import pages
from tests.docs.test_blocks import kedge_lines

PAGE = pages()["docs/how-to/monitors.md"]


def monitor_lines() -> list[tuple[str, str]]:
    return [(page, line) for page, line in kedge_lines() if re.match(r"kedge monitor (add|edit|backtest) ", line)]


@pytest.mark.parametrize(("page", "line"), monitor_lines())
def test_the_monitor_is_accepted(page: str, line: str) -> None:
    words = shlex.split(line)
    told = {word: after for word, after in pairwise(words) if word.startswith("--")}
    named = told.get("--monitor") or (words[4] if words[2] == "edit" else "")
    metric = told.get("--metric") or (named.split()[0] if named else "drift")
    assert metric in KNOWN, f"{page}: {line}"
    threshold = json.loads(told["--threshold"]) if "--threshold" in told else default_threshold(metric)
    if "--baseline" in told:
        threshold["baseline"] = json.loads(told["--baseline"])
    check_threshold(metric, threshold)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_threshold_is_told_with_its_settings(kind: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind}`")]
    assert rows, f"threshold kind {kind!r} is not on the page"
    missing = [name for name in KINDS[kind] if f"`{name}`" not in rows[0]]
    assert not missing, f"settings of {kind!r} that are not told: {missing}"


@pytest.mark.parametrize("kind", sorted(REFERENCES))
def test_every_reference_is_told(kind: str) -> None:
    assert f'{{"kind": "{kind}"' in PAGE


@pytest.mark.parametrize("kind", sorted(SMALLEST))
def test_every_kind_of_quality_finding_is_told(kind: str) -> None:
    assert f"`{kind}`" in pages()["docs/metrics.md"]
