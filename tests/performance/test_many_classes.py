"""Thousands of classes (products, or free text) cost what their rows do, not a table of all pairs of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn import metrics as sk

from monitor.performance.classification import confusion_points
from monitor.profiles import LabelledProfile

CLASSES = 4000


def test_thousands_of_classes_take_little_memory_and_equal_scikit_learns() -> None:
    labels = np.arange(2 * CLASSES) % CLASSES
    predicted = np.where(np.arange(2 * CLASSES) < 1.5 * CLASSES, labels, (labels * 7 + 1) % CLASSES)
    confusion: dict[str, dict[str, int]] = {}
    for label, prediction in zip(labels, predicted, strict=True):
        row = confusion.setdefault(str(label), {})
        row[str(prediction)] = row.get(str(prediction), 0) + 1
    tracemalloc.start()
    points = {point.metric: point for point in confusion_points(LabelledProfile(8000, 8000, confusion), None)}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000  # the table alone would take 128 MB
    expected = sk.f1_score(labels, predicted, average="macro", zero_division=0)
    assert points["f1"].value == pytest.approx(expected, abs=1e-12)
    assert points["recall"].value == pytest.approx(sk.recall_score(labels, predicted, average="macro"), abs=1e-12)
