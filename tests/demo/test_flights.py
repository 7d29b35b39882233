from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sklearn.metrics import roc_auc_score

from monitor.demo.flights import FEATURES, between, departures, instances, known_by, split
from monitor.demo.training import FAULT, load_model, matrix, retrain, score_rows, train, versions_in

if TYPE_CHECKING:
    import pandas as pd

APRIL = datetime(2013, 4, 1, tzinfo=UTC)


def test_every_flight_is_there_once_in_the_order_of_its_departure(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights["prediction_id"].is_unique
    assert flights["scheduled"].is_monotonic_increasing


def test_a_known_flight_is_what_the_timetable_says(flights: pd.DataFrame) -> None:
    flight = flights.set_index("prediction_id").loc["UA1545-20130101-EWR"]
    assert flight["scheduled"] == datetime(2013, 1, 1, 10, 15, tzinfo=UTC)  # 5:15 in New York
    assert flight["departure"] == 515
    assert flight["weekday"] == "Tue"
    assert flight["duration"] == 244  # 5:15 New York to 8:19 in Houston, an hour behind
    assert flight["arrived"] == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)  # 11 minutes late
    assert flight["late"] == 0


def test_late_is_unknown_for_flights_that_never_arrived(flights: pd.DataFrame) -> None:
    assert flights["late"].isna().sum() == 9430
    assert (flights["late"].isna() == flights["arrived"].isna()).all()
    assert flights["duration"].between(40, 720).all()


def test_the_calendar_is_not_a_feature() -> None:
    assert not {"year", "month", "day", "scheduled", "hour"} & set(FEATURES)


def test_the_baseline_is_every_fourth_week_and_shares_no_day_with_the_training(flights: pd.DataFrame) -> None:
    training, baseline = split(flights)
    assert len(baseline) / len(training) == pytest.approx(1 / 3, rel=0.15)
    days = training["scheduled"].dt.date, baseline["scheduled"].dt.date
    assert not set(days[0]) & set(days[1])
    assert max(max(days[0]), max(days[1])) < APRIL.date()
    assert training["temp"].notna().all()
    assert training["late"].notna().all()


def test_what_can_be_learnt_is_only_what_was_known_by_then(flights: pd.DataFrame) -> None:
    moment = datetime(2013, 6, 1, 18, tzinfo=UTC)
    known = known_by(flights, moment, days=10)
    assert known["arrived"].max() <= moment
    assert known["scheduled"].min() >= moment - timedelta(days=10)
    assert len(known) > 8000


def test_a_replay_is_a_request_per_airport_and_hour_in_order(flights: pd.DataFrame) -> None:
    day = between(flights, APRIL, APRIL + timedelta(days=1))
    requests = list(departures(day))
    assert sum(len(request.instances) for request in requests) == len(day)
    assert [request.moment for request in requests] == sorted(request.moment for request in requests)
    assert len({request.request_id for request in requests}) == len(requests)
    assert 8 < len(day) / len(requests) < 25
    first = requests[0]
    assert len(first.ids) == len(first.late) == len(first.known) == len(first.instances)
    assert set(first.instances[0]) == set(FEATURES)


def test_missing_weather_is_none_rather_than_nan(flights: pd.DataFrame) -> None:
    missing = flights[flights["temp"].isna()].head(3)
    assert [row["temp"] for row in instances(missing)] == [None, None, None]


def test_an_empty_slice_has_no_requests(flights: pd.DataFrame) -> None:
    assert list(departures(flights.head(0))) == []


def test_the_model_is_better_than_chance_and_version_2s_fault_shows(flights: pd.DataFrame, models: Path) -> None:
    april = between(flights, APRIL, APRIL + timedelta(days=30)).dropna(subset=["late", "temp"]).iloc[::4]
    first, second = (score_rows(load_model(models, version), april) for version in versions_in(models))
    truth = april["late"].astype(int)
    assert roc_auc_score(truth, first) > 0.62
    assert roc_auc_score(truth, second) < roc_auc_score(truth, first) - 0.03
    assert sum(second) < 0.8 * sum(first)
    assert load_model(models, "2").note == FAULT


def test_training_twice_gives_the_same_scores(flights: pd.DataFrame) -> None:
    rows = split(flights)[0].iloc[::40]
    scores = [score_rows(train(rows, iterations=5), rows.head(20)) for _ in range(2)]
    assert scores[0] == scores[1]


def test_unseen_categories_and_missing_values_are_missing_to_the_trees() -> None:
    row = {"departure": 1745, "carrier": "XX", "distance": 100, "temp": None}
    codes = {"weekday": {}, "carrier": {"UA": 0}, "origin": {}, "dest": {}}
    [values] = matrix([row], codes)
    assert values[FEATURES.index("departure")] == 17 * 60 + 45
    assert values[FEATURES.index("distance")] == 100
    assert [values[FEATURES.index(name)] for name in ("carrier", "temp", "visib")] == pytest.approx(
        [float("nan")] * 3, nan_ok=True
    )
    assert matrix([row], codes, "hours")[0, 0] == 17.75


def test_a_retrained_version_is_saved_beside_the_others_and_says_from_what(
    flights: pd.DataFrame, tmp_path: Path
) -> None:
    retrain(flights.iloc[::20], tmp_path, "3", datetime(2013, 6, 1, tzinfo=UTC), iterations=5)
    assert versions_in(tmp_path) == ["3"]
    assert "known by 2013-06-01 00:00" in load_model(tmp_path, "3").note


def test_retraining_with_nothing_known_says_so(flights: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 flights"):
        retrain(flights, tmp_path, "3", datetime(2012, 6, 1, tzinfo=UTC))
    assert versions_in(tmp_path) == []
