"""The drift benchmark runs, at sizes too small to say anything, and says what it promises to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.drift import Plan, run
from benchmarks.drift_shape import Shape
from benchmarks.drift_table import write_part


@pytest.mark.e2e
def test_it_ends_with_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan((Shape(600),), Shape(1200), Shape(300, 40), windows=5, rounds=1, peer_rounds=1, worker=(1, 1))
    run(plan, peers=(), folder=tmp_path, page=False)
    *text, last = capsys.readouterr().out.splitlines()
    figures = json.loads(last)
    assert {"vs_floor", "rss_mb_1m", "rss_mb_10m", "wide_s", "range_30d_ms", "models_per_core"} < figures.keys()
    assert all(value for value in figures.values())
    assert any(line.startswith("| 300 × 40 |") for line in text)


def test_its_part_of_the_page_is_replaced_and_other_parts_stay(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    write_part("bench-other", "other", page)
    write_part("bench-drift", "first", page)
    write_part("bench-drift", r"second \1", page)
    assert page.read_text() == (
        "# Benchmarks\n\n<!-- bench-other -->\nother\n<!-- /bench-other -->\n\n"
        "<!-- bench-drift -->\nsecond \\1\n<!-- /bench-drift -->\n"
    )
