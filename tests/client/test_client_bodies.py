from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from collectors.client.bodies import (
    error_text,
    flatten,
    read_features,
    read_ids,
    read_json,
    read_outcomes,
    read_rows,
)
from collectors.client.call import read_time
from collectors.client.unreadable import Unreadable

ROW = {"age": 31, "city": "Bern"}


@pytest.mark.parametrize(
    ("request_body", "rows"),
    [
        ({"instances": [ROW, ROW]}, [ROW, ROW]),
        ({"instances": [[31, "Bern"]]}, [{"x0": 31, "x1": "Bern"}]),
        ({"instances": [1.5, 2.5]}, [{"x0": 1.5}, {"x0": 2.5}]),
        ({"instances": []}, []),
        ({"dataframe_records": [ROW]}, [ROW]),
        ({"dataframe_split": {"columns": ["age", "city"], "data": [[31, "Bern"]]}}, [ROW]),
        ({"inputs": [ROW]}, [ROW]),
        ({"features": ROW}, [ROW]),
        ({"input": ROW}, [ROW]),
        ({"inputs": ROW}, [ROW]),
        (
            {"inputs": [{"name": "x", "shape": [2, 2], "data": [[1, 2], [3, 4]]}]},
            [{"x_0": 1, "x_1": 2}, {"x_0": 3, "x_1": 4}],
        ),
        (
            {
                "inputs": [
                    {"name": "age", "shape": [1], "data": [31]},
                    {"name": "city", "shape": [1, 1], "data": ["Bern"]},
                ]
            },
            [ROW],
        ),
        ({"inputs": [{"name": "x", "shape": [0, 3], "data": []}]}, []),
        ({"features": [31, 2]}, [{"x0": 31, "x1": 2}]),
        (ROW, [ROW]),
        ([ROW, ROW], [ROW, ROW]),
    ],
)
def test_a_request_is_read_into_rows_of_features(request_body: Any, rows: list[dict[str, Any]]) -> None:
    assert read_features(request_body) == rows


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        (None, "null"),
        ("text", "a str"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1]}]}, "'x' of shape .2. has 1 values"),
        ({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}, "no data"),
        ({"inputs": [{"name": "x", "shape": [20000], "data": [1]}]}, "20000"),
        (
            {"inputs": [{"name": "x", "shape": [1], "data": [1]}, {"name": "y", "shape": [2], "data": [1, 2]}]},
            "disagree",
        ),
        ({"dataframe_split": {"columns": ["a"]}}, "no data"),
    ],
)
def test_a_request_of_another_shape_is_unreadable_and_says_why(request_body: Any, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_features(request_body)


@pytest.mark.parametrize(
    ("response", "outcomes"),
    [
        ({"predictions": [1, 0.5, "late", None]}, [{"prediction": p} for p in (1, 0.5, "late", None)]),
        ({"predictions": [[0.7]]}, [{"prediction": 0.7}]),
        ({"predictions": [{"prediction": 1, "score": 0.7}]}, [{"prediction": 1, "score": 0.7}]),
        ({"predictions": [{"prediction": 0, "score": 0}]}, [{"prediction": 0, "score": 0.0}]),
        ({"predictions": [{"label": "late", "probability": 1}]}, [{"prediction": "late", "score": 1.0}]),
        (
            {"predictions": [{"class": "b", "probabilities": {"a": 0.25, "b": 0.75}}]},
            [{"prediction": "b", "scores": {"a": 0.25, "b": 0.75}}],
        ),
        (
            {"predictions": [{"label": 1, "scores": [0.25, 0.75]}]},
            [{"prediction": 1, "scores": {"0": 0.25, "1": 0.75}}],
        ),
        ({"prediction": 7.5, "score": 0.5}, [{"prediction": 7.5, "score": 0.5}]),
        ({"probability": 0.5}, [{"score": 0.5}]),
        ([1, 2], [{"prediction": 1}, {"prediction": 2}]),
        ({"output": "3", "scores": {"1": 0.25, "3": 0.75}}, [{"prediction": "3", "scores": {"1": 0.25, "3": 0.75}}]),
        ({"outputs": [{"name": "predict", "shape": [2, 1], "data": [0, 1]}]}, [{"prediction": 0}, {"prediction": 1}]),
        (
            {
                "outputs": [
                    {"name": "predict", "shape": [1], "data": [1]},
                    {"name": "predict_proba", "shape": [1, 2], "data": [0.25, 0.75]},
                ]
            },
            [{"prediction": 1, "scores": {"0": 0.25, "1": 0.75}}],
        ),
        ({"predictions": []}, []),
    ],
)
def test_a_response_is_read_into_predictions(response: Any, outcomes: list[dict[str, Any]]) -> None:
    assert read_outcomes(response) == outcomes


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"status": "fine"}, "status"),
        ({"predictions": [[0.1, 0.9]]}, "a list"),
        ({"predictions": [{"foo": 1}]}, "foo"),
        (None, "null"),
        (3, "an? int"),
    ],
)
def test_a_response_of_another_shape_is_unreadable_and_says_why(response: Any, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_outcomes(response)


def test_rows_and_predictions_are_paired_and_carry_the_version() -> None:
    request = {"instances": [{"a": 1}, {"a": 2}]}
    response = {"predictions": [{"prediction": 1, "score": 0.9}, 0], "model_version": 3}
    assert read_rows(request, response) == [
        {"features": {"a": 1}, "prediction": 1, "score": 0.9, "version": "3"},
        {"features": {"a": 2}, "prediction": 0, "version": "3"},
    ]


def test_a_response_with_another_number_of_predictions_is_not_paired_by_guess() -> None:
    with pytest.raises(Unreadable, match="2 rows, the response 1"):
        read_rows({"instances": [{"a": 1}, {"a": 2}]}, {"predictions": [1]})


@pytest.mark.parametrize(
    ("request_body", "response", "count", "ids"),
    [
        ({}, {"ids": ["x", 7]}, 2, ["x", "7"]),
        ({"ids": ["q", "r"]}, {"ids": ["x", "y"]}, 2, ["x", "y"]),
        ({"ids": ["q", "r"]}, {"detail": "no"}, 2, ["q", "r"]),
        ({}, {"prediction_id": "one"}, 1, ["one"]),
        ({}, {"ids": ["too few"]}, 2, ["req", "req/1"]),
        ([], None, 1, ["req"]),
        ({"id": "v2", "inputs": []}, {"id": "v2", "outputs": []}, 2, ["v2", "v2/1"]),
        ({"id": "a field like any other"}, {}, 1, ["req"]),
    ],
)
def test_ids_come_from_the_response_the_request_or_the_request_id(
    request_body: Any, response: Any, count: int, ids: list[str]
) -> None:
    assert read_ids(request_body, response, "req", count) == ids


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ({"detail": "no weather"}, "no weather"),
        ({"detail": [{"loc": ["a"], "msg": "missing"}]}, '[{"loc":["a"],"msg":"missing"}]'),
        ({"error": {"message": "bad input", "code": 3}}, "bad input"),
        ("Internal Server Error", "Internal Server Error"),
        ({}, "http 500"),
        (None, "http 500"),
        ({"message": "x" * 999}, "x" * 300),
    ],
)
def test_the_reason_of_a_failure_is_short_text(response: Any, text: str) -> None:
    assert error_text(500, response) == text


def test_long_arrays_are_logged_as_their_length_only() -> None:
    assert flatten({"embedding": [0.0] * 768, "a": {"b": []}}) == {"embedding.length": 768}


def test_bodies_are_unzipped_within_bounds() -> None:
    body = json.dumps(ROW).encode()
    assert read_json(body, "", 1000) == ROW
    assert read_json(gzip.compress(body), "gzip", 1000) == ROW
    for bad, encoding in ((gzip.compress(b"0" * 10**6), "gzip"), (b"no", "gzip"), (body, "br"), (b"{", ""), (b"", "")):
        with pytest.raises(Unreadable):
            read_json(bad, encoding, 1000)


def test_times_of_replays_are_read_in_both_forms() -> None:
    assert read_time("2026-03-04T12:00:00Z") == read_time("2026-03-04T13:00:00+01:00") == read_time("1772625600")
    assert read_time("2026-03-04T12:00:00") == read_time("2026-03-04T12:00:00Z")
    for bad in ("", "yesterday", "1e99", "nan"):
        assert read_time(bad) is None
