"""What a model answered, in the layouts of all the servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collectors.calls import BodyUnreadable, Output, read_outputs
from monitor.config import MappingSettings

NAMED = MappingSettings(classes=("low", "high"), positive="high")


def answers(sent: Any, mapping: MappingSettings | None = None, rows: int | None = None, **headers: str) -> list[Output]:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_outputs(body, headers=named, mapping=mapping or MappingSettings(), rows=rows).rows


@pytest.mark.parametrize(
    "body",
    [
        {"predictions": ["low", "high"]},
        {"predictions": [["low"], ["high"]]},
        {"predictions": [{"label": "low"}, {"label": "high"}]},
        {"outputs": ["low", "high"]},
        {"outputs": [{"name": "predict", "shape": [2, 1], "datatype": "BYTES", "data": ["low", "high"]}]},
        {"data": {"ndarray": ["low", "high"]}},
        {"data": {"names": [], "ndarray": [["low"], ["high"]]}},
        {"jsonData": ["low", "high"]},
        {"class": ["low", "high"]},
        {"output": ["low", "high"]},
        ["low", "high"],
        [{"result": "low"}, {"result": "high"}],
    ],
)
def test_labels_are_the_same_in_every_layout(body: Any) -> None:
    assert answers(body) == [Output("low"), Output("high")]


@pytest.mark.parametrize("body", [32.5, [32.5], {"predictions": [32.5]}, {"prediction": 32.5, "model_version": "7"}])
def test_a_bare_number_is_the_prediction(body: Any) -> None:
    assert answers(body) == [Output(32.5)]


@pytest.mark.parametrize(
    "body",
    [
        {"predictions": [[0.25, 0.75]]},
        {"probabilities": [0.25, 0.75]},
        {"outputs": [{"name": "output__0", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}]},
        {"data": {"tensor": {"shape": [1, 2], "values": [0.25, 0.75]}}},
        {"data": {"names": ["low", "high"], "ndarray": [[0.25, 0.75]]}},
        {"low": 0.25, "high": 0.75},
        [{"p_low": 0.25, "p_high": 0.75}],
        {"scores": {"low": 0.25, "high": 0.75}},
        {"label": "high", "scores": {"low": 0.25, "high": 0.75}},
        {"class": "high", "p_low": 0.25, "p_high": 0.75},
        {"best": "high", "p_low": 0.25, "p_high": 0.75},
        [[{"label": "high", "score": 0.75}, {"label": "low", "score": 0.25}]],
    ],
)
def test_probabilities_per_class_are_the_same_in_every_layout(body: Any) -> None:
    assert answers(body, NAMED) == [Output("high", 0.75, {"low": 0.25, "high": 0.75})]


def test_without_names_classes_are_numbered_and_the_second_of_two_is_positive() -> None:
    assert answers({"predictions": [[0.25, 0.75]]}) == [Output("1", 0.75, {"0": 0.25, "1": 0.75})]
    assert answers({"predictions": [[0.5, 0.3, 0.2]]}) == [Output("0", None, {"0": 0.5, "1": 0.3, "2": 0.2})]


def test_probabilities_of_classes_whose_names_are_unknown_are_not_named_by_number() -> None:
    tensors = [
        {"name": "predict", "shape": [1, 1], "datatype": "BYTES", "data": ["yes"]},
        {"name": "predict_proba", "shape": [1, 2], "datatype": "FP64", "data": [0.25, 0.75]},
    ]
    assert answers({"outputs": tensors}) == [Output("yes", 0.75, None)]
    named = answers({"outputs": tensors}, MappingSettings(classes=("no", "yes"), positive="yes"))
    assert named == [Output("yes", 0.75, {"no": 0.25, "yes": 0.75})]


def test_parallel_lists_are_rows() -> None:
    body = {"class": ["DOWN", "UP"], "proba": [0.25, 0.75], "took_ms": 3}
    assert answers(body) == [Output("DOWN", 0.25), Output("UP", 0.75)]
    assert answers({"labels": ["a", "b"], "probabilities": [[0.9, 0.1], [0.2, 0.8]]}) == [
        Output("a", 0.1),
        Output("b", 0.8),
    ]


def test_a_number_is_the_probability_of_the_positive_class_where_one_is_named() -> None:
    assert answers([0.75, 0.25, 0.0], NAMED) == [Output("high", 0.75), Output("low", 0.25), Output("low", 0.0)]
    assert answers([0.75], MappingSettings(positive="yes")) == [Output("yes", 0.75)]
    assert answers([0.25], MappingSettings(positive="yes")) == [Output("not yes", 0.25)]
    digits = MappingSettings(classes=("0", "1"), positive="1")
    assert answers([0.25, 1, 0.0], digits) == [Output("0", 0.25), Output(1), Output(0.0)]


def test_a_label_with_a_score_alone_is_about_that_label() -> None:
    assert answers([{"label": "low", "score": 0.75}]) == [Output("low", None, {"low": 0.75})]
    assert answers([{"label": "low", "score": 0.75}], NAMED) == [Output("low", 0.25, {"low": 0.75})]
    assert answers({"prediction": "low", "confidence": 0.75}) == [Output("low", None, {"low": 0.75})]
    assert answers([{"predicted_label": 1, "score": 0.75}]) == [Output(1, 0.75)]


def test_a_mapping_says_where_things_are() -> None:
    at = {"prediction": "out.label", "score": "out.proba[1]", "scores": "out.all"}
    sent = {"predictions": [{"out": {"label": "high", "proba": [0.3, 0.7], "all": [0.3, 0.7]}, "a": 1}]}
    mapping = MappingSettings(fields=at, classes=("low", "high"))
    assert answers(sent, mapping) == [Output("high", 0.7, {"low": 0.3, "high": 0.7})]
    only = MappingSettings(fields={"prediction": "y"})
    assert answers({"y": 3, "z": 4}, only) == [Output(3)]
    assert answers({"p": 0.9, "z": 4}, MappingSettings(fields={"score": "p"})) == [Output("1", 0.9)]


def test_a_mapping_that_finds_nothing_is_said() -> None:
    mapping = MappingSettings(fields={"prediction": "out.label", "score": "out.p"})
    with pytest.raises(
        BodyUnreadable, match=r"\{'label': 1\} has no prediction at out\.label, score at out\.p, as mapping"
    ):
        answers([{"label": 1}], mapping)
    assert answers([{"out": {"label": None}}], mapping) == [Output(None)]


def test_the_number_of_rows_decides_where_a_list_can_be_two_things() -> None:
    assert answers([0.25, 0.75]) == [Output(0.25), Output(0.75)]
    assert answers([0.25, 0.75], rows=1) == [Output("1", 0.75, {"0": 0.25, "1": 0.75})]
    assert answers(b"0.2,0.3,0.4", None, 3, content_type="text/csv") == [Output(0.2), Output(0.3), Output(0.4)]


def test_lines_of_csv_are_rows() -> None:
    assert answers(b"0.25\n0.75\n", None, content_type="text/csv; charset=utf-8") == [Output(0.25), Output(0.75)]
    assert answers(b"0.25,0.75\n", None, 1, content_type="text/csv") == [Output("1", 0.75, {"0": 0.25, "1": 0.75})]
    assert answers(b"setosa", None, content_type="text/plain") == [Output("setosa")]
    assert answers(b"true", None) == [Output(True)]


def test_nan_is_no_prediction_and_nothing_else_may_be_infinite() -> None:
    assert answers(b'{"predictions": [NaN]}') == [Output(None)]
    with pytest.raises(BodyUnreadable, match="the prediction is inf; accepted: a finite number"):
        answers(b'{"predictions": [Infinity]}')
    with pytest.raises(BodyUnreadable, match=r"scores\['a'\] is nan; accepted: a finite number"):
        answers(b'{"scores": {"a": NaN}}')


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"a": 1, "b": 2}, "the answer has the keys a, b; accepted: mapping.fields.prediction"),
        ([[3.5, 1.5]], r"the answer about one row is \[3.5, 1.5\]; accepted: one value, probabilities that sum to 1"),
        ({"predictions": [{"label": {"a": 1, "b": 2}}]}, "the answer has the keys a, b"),
        ({"label": "a", "scores": "high"}, "score is 'high'; accepted: a finite number"),
        ({"outputs": [{"name": "a", "shape": [2], "datatype": "INT8", "data": [1]}]}, "needs 2 values, it has 1"),
    ],
)
def test_an_answer_of_many_meanings_is_refused_with_the_way_out(body: Any, said: str) -> None:
    with pytest.raises(BodyUnreadable, match=said):
        answers(body)


def test_classes_of_another_number_are_refused() -> None:
    with pytest.raises(BodyUnreadable, match=r"3 probabilities, mapping\.classes names 2"):
        answers({"predictions": [[0.5, 0.3, 0.2]]}, NAMED)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, {"error": "KeyError : 'period'"}, "KeyError : 'period'"),
        (200, {"error": "model is not ready"}, "model is not ready"),
        (400, {"error_code": "BAD_REQUEST", "message": "no", "stack_trace": "long"}, "BAD_REQUEST: no"),
        (422, {"detail": [{"loc": ["body", "hr"], "msg": "too large"}]}, "body.hr: too large"),
        (503, {"detail": "cannot score"}, "cannot score"),
        (500, {"status": {"status": "FAILURE", "reason": "MICROSERVICE", "info": "boom"}}, "MICROSERVICE: boom"),
        (413, {"message": "too large"}, "too large"),
        (400, {"error": {"message": "bad input", "code": 4}}, "bad input"),
        (500, b"Internal Server Error", "Internal Server Error"),
        (500, b'{"cut off', '{"cut off'),
        (500, b"", "status 500"),
        (500, [1], "status 500"),
    ],
)
def test_errors_are_read_as_each_server_spells_them(status: int, body: Any, error: str) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    read = read_outputs(sent, status=status)
    assert (read.rows, read.error) == ([], error)


def test_a_long_error_is_cut() -> None:
    assert read_outputs(b"x" * 9_000, status=500).error == "x" * 500


def test_an_error_beside_predictions_is_no_error() -> None:
    assert read_outputs(b'{"error": null, "predictions": [1]}').rows == [Output(1)]
    assert read_outputs(b'{"detail": "fine", "prediction": 1}').rows == [Output(1)]


def test_an_unreadable_answer_of_a_good_status_is_refused() -> None:
    with pytest.raises(BodyUnreadable, match="the body is empty"):
        read_outputs(b"")
    with pytest.raises(BodyUnreadable, match="not JSON"):
        read_outputs(b'{"predictions": [')


def test_the_answer_says_which_model_and_request_it_is_of() -> None:
    tensor = {"name": "p", "shape": [1], "datatype": "INT64", "data": [1]}
    sent = {"model_name": "iris", "model_version": "v3", "id": "a-1", "outputs": [tensor]}
    read = read_outputs(json.dumps(sent).encode())
    assert (read.model, read.version, read.id) == ("iris", "v3", "a-1")
    assert read_outputs(b'{"data": {"ndarray": [1]}, "meta": {"puid": "b-2"}}').id == "b-2"
    assert read_outputs(b'{"prediction": 1, "prediction_id": "c-3"}').id == "c-3"
    mapped = read_outputs(
        b'{"prediction": 1, "id": "no", "about": {"order": 7}}',
        mapping=MappingSettings(fields={"prediction_id": "about.order"}),
    )
    assert mapped.id == "7"


def test_more_answers_than_any_call_has_are_refused() -> None:
    with pytest.raises(BodyUnreadable, match="the body has 100001 rows"):
        answers({"predictions": [0] * 100_001})
