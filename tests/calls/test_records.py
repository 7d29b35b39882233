"""Both sides of a call, put together."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.calls import (
    BodyUnreadable,
    Inputs,
    Output,
    Outputs,
    asks_for_predictions,
    call_records,
    make_half,
    model_of_path,
    read_inputs,
    read_outputs,
)
from collectors.wire import MAX_NAME_LENGTH, Side, WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_each_row_of_a_call_is_a_prediction_with_an_id_of_its_own() -> None:
    inputs = Inputs(rows=[{"age": 39}, {"age": 50}], entity_ids=["e-1", None])
    outputs = Outputs(rows=[Output("low", 0.2), Output("high", 0.8)], id="b-1", version="3", model="income")
    records = call_records(inputs, outputs, time=NOON, latency_ms=4.5, status_code=200, tags={"zone": "a"})
    assert [record.prediction_id for record in records] == ["b-1", "b-1/1"]
    assert [record.entity_id for record in records] == ["e-1", None]
    assert records[1] == WirePrediction(
        model="income",
        version="3",
        prediction_id="b-1/1",
        event_time=NOON,
        features={"age": 50},
        prediction="high",
        score=0.8,
        latency_ms=4.5,
        status_code=200,
        tags={"zone": "a"},
    )


def test_a_failed_call_has_a_record_per_row_and_no_prediction() -> None:
    inputs = Inputs(rows=[{"age": 39}, {"age": 50}], id="a-1")
    records = call_records(inputs, Outputs(error="boom"), status_code=500)
    assert [(r.prediction_id, r.features, r.error, r.status_code, r.prediction) for r in records] == [
        ("a-1", {"age": 39}, "boom", 500, None),
        ("a-1/1", {"age": 50}, "boom", 500, None),
    ]


def test_a_call_of_which_nothing_can_be_read_is_one_record() -> None:
    (record,) = call_records(None, None, error="connection reset", model="income")
    assert (record.model, record.error, record.features, record.prediction_id) == (
        "income",
        "connection reset",
        {},
        None,
    )


def test_answers_without_their_request_are_predictions_without_features() -> None:
    assert [r.prediction for r in call_records(None, Outputs(rows=[Output(1), Output(2)]))] == [1, 2]


def test_another_number_of_answers_is_refused() -> None:
    with pytest.raises(BodyUnreadable, match="the request has 2 rows, the answer 1"):
        call_records(Inputs(rows=[{}, {}]), Outputs(rows=[Output(1)]))


def test_what_cannot_be_stored_is_left_out_or_made_to_fit() -> None:
    inputs = Inputs(rows=[{"n": 2**70}], id="x" * 300, version="v" * 300)
    (record,) = call_records(inputs, Outputs(rows=[Output(1)]), latency_ms=-1, status_code=0)
    assert record.features == {"n": float(2**70)}
    assert record.prediction_id is not None
    assert len(record.prediction_id) <= MAX_NAME_LENGTH
    assert record.version == "v" * 200
    assert (record.latency_ms, record.status_code) == (None, None)


def test_a_half_has_the_id_of_its_body_and_else_of_its_event() -> None:
    tensor = {"name": "age", "shape": [1], "datatype": "INT64", "data": [39]}
    half = make_half(Side.REQUEST, {"id": "a-1", "inputs": [tensor]}, NO_MAPPING, key="k", request_id="ce-1")
    assert (half.request_id, half.key, half.rows[0].features) == ("a-1", "k", {"age": 39})
    assert make_half(Side.RESPONSE, {"predictions": [1]}, NO_MAPPING, key="k", request_id="ce-1").request_id == "ce-1"


def test_a_failed_response_is_a_half_of_one_row_with_the_error() -> None:
    half = make_half(Side.RESPONSE, {"error": "boom"}, NO_MAPPING, key="k", request_id="a-1")
    assert [row.error for row in half.rows] == ["boom"]


@pytest.mark.parametrize(
    ("path", "model", "version"),
    [
        ("/v2/models/iris/infer", "iris", None),
        ("/v2/models/iris/versions/v3/infer", "iris", "v3"),
        ("/v1/models/bike:predict", "bike", None),
        ("/v1/models/bike%3Apredict?x=1", "bike", None),
        ("/v1/models/half_plus_two/versions/2:predict", "half_plus_two", "2"),
        ("http://host:80/prefix/v2/models/iris/infer/", "iris", None),
        ("/predictions/mnist/1.0", "mnist", "1.0"),
        ("/endpoints/income/invocations", "income", None),
        ("/seldon/team/income/api/v1.0/predictions", "income", None),
        ("/invocations", None, None),
        ("//[", None, None),
    ],
)
def test_the_path_names_model_and_version(path: str, model: str | None, version: str | None) -> None:
    assert model_of_path(path) == (model, version)


@pytest.mark.parametrize(
    ("method", "path", "asks"),
    [
        ("POST", "/predict", True),
        ("POST", "/v2/models/iris/infer", True),
        ("GET", "/predict", False),
        ("POST", "/v2/repository/index", False),
        ("POST", "/v1/models/iris:explain", False),
        ("POST", "/metrics/", False),
    ],
)
def test_only_some_requests_ask_for_predictions(method: str, path: str, asks: bool) -> None:
    assert asks_for_predictions(method, path) is asks


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=5)
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(scalars, min_size=width, max_size=width), min_size=1, max_size=5)
)


@settings(max_examples=100, deadline=None)
@given(table=tables, layout=st.integers(0, 5))
def test_rows_in_are_rows_out_in_every_layout(table: list[list[Any]], layout: int) -> None:
    names = [f"c{i}" for i in range(len(table[0]))]
    records = [dict(zip(names, row, strict=True)) for row in table]
    columns = {name: [row[i] for row in table] for i, name in enumerate(names)}
    body = [
        {"instances": table},
        {"instances": records},
        {"dataframe_split": {"columns": names, "data": table}},
        {"inputs": columns},
        {"data": {"names": names, "ndarray": table}},
        {
            "inputs": [
                {"name": name, "shape": [len(table)], "datatype": "BYTES", "data": column}
                for name, column in columns.items()
            ]
        },
    ][layout]
    answer = {"predictions": list(range(len(table)))}
    mapping = MappingSettings(columns=tuple(names))
    inputs = read_inputs(json.dumps(body).encode(), mapping=mapping)
    read = call_records(inputs, read_outputs(json.dumps(answer).encode(), rows=len(table)), request_id="r")
    assert [record.features for record in read] == records
    assert [record.prediction for record in read] == list(range(len(table)))
    assert len({record.prediction_id for record in read}) == len(table)


keys = st.sampled_from(
    [
        *(
            "instances",
            "inputs",
            "outputs",
            "predictions",
            "data",
            "shape",
            "name",
            "names",
            "ndarray",
            "tensor",
            "values",
        ),
        *(
            "columns",
            "label",
            "score",
            "scores",
            "dataframe_split",
            "parameters",
            "binary_data_size",
            "error",
            "meta",
            "a",
        ),
    ]
)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20
)


@settings(max_examples=400, deadline=None)
@given(sent=json_values, status=st.sampled_from([200, 500]), rows=st.sampled_from([None, 1, 2]))
def test_any_json_is_read_or_refused_and_never_raises_otherwise(sent: Any, status: int, rows: int | None) -> None:
    body = json.dumps(sent).encode()
    for read in (lambda: read_inputs(body), lambda: read_outputs(body, status=status, rows=rows)):
        with suppress(BodyUnreadable):
            read()


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60), length=st.sampled_from([None, "0", "2", "x", "-1"]))
def test_any_bytes_are_read_or_refused_and_never_raise_otherwise(body: bytes, length: str | None) -> None:
    headers = {"inference-header-content-length": length} if length else {}
    for kind in ("", "text/csv", "application/json", "application/jsonlines", "application/octet-stream"):
        for read in (read_inputs, read_outputs):
            with suppress(BodyUnreadable):
                read(body, headers={**headers, "content-type": kind})


@pytest.mark.parametrize("depth", [300, 900, 5_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}"), ('{"predictions":[', "]}")])
def test_a_body_of_any_depth_is_read_or_refused(depth: int, begin: str, end: str) -> None:
    body = f"{begin * depth}1{end * depth}".encode()
    for read in (read_inputs, read_outputs):
        with suppress(BodyUnreadable):
            read(body)
