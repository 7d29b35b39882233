"""Mappings: records of any layout become predictions and labels."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.mapping import Mapper, maps
from collectors.wire import WireLabel, WirePrediction
from monitor.config import NO_MAPPING, MappingSettings
from monitor.lake import Kind


def read(record: Any, kind: Kind = Kind.PREDICTIONS, **mapping: Any) -> Any:
    return Mapper(MappingSettings(**mapping), kind).read(record)


def prediction(record: Any, **mapping: Any) -> WirePrediction:
    made = read(record, **mapping)
    assert isinstance(made, WirePrediction), made
    return made


def test_fields_and_features_are_where_the_mapping_says() -> None:
    sent = {"req": {"id": "a-1", "in": {"age": 39}}, "out": {"label": "late", "proba": [0.2, 0.8]}, "took": "0.25"}
    made = prediction(
        sent,
        fields={"prediction_id": "req.id", "prediction": "out.label", "score": "out.proba[1]", "latency_ms": "took"},
        features={"years": "req.in.age"},
        latency_unit="s",
    )
    assert made == WirePrediction(
        prediction_id="a-1", prediction="late", score=0.8, latency_ms=250.0, features={"years": 39}
    )


def test_fields_that_are_not_said_are_taken_from_under_their_own_names() -> None:
    made = prediction({"prediction_id": "a", "prediction": 1, "x": 2, "nested": {"y": 3}}, fields={"version": "v"})
    assert made == WirePrediction(prediction_id="a", prediction=1, features={"x": 2})


def test_a_place_that_is_said_to_be_a_feature_is_not_the_field_of_its_name() -> None:
    made = prediction({"score": 700, "p": 0.3}, fields={"prediction": "p"}, features={"credit": "score"})
    assert (made.score, made.features) == (None, {"credit": 700})


def test_an_object_under_the_name_of_a_field_is_not_that_field() -> None:
    made = prediction({"model": {"name": "bike"}, "prediction": 1}, fields={"model": "model.name"})
    assert made.model == "bike"
    assert prediction({"model": {"name": "bike"}, "prediction": 1}, fields={"version": "v"}).model is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"in": {"a": 1, "b": {"c": 2}}}, {"a": 1, "b.c": 2}),
        ({"in": [5, 6, 7]}, {"age": 5, "hours": 6, "x2": 7}),
        ({"in": {"v": [1, 2]}}, {"v_0": 1, "v_1": 2}),
        ({"in": '{"a": 1}'}, {}),
    ],
)
def test_an_object_or_array_of_features_is_taken_whole(sent: Any, expected: Any) -> None:
    if isinstance(sent["in"], str):
        assert read(sent | {"prediction": 1}, features_at="in").startswith("features are no object or array (at in)")
    else:
        assert prediction(sent, features_at="in", columns=("age", "hours")).features == expected


def test_json_inside_a_text_is_looked_into() -> None:
    made = prediction(
        {"body": '{"in": {"a": 1}, "out": [3]}'}, fields={"prediction": "body.out[0]"}, features_at="body.in"
    )
    assert (made.prediction, made.features) == (3, {"a": 1})


def test_a_key_that_is_the_whole_path_needs_no_quotes() -> None:
    assert prediction({"gen_ai.out": "x"}, fields={"prediction": "gen_ai.out"}).prediction == "x"


def test_a_vector_of_probabilities_gives_scores_score_and_prediction() -> None:
    made = prediction({"p": [0.2, 0.7, 0.1]}, fields={"scores": "p"}, classes=("a", "b", "c"), positive="a")
    assert (made.scores, made.score, made.prediction) == ({"a": 0.2, "b": 0.7, "c": 0.1}, 0.2, "b")


def test_a_vector_of_the_wrong_length_is_refused_with_its_place() -> None:
    reason = read({"p": [0.2, 0.8]}, fields={"scores": "p"}, classes=("a", "b", "c"))
    assert reason == "scores has 2 items, the mapping names 3 classes (at p)"


def test_times_are_read_in_the_mappings_unit_and_zone() -> None:
    zone = {"fields": {"event_time": "at"}, "time_zone": "Europe/Berlin", "time_unit": "ms"}
    ten = datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert prediction({"at": "2026-07-01 12:00:00,000", "prediction": 1}, **zone).event_time == ten
    assert prediction({"at": ten.timestamp() * 1000, "prediction": 1}, **zone).event_time == ten
    assert prediction({"at": str(int(ten.timestamp() * 1000)), "prediction": 1}, **zone).event_time == ten


def test_constants_tags_and_sampling_are_set_on_every_record() -> None:
    made = prediction(
        {"prediction": 1, "where": {"region": "eu"}, "vip": True},
        fields={"tags.region": "where.region", "tags.vip": "vip"},
        constants={"model": "churn", "tags.stage": "prod"},
        sampling_fraction=0.1,
    )
    assert (made.model, made.sampling_fraction) == ("churn", 0.1)
    assert made.tags == {"region": "eu", "vip": "true", "stage": "prod"}


def test_records_that_are_not_wanted_are_left_out() -> None:
    wanted = {"where": {"event": "prediction"}, "fields": {"prediction": "y"}}
    assert read({"event": "start", "y": 1}, **wanted) is None
    assert prediction({"event": "prediction", "y": 1}, **wanted).prediction == 1


def test_a_label_only_mapping_reads_labels() -> None:
    made = read({"id": 7, "truth": "late", "more": 1}, fields={"prediction_id": "id", "label": "truth"})
    assert made == WireLabel(prediction_id="7", label="late")
    made = read({"id": 7, "truth": 1, "when": 1e9}, Kind.LABELS, fields={"prediction_id": "id", "label": "truth"})
    assert isinstance(made, WireLabel)


def test_a_label_among_predictions_has_the_time_of_its_record() -> None:
    fields = {"event_time": "ts", "label": "actual"}
    made = prediction({"ts": 1e9, "prediction_id": "a", "actual": 3}, fields=fields, features_at="features")
    assert (made.event_time, made.label_time) == (None, datetime.fromtimestamp(1e9, UTC))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ([1], r"a record must be an object, this is \[1\]"),
        ({"other": {}}, r"none of the mapped fields is in the record; its keys are \['other'\]"),
        ({"p": 1, "t": "soon"}, r"event_time 'soon' is not readable; accepted: .* \(at t\)"),
        ({"p": 1, "ms": "fast"}, r"latency_ms 'fast' is not a number \(at ms\)"),
        ({"p": 1, "ms": -1}, r"latency_ms: expected `float` >= 0.0; got -1.0 \(at ms\)"),
        ({"p": {"a": 1}}, r"prediction: expected .* \(at p\)"),
        ({"p": 1, "status_code": float("inf")}, "status_code inf is not a whole number"),
        ({"p": 1, "status_code": "200.5"}, "status_code '200.5' is not a whole number"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_with_the_place(sent: Any, why: str) -> None:
    reason = read(sent, fields={"prediction": "p", "event_time": "t", "latency_ms": "ms"})
    assert isinstance(reason, str)
    assert re.match(why, reason), reason


def test_an_array_of_one_is_its_item() -> None:
    assert prediction({"p": [[0.5]]}, fields={"prediction": "p"}).prediction == 0.5


def test_names_and_units_alone_do_not_map() -> None:
    assert not maps(NO_MAPPING)
    assert not maps(MappingSettings(columns=("a",), latency_unit="s"))
    assert maps(MappingSettings(features_at="x"))


def test_an_id_among_the_features_is_none_of_them() -> None:
    mapping: dict[str, Any] = {
        "fields": {"prediction_id": "req.id", "prediction": "out", "label": "actual", "tags.plan": "req.plan"},
        "features_at": "req",
    }
    made = prediction({"req": {"id": "a", "age": 39, "plan": "gold"}, "out": 1}, **mapping)
    assert (made.prediction_id, made.features, made.tags) == ("a", {"age": 39, "plan": "gold"}, {"plan": "gold"})
    label = prediction({"req": {"id": "a"}, "actual": 0}, **mapping)
    assert (label.features, label.label) == ({}, 0)


def test_the_whole_record_may_be_the_features() -> None:
    made = prediction({"id": "a", "age": 39, "in": {"plan": "gold"}}, fields={"prediction_id": "id"}, features_at="$")
    assert made.features == {"age": 39, "in.plan": "gold"}
