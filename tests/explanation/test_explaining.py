"""Whole explanations, and their sentences as people read them (golden: tests/golden/explanation/sentences.json).

`KEDGE_UPDATE_GOLDEN=1` writes the file anew; read what changed before keeping it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitor.drift import DriftRule, judge_columns
from monitor.explanation import Explanation, Fall, SegmentFall, explain
from monitor.explanation.cause import Cause
from monitor.profiles import WindowProfile
from monitor.quality import QualityRule, judge_quality
from tests.quality.frames import Watched, parts_of, watch

GOLDEN = Path(__file__).parents[1] / "golden" / "explanation" / "sentences.json"
SINCE = datetime(2026, 3, 1, 10, tzinfo=UTC)
IMPORTANCE = {"temp": 0.71, "fare": 0.2, "plan": 0.06, "tenure": 0.03, "hum": 0.0}


def frame(n: int = 800, seed: int = 2) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "temp": random.normal(15, 8, n),
            "fare": random.lognormal(3, 0.7, n),
            "hum": random.uniform(0, 1, n),
            "tenure": np.where(random.uniform(size=n) < 0.1, np.nan, random.uniform(0, 10, n)),
            "plan": pd.Series(np.array(["basic", "gold", "self-employed"])[random.integers(0, 3, n)], dtype="string"),
        }
    )


@pytest.fixture(scope="module")
def watched() -> Watched:
    data = frame(6000, 1)
    return watch(data, parts_of(data, 12))


def explained(
    watched: Watched,
    data: pd.DataFrame,
    importance: dict[str, float] | None = None,
    rows: bool = True,
    fall: Fall | None = None,
    segments: tuple[SegmentFall, ...] = (),
) -> Explanation:
    window = watched.window(data)
    drifted = {v.name: v.value for v in judge_columns(watched.baseline, window, DriftRule()) if v.breach}
    return explain(
        watched.baseline,
        window,
        {name: value for name, value in drifted.items() if value is not None},
        IMPORTANCE if importance is None else importance,
        judge_quality(watched.baseline, window, QualityRule()),
        SINCE,
        fall,
        segments,
        pa.Table.from_pandas(frame(5000, 1)) if rows else None,
        pa.Table.from_pandas(data) if rows else None,
    )


def fahrenheit(data: pd.DataFrame) -> pd.DataFrame:
    return data.assign(temp=1.8 * data.temp + 32)


def warmer(data: pd.DataFrame) -> pd.DataFrame:
    return data.assign(temp=data.temp + 6, hum=data.hum**3, fare=data.fare**0.8)


def emptier(data: pd.DataFrame) -> pd.DataFrame:
    return data.assign(tenure=data.tenure.where(np.arange(len(data)) % 2 == 0))


CASES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "nothing moved": lambda data: data,
    "Celsius to Fahrenheit": fahrenheit,
    "Celsius to Kelvin": lambda data: data.assign(temp=data.temp + 273.15),
    "dollars to cents": lambda data: data.assign(fare=data.fare * 100),
    "the sign": lambda data: data.assign(fare=-data.fare),
    "Kelvin to Celsius": lambda data: data.assign(temp=data.temp - 273.15),
    "thousands": lambda data: data.assign(fare=data.fare / 1000),
    "a logarithm": lambda data: data.assign(fare=np.log(data.fare)),
    "miles to kilometres": lambda data: data.assign(fare=data.fare * 1.609344),
    "another spelling": lambda data: data.assign(plan=data.plan.str.upper()),
    "a sentinel": lambda data: data.assign(temp=data.temp.where(np.arange(len(data)) % 4 > 0, -999.0)),
    "infinite values": lambda data: data.assign(fare=data.fare.where(np.arange(len(data)) % 4 > 0, np.inf)),
    "a broken column among moved ones": lambda data: warmer(data).assign(tenure=np.nan),
    "a category more": lambda data: data.assign(plan=data.plan.where(np.arange(len(data)) % 5 > 0, "student")),
    "another category": lambda data: data.assign(plan=data.plan.str.replace("gold", "platinum")),
    "missing values": emptier,
    "a column that is gone": lambda data: data.drop(columns="temp"),
    "a constant": lambda data: data.assign(temp=15.0),
    "a new feature": lambda data: data.assign(extra=1.0),
    "the world": warmer,
    "one column": lambda data: data.assign(temp=data.temp + 6),
    "Fahrenheit in a changed world": lambda data: warmer(data).assign(temp=1.8 * data.temp + 32),
    "repeated rows": lambda data: pd.concat([data, data[: len(data) // 3]], ignore_index=True),
}


def test_sentences_are_as_they_were_read_and_kept(watched: Watched) -> None:
    found = {name: explained(watched, change(frame())).sentence for name, change in CASES.items()}
    found["without rows"] = explained(watched, fahrenheit(frame()), rows=False).sentence
    found["without importance"] = explained(watched, fahrenheit(frame()), importance={}).sentence
    fall, eu = Fall("auc", 0.86, 0.62), SegmentFall("region=eu", 0.88, 0.55, 0.33, 0.02, 500, 0.4)
    found["a fall of AUC"] = explained(watched, fahrenheit(frame()), fall=fall, segments=(eu,)).sentence
    found["a fall that no column explains"] = explained(watched, frame(), fall=fall).sentence
    if os.environ.get("KEDGE_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        ("Celsius to Fahrenheit", Cause.PIPELINE),
        ("another spelling", Cause.PIPELINE),
        ("missing values", Cause.PIPELINE),
        ("a column that is gone", Cause.PIPELINE),
        ("the world", Cause.WORLD),
        ("one column", Cause.UNCLEAR),
        ("miles to kilometres", Cause.UNCLEAR),
    ],
)
def test_a_broken_pipeline_is_told_from_a_changed_world(watched: Watched, case: str, cause: Cause) -> None:
    assert explained(watched, CASES[case](frame())).cause is cause


def test_evidence_is_ready_for_json_and_keeps_the_figures(watched: Watched) -> None:
    evidence = explained(watched, fahrenheit(frame())).evidence()
    assert json.loads(json.dumps(evidence)) == evidence
    first = evidence["columns"][0]
    assert (first["name"], first["importance"], first["unit"]["name"]) == ("temp", 0.71, "°C → °F")
    assert (first["unit"]["scale"], first["unit"]["offset"]) == (1.8, 32.0)
    assert len(first["moved"]) == 3
    assert evidence["since"] == "2026-03-01T10:00:00Z"


def test_the_column_that_matters_comes_before_the_one_that_moved_more(watched: Watched) -> None:
    data = frame().assign(hum=lambda d: d.hum + 50, temp=lambda d: d.temp + 6)
    assert [column.name for column in explained(watched, data).columns] == ["temp", "hum"]
    assert next(iter(explained(watched, data, importance={}).columns)).name == "hum"


def test_a_sentence_quotes_no_value_of_a_row(watched: Watched) -> None:
    data = frame()
    data.loc[0, "fare"] = 987654.25
    assert "98765" not in explained(watched, data.assign(temp=data.temp + 6)).sentence


def test_columns_that_nobody_knows_are_no_error(watched: Watched) -> None:
    found = explain(watched.baseline, WindowProfile(), {"temp": 0.5, "who": 0.4}, IMPORTANCE)
    assert [column.name for column in found.columns] == ["temp", "who"]
    assert explain(watched.baseline, WindowProfile(), {}).sentence == "Nothing that was looked at explains it."
