"""At the same rate of false alarms: how often does one drifted column among twenty raise the alarm?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.detectors import DETECTORS, PEERS, Detector, Kedge
from benchmarks.detection.samples import KINDS, Kind, Rows

COLUMNS, RATE, REFERENCE_ROWS, BLOCKS = 20, 0.01, 5000, 10


@dataclass(frozen=True, slots=True)
class Power:
    """Shares of drifted windows found, by detector; the mean over the grades of one kind."""

    kind: str
    found: dict[str, float]

    @property
    def gap(self) -> float:
        """How many points the best peer is ahead of Kedge."""
        return 100 * (max(self.found[peer] for peer in PEERS) - self.found["Kedge"])


def measure_power(references: int, calm: int, drifted: int) -> list[Power]:
    """Every kind: `references` references, each with so many calm and drifted windows of the column."""
    return [_kind(at, kind, references, calm, drifted) for at, kind in enumerate(KINDS)]


def lead(powers: Sequence[Power]) -> float:
    """Points by which Kedge is ahead of the best single peer, both averaged over all kinds."""
    means = {name: float(np.mean([power.found[name] for power in powers])) for name in DETECTORS}
    return 100 * (means["Kedge"] - max(means[peer] for peer in PEERS))


def _kind(at: int, kind: Kind, references: int, calm: int, drifted: int) -> Power:
    shares: dict[str, list[float]] = {name: [] for name in DETECTORS}
    for rows, grades in kind.grades.items():
        random = np.random.default_rng([23, at, rows])
        made = _made(kind, random, references)
        same = [[kind.before(random, rows) for _ in range(calm)] for _ in made]
        limits = {name: _limit(name, made, same) for name in DETECTORS}
        for grade in grades:
            draw = kind.after(grade)
            windows = [[draw(random, rows) for _ in range(drifted)] for _ in made]
            for name in DETECTORS:
                hits = [
                    score > limits[name]
                    for detectors, own in zip(made, windows, strict=True)
                    for score in detectors[name].scores(own)
                ]
                shares[name].append(float(np.mean(hits)))
    return Power(kind.name, {name: float(np.mean(found)) for name, found in shares.items()})


def _made(kind: Kind, random: np.random.Generator, references: int) -> list[dict[str, Detector]]:
    """Detectors of each reference. Kedge knows the references as one model's columns, with their blocks, as it does
    when it runs; the peers' scores against one reference are in the same order with chunks and without."""
    made: list[dict[str, Detector]] = []
    models: list[Kedge] = []
    for _ in range(references):
        reference = kind.before(random, REFERENCE_ROWS)
        models.append(Kedge(reference, kind.categorical, np.array_split(reference, BLOCKS)))
        made.append({name: DETECTORS[name](reference, kind.categorical) for name in PEERS})
    Kedge.as_one_model(models)
    return [{"Kedge": ours, **theirs} for ours, theirs in zip(models, made, strict=True)]


def _limit(name: str, made: list[dict[str, Detector]], calm: list[list[Rows]]) -> float:
    """The score that one of twenty calm columns exceeds in 1 % of windows."""
    scores = [s for detectors, own in zip(made, calm, strict=True) for s in detectors[name].scores(own)]
    return float(np.quantile(scores, (1 - RATE) ** (1 / COLUMNS)))
