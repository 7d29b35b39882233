"""The two sides of a call as the rest of Kedge sees them: rows of features, rows of predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.records import Scalar


class BodyUnreadable(ValueError):
    """A body that can't be read as one side of a call. The message names the thing, the value and what is accepted."""


MOST_ROWS = 100_000
"""Most rows of one call: a few bytes of a body are a row, and a row is a record."""


def check_rows(count: int) -> None:
    """Raises BodyUnreadable where a call has more rows than any has."""
    if count > MOST_ROWS:
        raise BodyUnreadable(f"the body has {count} rows; accepted: up to {MOST_ROWS} in one call")


@dataclass(slots=True)
class Inputs:
    """What was asked: one dict of features per row. `entity_ids` has one entry per row, or none at all."""

    rows: list[dict[str, Scalar]] = field(default_factory=list)
    id: str | None = None
    model: str | None = None
    version: str | None = None
    entity_ids: list[str | None] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Output:
    """What was answered about one row: `score` is the probability of the positive class, `scores` that per class."""

    prediction: Scalar = None
    score: float | None = None
    scores: dict[str, float] | None = None


@dataclass(slots=True)
class Outputs:
    """What was answered: one Output per row, or none and the text of the error."""

    rows: list[Output] = field(default_factory=list)
    id: str | None = None
    model: str | None = None
    version: str | None = None
    error: str | None = None
