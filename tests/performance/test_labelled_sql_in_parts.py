"""A window that is read in parts, because it is large, has the profile that it has when read at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.engines import ProfileRequest, RowSource, answers_sql, get_engine, score_sql
from monitor.lake import labels_table, predictions_table
from monitor.profiles import WindowProfile
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Task

START = datetime(2026, 3, 4, tzinfo=UTC)


def profiled(task: Task) -> WindowProfile:
    random = np.random.default_rng(3)
    n = 500
    chances = random.dirichlet(np.ones(3), n)
    truth = [int(random.choice(3, p=p)) for p in chances]
    if task is Task.BINARY:
        truth = [min(y, 1) for y in truth]
    records = [
        PredictionRecord(
            model="m",
            prediction_id=f"p{i}",
            event_time=START,
            received_time=START,
            prediction=int(p.argmax()),
            score=float(p[1]),
            scores=dict(zip("012", p.tolist(), strict=True)),
            tags={"sex": "fm"[i % 2]},
        )
        for i, p in enumerate(chances)
    ]
    labels = [
        LabelRecord(model="m", prediction_id=f"p{i}", label=y, label_time=START, received_time=START)
        for i, y in enumerate(truth)
    ]
    request = ProfileRequest(
        RowSource(table=predictions_table(records, {})),
        RowSource(table=labels_table(labels)),
        START,
        START + timedelta(hours=1),
        task=task,
        positive_class="1",
        protected="sex",
    )
    return get_engine().profile(request)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_a_large_window_read_in_parts_is_the_same(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = profiled(task)
    monkeypatch.setattr(answers_sql, "PART_ROWS", 60)
    monkeypatch.setattr(answers_sql, "MANY_ROWS", 100)
    monkeypatch.setattr(score_sql, "RANGE_ROWS", 50)
    monkeypatch.setattr(score_sql, "_MOST_VALUES", 600)
    parts = profiled(task)
    assert parts.groups == whole.groups
    assert parts.labelled.confusion == whole.labelled.confusion
    assert parts.labelled.probabilities == whole.labelled.probabilities
    assert parts.labelled.errors == whole.labelled.errors
    pairs = [(whole.labelled.scores, parts.labelled.scores)]
    pairs += [(scores, parts.labelled.classes[name]) for name, scores in whole.labelled.classes.items()]
    assert len(pairs) == (4 if task is Task.MULTICLASS else 1)
    for expected, got in pairs:
        assert got.buckets == expected.buckets
        if expected.ranking is not None:
            assert got.ranking is not None
            assert got.ranking.auc == pytest.approx(expected.ranking.auc, rel=1e-13)
            assert got.ranking.auc_error == pytest.approx(expected.ranking.auc_error, rel=1e-9)
            assert got.ranking.average_precision == pytest.approx(expected.ranking.average_precision, rel=1e-13)
            assert got.ranking.average_precision_error == pytest.approx(
                expected.ranking.average_precision_error, rel=1e-9
            )
