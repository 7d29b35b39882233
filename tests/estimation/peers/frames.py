"""The frames on which Kedge and NannyML are compared. Imports what both environments have, and nothing of Kedge's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

CLASSES = ("a", "b", "c")
HOUSEHOLD = ["mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]


def binary(rows: int, seed: int, sharpness: float = 1.0, shift: float = 0.0) -> pd.DataFrame:
    """A binary model; with a `sharpness` other than 1 its scores are no probabilities."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-0.4 + shift, 1.6, rows)
    label = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    score = 1 / (1 + np.exp(-sharpness * logit))
    return pd.DataFrame({"label": label, "score": score, "prediction": (score > 0.5).astype(int)})


def multiclass(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Three classes, scores that are too sure of themselves."""
    rng = np.random.default_rng(seed)
    logits = rng.normal([0.5 + shift, 0.0, -0.5], 1.2, (rows, 3))
    odds = np.exp(logits)
    shares = odds / odds.sum(axis=1, keepdims=True)
    label = (rng.random((rows, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    sure = np.exp(1.8 * logits)
    scores = sure / sure.sum(axis=1, keepdims=True)
    frame = pd.DataFrame({f"score_{name}": scores[:, i] for i, name in enumerate(CLASSES)})
    frame["label"] = np.asarray(CLASSES)[np.minimum(label, 2)]
    frame["prediction"] = np.asarray(CLASSES)[scores.argmax(axis=1)]
    return frame


def car_loan(folder: Path) -> pd.DataFrame:
    frame = pd.read_parquet(folder / "car_loan_dq_synthetic.parquet")
    frame["repaid"] = frame["repaid"].astype(int)
    return frame.rename(columns={"repaid": "label", "y_pred_proba": "score", "y_pred": "prediction"})


def credit_card(folder: Path) -> pd.DataFrame:
    frame = pd.read_parquet(folder / "credit_card_multiclass_synthetic.parquet")
    names = {"y_true": "label", "y_pred": "prediction"}
    return frame.rename(columns=names | {f"y_pred_proba_{c}": f"score_{c}" for c in CREDIT_CLASSES})


CREDIT_CLASSES = ("highstreet_card", "prepaid_card", "upmarket_card")


def bikes(folder: Path) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """2011, predicted week by week by a model that did not see the week; and the quarters of 2012."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    frame = pd.read_parquet(folder / "bike_sharing_hour.parquet")
    frame = frame[["timestamp", "cnt", *HOUSEHOLD]].astype(dict.fromkeys(["cnt", *HOUSEHOLD], float))
    before = frame[frame["timestamp"] < "2012-01-01"].reset_index(drop=True)
    after = frame[frame["timestamp"] >= "2012-01-01"].reset_index(drop=True)

    def model() -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(max_iter=150, random_state=0)

    fold = before["timestamp"].dt.isocalendar().week.astype(int) % 4
    before["prediction"] = 0.0
    for held_out in range(4):
        rest = before[fold != held_out]
        fitted = model().fit(rest[HOUSEHOLD], rest["cnt"])
        before.loc[fold == held_out, "prediction"] = fitted.predict(before.loc[fold == held_out, HOUSEHOLD])
    after["prediction"] = model().fit(before[HOUSEHOLD], before["cnt"]).predict(after[HOUSEHOLD])
    return before, [part for _, part in after.groupby(after["timestamp"].dt.quarter)]
