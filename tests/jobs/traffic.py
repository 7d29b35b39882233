"""Predictions and labels of made-up models, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from monitor.records import LabelRecord, PredictionRecord, Scalar
from tests.jobs.site import HOUR, START

PER_HOUR = 100


def hour(
    index: int, rows: int = PER_HOUR, shift: float = 0.0, version: str = "1", errors: int = 0
) -> list[PredictionRecord]:
    """One hour of a churn model: a number that `shift` moves, a category, a score; the first `errors` calls fail."""
    random = np.random.default_rng([7, 1000 + index])
    made = []
    for i in range(rows):
        age, score = float(random.normal(40 + shift, 10)), float(random.uniform())
        served: dict[str, Any] = {"status_code": 200, "prediction": int(score > 0.5), "score": score}
        made.append(
            PredictionRecord(
                model="churn",
                prediction_id=f"h{index}-{i}",
                event_time=START + index * HOUR + i * HOUR / rows,
                received_time=START + (index + 1) * HOUR,
                version=version,
                features={"age": age, "plan": str(random.choice(["free", "paid"]))},
                latency_ms=float(random.gamma(4, 5)),
                **(served if i >= errors else {"status_code": 500}),
            )
        )
    return made


def hours(first: int, last: int, rows: int = PER_HOUR, **change: Any) -> list[PredictionRecord]:
    """The hours `first` to `last` - 1."""
    return [record for index in range(first, last) for record in hour(index, rows, **change)]


def labels(records: Sequence[PredictionRecord], right: float = 0.8) -> list[LabelRecord]:
    """The truth about these predictions, as `right` of them foretold it."""
    random = np.random.default_rng(11)
    flips = random.uniform(size=len(records)) > right
    return [
        label(record.prediction_id, int(bool(record.prediction) != bool(flip)), record.event_time + HOUR)
        for record, flip in zip(records, flips, strict=True)
        if record.prediction is not None
    ]


def label(prediction_id: str, truth: bool | float | str, when: datetime) -> LabelRecord:
    return LabelRecord(model="churn", prediction_id=prediction_id, label=truth, label_time=when, received_time=when)


def calls(predictions: Iterable[Scalar], first: int = 0, gap: timedelta = HOUR / 60, **fields: Any) -> list[Any]:
    """A model without features that made these predictions, one each `gap`, from hour `first` on."""
    return [
        PredictionRecord(
            model="churn",
            prediction_id=f"c{first}-{i}",
            event_time=START + first * HOUR + i * gap,
            received_time=START + first * HOUR + i * gap,
            prediction=prediction,
            **fields,
        )
        for i, prediction in enumerate(predictions)
    ]


def settled(index: int) -> datetime:
    """A time at which the hour of this index, and those before it, have settled."""
    return START + (index + 1) * HOUR + timedelta(minutes=5)
