"""The documented faults of the real data sets are found, and the negative controls stay silent."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from monitor.quality import QualityFinding, QualityRule, judge_quality
from tests.quality.frames import Watched, parts_of, watch, windows_of

RULE = QualityRule()


def found(watched: Watched, frame: pd.DataFrame) -> dict[tuple[str, str], QualityFinding]:
    findings = judge_quality(watched.baseline, watched.window(frame), RULE)
    return {(finding.column, finding.kind): finding for finding in findings}


def test_census_has_nothing_wrong_at_any_number_of_rows(shared_data: Path) -> None:
    data = pd.read_parquet(shared_data / "census_employment_ma.parquet")
    year = data.pop("year")
    data = data.drop(columns=["id", "prediction", "predicted_probability", "employed", "split"])
    watched = watch(data[year == 2015], parts_of(data[year == 2015], 10))
    for later in (2016, 2017, 2018):
        rows = data[year == later].sample(frac=1, random_state=later)
        for size, looks in ((50, 10), (200, 10), (1000, 5), (10_000, 2), (len(rows), 1)):
            for _, window in zip(range(looks), windows_of(rows, size), strict=False):
                assert found(watched, window) == {}, (later, size)


def test_car_loan_loses_values_and_gains_a_category_at_row_75_000(shared_data: Path) -> None:
    data = pd.read_parquet(shared_data / "car_loan_dq_synthetic.parquet")
    data = data.drop(columns=["id", "repaid", "timestamp", "y_pred_proba", "y_pred", "split"])
    watched = watch(data[:50_000], parts_of(data[:50_000], 20))
    for window in list(windows_of(data[50_000:75_000], 2500)):
        assert set(found(watched, window)) <= {("size_of_downpayment", "unseen_category")}
    for window in list(windows_of(data[75_000:], 2500)):
        findings = found(watched, window)
        assert set(findings) == {
            ("salary_range", "missing"),
            ("driver_tenure", "missing"),
            ("size_of_downpayment", "unseen_category"),
        }
        assert findings["salary_range", "missing"].value == pytest.approx(0.22, abs=0.03)


def test_electricity_s_constants_vary_from_row_17_424_on(shared_data: Path) -> None:
    data = pd.read_parquet(shared_data / "electricity.parquet").drop(columns=["timestamp", "class"])
    watched = watch(data[:8784], parts_of(data[:8784], 26))
    for window in windows_of(data[8784:17_424], 336):
        assert {kind for _, kind in found(watched, window)} <= {"out_of_range"}
    assert set(found(watched, data[17_424 : 17_424 + 336])) >= {
        ("vicprice", "constant"),
        ("vicdemand", "constant"),
        ("transfer", "constant"),
    }


def test_bank_s_contact_and_missing_defaults_change(shared_data: Path) -> None:
    data = pd.read_parquet(shared_data / "bank_marketing.parquet").drop(columns=["y", "duration"])
    month = data.pop("date").dt.to_period("M")
    reference = data[:12_137]
    watched = watch(reference, parts_of(reference, 20))
    july, autumn = found(watched, data[month == "2008-07"]), found(watched, data[month == "2009-05"])
    assert july["contact", "unseen_category"].value > 0.8
    assert autumn["default", "missing"].value == pytest.approx(0.164, abs=0.005)
    assert autumn["euribor3m", "out_of_range"].value == 1.0


def test_seasons_are_no_faults(shared_data: Path) -> None:
    """A year of bike rides, weather and all, against the year before."""
    data = pd.read_parquet(shared_data / "bike_sharing_hour.parquet")
    week = data.timestamp.dt.to_period("W")
    later = data.timestamp >= "2012-01-01"
    data = data.drop(columns=["timestamp", "yr", "casual", "registered", "cnt"])
    watched = watch(data[~later], [block for _, block in data[~later].groupby(week[~later])])
    assert [key for _, window in data[later].groupby(week[later]) for key in found(watched, window)] == []
