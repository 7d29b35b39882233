"""Writes nannyml.json: what NannyML 0.13.1 says of the frames in frames.py.

NannyML is no dependency of Kedge. To make the file again, in an environment with `nannyml==0.13.1`:

    python make_nannyml.py ../../../../shared/data nannyml.json
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["DO_NOT_TRACK"] = os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import frames
import nannyml
import numpy as np
import pandas as pd

METRICS = [
    "roc_auc",
    "f1",
    "precision",
    "recall",
    "specificity",
    "accuracy",
    "confusion_matrix",
    "average_precision",
]


def cbpe(reference: pd.DataFrame, chunks: dict[str, pd.DataFrame], size: int, classes: tuple[str, ...] = ()) -> dict:
    """Each chunk's estimates with their intervals; the alert band of the whole."""
    scores = {name: f"score_{name}" for name in classes} if classes else "score"
    kind = "classification_multiclass" if classes else "classification_binary"
    np.random.seed(0)  # average precision's interval is made by resampling
    estimator = nannyml.CBPE(
        metrics=METRICS,
        y_pred_proba=scores,
        y_pred="prediction",
        y_true="label",
        problem_type=kind,
        chunk_size=size,
    )
    estimator.fit(reference)
    answer: dict = {"chunks": {}, "bands": {}}
    for name, chunk in chunks.items():
        estimator.chunker = nannyml.chunk.SizeBasedChunker(len(chunk))
        data = estimator.estimate(chunk).filter(period="analysis").data.iloc[-1]
        metrics = [metric for metric in data.index.get_level_values(0).unique() if metric != "chunk"]
        answer["chunks"][name] = {
            metric: [
                rounded(data[metric, part])
                for part in ("value", "sampling_error", "lower_confidence_boundary", "upper_confidence_boundary")
            ]
            for metric in metrics
        }
    answer["bands"] = {
        metric: [rounded(data[metric, "lower_threshold"]), rounded(data[metric, "upper_threshold"])]
        for metric in ("roc_auc", "accuracy", "f1")
    }
    return answer


def dle(reference: pd.DataFrame, chunks: list[pd.DataFrame]) -> list[dict]:
    estimator = nannyml.DLE(
        feature_column_names=frames.HOUSEHOLD,
        y_pred="prediction",
        y_true="cnt",
        metrics=["mae", "rmse"],
        chunk_size=2000,
    ).fit(reference)
    answer = []
    for chunk in chunks:
        estimator.chunker = nannyml.chunk.SizeBasedChunker(len(chunk))
        data = estimator.estimate(chunk).filter(period="analysis").data.iloc[-1]
        answer.append(
            {
                metric: [rounded(data[metric, "value"]), rounded(data[metric, "sampling_error"])]
                for metric in ("mae", "rmse")
            }
        )
    return answer


def rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 12)


def main(folder: Path, answer: Path) -> None:
    warnings.simplefilter("ignore")
    loans, cards = frames.car_loan(folder), frames.credit_card(folder)
    sharp = frames.binary(6000, 1, sharpness=1.7)
    found = {
        "binary": cbpe(sharp, {"same": frames.binary(3000, 2, 1.7), "moved": frames.binary(3000, 3, 1.7, 1.0)}, 1000),
        "calibrated": cbpe(frames.binary(6000, 4), {"same": frames.binary(2000, 5)}, 1000),
        "multiclass": cbpe(
            frames.multiclass(6000, 6),
            {"same": frames.multiclass(3000, 7), "moved": frames.multiclass(3000, 8, -1.5)},
            1000,
            frames.CLASSES,
        ),
        "car_loan": cbpe(loans[:50_000], {"before": loans[50_000:75_000], "after": loans[75_000:]}, 5000),
        "credit_card": cbpe(
            cards[:60_000], {"before": cards[60_000:90_000], "after": cards[90_000:]}, 6000, frames.CREDIT_CLASSES
        ),
        "bikes": dle(*frames.bikes(folder)),
    }
    lines = [f'"{name}": {json.dumps(values)}' for name, values in found.items()]
    answer.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
