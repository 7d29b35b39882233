"""Every engine answers with the profiles that the definitions in monitor.profiles give for the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from monitor.baselines import CategoryBins, NumericBins
from monitor.engines import Engine, ProfileRequest, RowSource, get_engine
from monitor.errors import ConfigError
from monitor.lake import Kind, Lake, labels_table, predictions_table
from monitor.plugins import ENGINES
from monitor.profiles import CategoricalProfile, LatencySketch, NumericProfile
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Feature, FeatureKind, Task, learn

START = datetime(2026, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=ENGINES.names())
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def rows(n: int = 400) -> list[PredictionRecord]:
    """Predictions spread over two hours, with missing, infinite, unseen and ill-typed values and failed calls."""
    random = np.random.default_rng(5)
    records = []
    for i in range(n):
        failed = i % 23 == 0
        score = float(random.uniform())
        age: float | str | None = float(random.normal(40, 12))
        if i % 11 == 0:
            age = None
        elif i % 37 == 0:
            age = float("inf")
        elif i % 41 == 0:
            age = "forty"
        records.append(
            PredictionRecord(
                model="m",
                prediction_id=f"p{i}",
                event_time=START + 2 * HOUR * i / n,
                received_time=START + 3 * HOUR,
                version="2" if i % 4 == 0 else "1",
                features={"age": age, "plan": ["a", "b", "c", "new"][i % 4], "vip": bool(i % 3 == 0)},
                prediction=None if failed else int(score > 0.5),
                score=None if failed else score,
                latency_ms=float(random.gamma(2, 8)),
                status_code=500 if failed else (422 if i % 29 == 0 else 200),
                sampling_fraction=0.5,
            )
        )
    return records


def labels(records: Sequence[PredictionRecord]) -> list[LabelRecord]:
    """Labels for half of the predictions; some are corrected later, one is for nobody."""
    made = []
    for i, record in enumerate(records):
        if i % 2 == 0:
            when = record.event_time + HOUR
            made.append(
                LabelRecord(
                    model="m", prediction_id=record.prediction_id, label=i % 3 == 0, label_time=when, received_time=when
                )
            )
        if i % 10 == 0:
            later = record.event_time + 2 * HOUR
            made.append(
                LabelRecord(
                    model="m", prediction_id=record.prediction_id, label=1, label_time=later, received_time=later
                )
            )
    made.append(LabelRecord(model="m", prediction_id="nobody", label=1, label_time=START, received_time=START))
    return made


@pytest.fixture
def stored(tmp_path: Path) -> tuple[RowSource, RowSource, dict[str, Feature], list[PredictionRecord]]:
    records = rows()
    features = {feature.name: feature for feature in learn({}, [record.features for record in records[1:]])}
    lake = Lake(str(tmp_path / "lake"))
    for part, through in ((records[:150], 1), (records[150:], 2)):
        lake.append("m", Kind.PREDICTIONS, predictions_table(part, features), collector="c", through=through)
    lake.append("m", Kind.LABELS, labels_table(labels(records)), collector="c", through=3)
    predictions = RowSource(lake.files("m", Kind.PREDICTIONS))
    return predictions, RowSource(lake.files("m", Kind.LABELS)), features, records


BINS = {
    "age": NumericBins((20.0, 30.0, 40.0, 50.0, 60.0)),
    "plan": CategoryBins(("a", "b", "c")),
    "vip": CategoryBins(("false", "true")),
}


def request_of(stored, **changes):  # type: ignore[no-untyped-def]
    predictions, label_rows, features, _ = stored
    return ProfileRequest(
        predictions,
        label_rows,
        changes.pop("start", START),
        changes.pop("end", START + HOUR),
        features,
        BINS,
        NumericBins((0.25, 0.5, 0.75)),
        changes.pop("task", Task.BINARY),
        changes.pop("positive_class", "1"),
    )


def test_columns_equal_the_definitions(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    profile = engine.profile(request_of(stored))
    inside = [record for record in stored[3] if record.event_time < START + HOUR]
    ages = [record.features["age"] for record in inside]
    expected = NumericProfile.of(
        np.array([np.nan if age is None or isinstance(age, str) else age for age in ages]), BINS["age"].edges
    )
    got = profile.columns["age"]
    assert isinstance(got, NumericProfile)
    assert (got.edges, got.counts, got.missing, got.infinite) == (
        expected.edges,
        expected.counts,
        expected.missing,
        expected.infinite,
    )
    assert (got.mean, got.m2) == pytest.approx((expected.mean, expected.m2))
    assert profile.columns["plan"] == CategoricalProfile.of(
        [r.features["plan"] for r in inside], BINS["plan"].categories
    )
    assert profile.columns["vip"] == CategoricalProfile.of(
        [str(r.features["vip"]).lower() for r in inside], BINS["vip"].categories
    )
    assert profile.type_errors == {"age": sum(isinstance(age, str) for age in ages)}


def test_service_counts_errors_versions_and_reweights_by_sampling(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    profile = engine.profile(request_of(stored))
    inside = [record for record in stored[3] if record.event_time < START + HOUR]
    service = profile.service
    assert service.rows == len(inside)
    assert service.weight == 2 * len(inside)
    assert service.client_errors == sum(r.status_code == 422 for r in inside)
    assert service.server_errors == sum(r.status_code == 500 for r in inside)
    latencies = [r.latency_ms for r in inside if r.latency_ms is not None]
    assert service.latency == LatencySketch.of(latencies, [2.0] * len(latencies))
    assert (service.squares, service.unlogged["server_errors"]) == (4.0 * len(inside), service.server_errors)
    assert profile.versions == {"1": sum(r.version == "1" for r in inside), "2": sum(r.version == "2" for r in inside)}


def test_labels_join_once_and_the_latest_one_counts(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    profile = engine.profile(request_of(stored))
    inside = {r.prediction_id: r for r in stored[3] if r.event_time < START + HOUR and r.prediction is not None}
    truth = {}
    for label in labels(stored[3]):
        if label.prediction_id in inside:
            truth[label.prediction_id] = int(label.label)  # later labels come later in the list
    assert profile.labelled.labelled == len(truth)
    assert profile.labelled.predicted == len(inside)
    confusion: dict[str, dict[str, int]] = {}
    for prediction_id, label in truth.items():
        row = confusion.setdefault(str(label), {})
        predicted = str(inside[prediction_id].prediction)
        row[predicted] = row.get(predicted, 0) + 1
    assert profile.labelled.confusion == confusion
    assert sum(a + b for a, b in profile.labelled.scores.buckets.values()) == len(truth)


def test_failed_calls_are_no_missing_predictions(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    profile = engine.profile(request_of(stored))
    assert profile.prediction is not None
    assert profile.prediction.missing == 0


def test_two_windows_merge_to_the_profile_of_both(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    first = engine.profile(request_of(stored))
    second = engine.profile(request_of(stored, start=START + HOUR, end=START + 2 * HOUR))
    both = engine.profile(request_of(stored, end=START + 2 * HOUR))
    merged = first.merge(second)
    assert merged.service == both.service
    assert merged.labelled.confusion == both.labelled.confusion
    assert merged.labelled.scores.buckets == both.labelled.scores.buckets
    assert merged.labelled.delay == both.labelled.delay
    assert merged.labelled.probabilities.brier == pytest.approx(both.labelled.probabilities.brier, rel=1e-14)
    assert merged.columns["plan"] == both.columns["plan"]
    assert merged.columns["age"].counts == both.columns["age"].counts  # type: ignore[union-attr]


def test_a_regression_counts_errors(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    profile = engine.profile(request_of(stored, task=Task.REGRESSION))
    errors = profile.labelled.errors
    assert errors.n == profile.labelled.labelled > 0
    assert errors.absolute == errors.square  # predictions and labels are 0 or 1


def test_a_window_without_rows_is_empty_and_no_error(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    profile = engine.profile(request_of(stored, start=START - HOUR, end=START))
    assert profile.service.rows == 0
    assert profile.columns["age"].rows == 0
    nothing = engine.profile(ProfileRequest(RowSource(), RowSource(), START, START + HOUR, {}, BINS))
    assert nothing.columns["plan"].rows == 0


def test_a_feature_that_no_file_has_is_missing_in_every_row(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    predictions, label_rows, features, _ = stored
    features = {**features, "gone": Feature("gone", FeatureKind.NUMERIC, "feature_gone")}
    bins = {**BINS, "gone": NumericBins((1.0,))}
    profile = engine.profile(ProfileRequest(predictions, label_rows, START, START + HOUR, features, bins))
    assert profile.columns["gone"].missing == profile.service.rows


def test_a_sample_gives_bins_task_and_positive_class(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    predictions, label_rows, features, records = stored
    sample = engine.sample(predictions, label_rows, START, START + 2 * HOUR, features)
    assert sample.rows == len(records)
    assert (sample.task, sample.positive_class) == (Task.BINARY, "1")
    assert sample.columns["plan"] == CategoryBins(("a", "b", "c", "new"))
    age, score = sample.columns["age"], sample.prediction
    assert isinstance(age, NumericBins)
    assert isinstance(score, NumericBins)
    assert len(age.edges) == len(score.edges) == 63
    assert engine.nth_event_time(predictions, 3) == sorted(r.event_time for r in records)[2]
    assert engine.nth_event_time(predictions, len(records) + 1) is None


def test_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="duckdb"):
        get_engine("fortran")


def test_rows_for_a_report_are_bounded_named_as_the_features_and_always_the_same(engine: Engine, stored) -> None:  # type: ignore[no-untyped-def]
    predictions, _, features, records = stored
    every = engine.rows(predictions, START, START + 2 * HOUR, features, 10_000)
    assert every.num_rows == len(records)
    assert set(every.column_names) == {"age", "plan", "vip", "prediction", "score"}
    some = engine.rows(predictions, START, START + 2 * HOUR, features, 7)
    assert some.num_rows == 7
    assert some.equals(engine.rows(predictions, START, START + 2 * HOUR, features, 7))
    assert engine.rows(RowSource(), START, START + HOUR, features, 7).num_rows == 0
