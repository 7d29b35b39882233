"""bench-detection's tables say what was measured, and everybody is measured alike."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection import power, streams
from benchmarks.detection.detectors import DETECTORS, Kedge
from benchmarks.detection.report import Results, markdown
from benchmarks.detection.samples import KINDS, normal
from benchmarks.detection.streams import STREAMS, Delay, delay_ratio


def test_a_change_that_was_never_found_is_said_so_and_counts_all_windows() -> None:
    found = Delay(STREAMS[0], 250, 120, {"Kedge": 3, "Evidently": None, "NannyML": 6, "alibi-like": None})
    assert delay_ratio([found]) == 3 / 6
    table = markdown(Results([], [], [found], 0, (0.0, 1.0)))
    assert "| 250 | 3 | not found | 6 | not found |" in table


def test_all_detectors_see_the_same_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[float]] = {name: [] for name in DETECTORS}
    for name, made in DETECTORS.items():

        def scores(self: object, windows: list[np.ndarray], name: str = name) -> list[float]:
            seen[name] += [float(window.sum()) for window in windows]
            return [0.0] * len(windows)

        monkeypatch.setattr(made, "scores", scores)
    power.measure_power(references=3, calm=2, drifted=1)
    assert seen["Kedge"]
    assert all(windows == seen["Kedge"] for windows in seen.values())


def test_kedge_is_measured_as_it_runs_with_blocks_and_neighbours() -> None:
    made = power._made(KINDS[0], np.random.default_rng(1), 4)
    for detectors in made:
        ours = detectors["Kedge"]
        assert isinstance(ours, Kedge)
        assert ours.reference.shapes is not None
        assert ours.reference.shapes.blocks == power.BLOCKS
    alone = Kedge(normal(np.random.default_rng(2), 1000), False, [normal(np.random.default_rng(3), 100)] * 5)
    assert alone.reference.dispersions[0].freedom == 4


def test_streams_give_chunks_as_long_as_the_windows() -> None:
    made = streams._made(Kedge, np.arange(1000.0) % 7, True, 100)
    assert isinstance(made, Kedge)
    assert made.reference.shapes is not None
    assert made.reference.shapes.blocks == 10
