"""Columns with and without drift. Every column has mean 0 and standard deviation 1 (or its own categories) before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Rows]

FEW = np.full(6, 1 / 6)
MANY = (1 / np.arange(1, 31)) / (1 / np.arange(1, 31)).sum()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of drift: how rows looked before, and how they look after at each grade, per number of rows.

    `grades` maps rows per window to magnitudes, from hard to easy at that many rows. Categories are drawn as their
    numbers 0, 1, ….
    """

    name: str
    categorical: bool
    before: Draw
    after: Callable[[float], Draw]
    grades: Mapping[int, tuple[float, ...]]


def normal(random: np.random.Generator, n: int) -> Rows:
    return random.normal(size=n)


def heavy(random: np.random.Generator, n: int) -> Rows:
    """Student's t with three degrees of freedom."""
    return random.standard_t(3, n) / np.sqrt(3)


def skewed(random: np.random.Generator, n: int) -> Rows:
    """Log-normal with sigma 1."""
    return random.lognormal(0, 1, n)


def categories(shares: Rows) -> Draw:
    return lambda random, n: random.choice(shares.size, n, p=shares).astype(np.float64)


def _shifted(draw: Draw, by: float) -> Draw:
    return lambda random, n: draw(random, n) + by


def _scaled(draw: Draw, by: float) -> Draw:
    return lambda random, n: draw(random, n) * by


def _lopsided(shape: float) -> Draw:
    return lambda random, n: (random.gamma(shape, 1, n) - shape) / np.sqrt(shape)


def _two_humps(distance: float) -> Draw:
    spread = np.sqrt(1 - distance**2)
    return lambda random, n: random.choice([-distance, distance], n) + random.normal(0, spread, n)


def _longer_tails(freedom: float) -> Draw:
    return lambda random, n: random.standard_t(freedom, n) / np.sqrt(freedom / (freedom - 2))


def _part(share: float, value: Callable[[np.random.Generator, int], Rows]) -> Draw:
    def draw(random: np.random.Generator, n: int) -> Rows:
        rows = random.normal(size=n)
        broken = random.random(n) < share
        rows[broken] = value(random, int(broken.sum()))
        return rows

    return draw


def _far(random: np.random.Generator, n: int) -> Rows:
    return random.normal(3, 1, n)


def _stuck(_: np.random.Generator, n: int) -> Rows:
    return np.full(n, 0.3)


def _mixed(shares: Rows, towards: int) -> Callable[[float], Draw]:
    def after(by: float) -> Draw:
        moved = shares * (1 - by)
        moved[towards] += by
        return categories(moved)

    return after


KINDS = (
    Kind("mean", False, normal, lambda by: _shifted(normal, by), {100: (0.3, 0.45, 0.6), 1000: (0.1, 0.15, 0.2)}),
    Kind("mean, heavy tails", False, heavy, lambda by: _shifted(heavy, by), {100: (0.25, 0.35), 1000: (0.08, 0.12)}),
    Kind("scale", False, normal, lambda by: _scaled(normal, by), {100: (1.3, 1.45, 1.6), 1000: (1.08, 1.12, 1.18)}),
    Kind("scale, skewed", False, skewed, lambda by: _scaled(skewed, by), {100: (1.4, 1.6), 1000: (1.12, 1.2)}),
    Kind("shape: lopsided", False, normal, _lopsided, {100: (3.0, 1.5), 1000: (20.0, 10.0)}),
    Kind("shape: longer tails", False, normal, _longer_tails, {100: (2.5, 2.2), 1000: (5.0, 4.0)}),
    Kind("shape: two humps", False, normal, _two_humps, {100: (0.9, 0.95), 1000: (0.75, 0.85)}),
    Kind("shape: some rows far out", False, normal, lambda by: _part(by, _far), {100: (0.1, 0.15), 1000: (0.02, 0.04)}),
    Kind(
        "broken: stuck at a value", False, normal, lambda by: _part(by, _stuck), {100: (0.2, 0.3), 1000: (0.04, 0.07)}
    ),
    Kind("category mix, 6", True, categories(FEW), _mixed(FEW, 2), {100: (0.15, 0.25), 1000: (0.04, 0.07)}),
    Kind("category mix, 30", True, categories(MANY), _mixed(MANY, 12), {100: (0.08, 0.14), 1000: (0.02, 0.04)}),
)
