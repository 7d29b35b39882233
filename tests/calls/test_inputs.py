"""What a model was asked, in the bodies of all the protocols."""

from __future__ import annotations

import gzip
import json
import math
import struct
from typing import Any

import pytest

from collectors.calls import BodyUnreadable, read_inputs
from monitor.config import MappingSettings

AGE_AND_JOB = [{"age": 39, "job": "clerk"}, {"age": 50, "job": None}]


def rows(sent: Any, mapping: MappingSettings | None = None, **headers: str) -> list[dict[str, Any]]:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_inputs(body, headers=named, mapping=mapping or MappingSettings()).rows


@pytest.mark.parametrize(
    "body",
    [
        {"instances": AGE_AND_JOB},
        {"dataframe_records": AGE_AND_JOB},
        {"dataframe_split": {"columns": ["age", "job"], "index": [0, 1], "data": [[39, "clerk"], [50, None]]}},
        {"columns": ["age", "job"], "data": [[39, "clerk"], [50, None]]},
        {"inputs": {"age": [39, 50], "job": ["clerk", None]}},
        {"inputs": AGE_AND_JOB},
        {"data": {"names": ["age", "job"], "ndarray": [[39, "clerk"], [50, None]]}},
        {"jsonData": AGE_AND_JOB},
        {"df": {"age": [39, 50], "job": ["clerk", None]}},
        {"rows": AGE_AND_JOB},
        AGE_AND_JOB,
        {"age": [39, 50], "job": ["clerk", None]},
    ],
)
def test_named_rows_are_the_same_in_every_layout(body: Any) -> None:
    assert rows(body) == AGE_AND_JOB


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[5.1, 3.5], [4.9, 3.0]]},
        {"inputs": [[5.1, 3.5], [4.9, 3.0]]},
        {"data": {"ndarray": [[5.1, 3.5], [4.9, 3.0]]}},
        {"data": {"tensor": {"shape": [2, 2], "values": [5.1, 3.5, 4.9, 3.0]}}},
        {"features": [[5.1, 3.5], [4.9, 3.0]]},
        [[5.1, 3.5], [4.9, 3.0]],
    ],
)
def test_nameless_rows_have_names_from_the_mapping_or_numbers(body: Any) -> None:
    assert rows(body) == [{"x0": 5.1, "x1": 3.5}, {"x0": 4.9, "x1": 3.0}]
    named = rows(body, MappingSettings(columns=("length", "width")))
    assert named == [{"length": 5.1, "width": 3.5}, {"length": 4.9, "width": 3.0}]


def test_a_row_with_another_number_of_values_than_columns_is_refused() -> None:
    with pytest.raises(BodyUnreadable, match=r"a row has 1 values, mapping\.columns names 2"):
        rows({"instances": [[5.1]]}, MappingSettings(columns=("length", "width")))
    with pytest.raises(BodyUnreadable, match=r"a row of dataframe_split is \[39\]; accepted: a list of 2 values"):
        rows({"dataframe_split": {"columns": ["age", "job"], "data": [[39]]}})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([5.1, 3.5], [{"x0": 5.1, "x1": 3.5}]),
        ({"features": [5.1, 3.5]}, [{"x0": 5.1, "x1": 3.5}]),
        ({"instances": [5.1, 3.5]}, [{"x0": 5.1}, {"x0": 3.5}]),
        ({"input": {"age": 39}}, [{"age": 39}]),
        ({"age": 39, "name": "x"}, [{"age": 39, "name": "x"}]),
        ({"strData": "a text"}, [{"x0": "a text"}]),
        ({"inputs": "a text"}, [{"x0": "a text"}]),
        (39, [{"x0": 39}]),
        ({"instances": []}, []),
        ([], []),
        ({}, [{}]),
    ],
)
def test_plain_json_is_one_row_unless_it_lists_rows(body: Any, expected: list[dict[str, Any]]) -> None:
    assert rows(body) == expected


def test_objects_and_lists_of_numbers_inside_a_row_are_laid_flat() -> None:
    sent = {"user": {"age": 39, "home": {"city": "Bonn"}}, "embedding": [0.5, 1, None], "one": ["x"]}
    flat = {"user.age": 39, "user.home.city": "Bonn", "embedding_0": 0.5, "embedding_1": 1, "embedding_2": None}
    assert rows({"instances": [sent]}) == [{**flat, "one": "x"}]
    assert rows({"instances": [[[1, 2], [3, 4]]]}) == [{"x0": 1, "x1": 2, "x2": 3, "x3": 4}]


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (["a", "b"], r"feature 'tags' is \['a', 'b'\]; accepted: a number, .* a list of numbers"),
        ([{"a": 1}], r"feature 'tags' is \[\{'a': 1\}\]; accepted"),
        ([[1], [2]], r"feature 'tags' is"),
        ([0] * 10_001, r"feature 'tags' is \[0, 0"),
    ],
)
def test_features_that_do_not_lie_flat_are_refused(feature: Any, said: str) -> None:
    with pytest.raises(BodyUnreadable, match=said):
        rows({"instances": [{"tags": feature}]})


def test_a_mapping_may_say_where_features_and_entity_are() -> None:
    mapping = MappingSettings(features={"age": "who.age", "n": "counts[1]"})
    assert rows({"instances": [{"who": {"age": 39}, "counts": [1, 2], "x": []}]}, mapping) == [{"age": 39, "n": 2}]
    assert rows({"a": 1, "in": {"v": {"age": 39}}}, MappingSettings(features_at="in.v")) == [{"age": 39}]
    read = read_inputs(b'[{"age": 39, "who": 7}]', mapping=MappingSettings(fields={"entity_id": "who"}))
    assert (read.rows, read.entity_ids) == ([{"age": 39}], ["7"])


def test_a_mapping_may_say_which_key_of_the_body_is_the_id() -> None:
    mapping = MappingSettings(fields={"prediction_id": "order"})
    read = read_inputs(b'{"order": "o-1", "age": 39}', mapping=mapping)
    assert (read.id, read.rows) == ("o-1", [{"age": 39}])
    deep = read_inputs(
        b'{"about": {"order": 7}, "instances": [[1]]}', mapping=MappingSettings(fields={"prediction_id": "about.order"})
    )
    assert (deep.id, deep.rows) == ("7", [{"x0": 1}])


class TestTensors:
    def test_nested_and_flat_data_are_the_same(self) -> None:
        tensor = {"name": "f", "shape": [2, 2], "datatype": "FP32"}
        expected = [{"f_0": 1.0, "f_1": 2.0}, {"f_0": 3.0, "f_1": 4.0}]
        assert rows({"inputs": [{**tensor, "data": [1.0, 2.0, 3.0, 4.0]}]}) == expected
        assert rows({"inputs": [{**tensor, "data": [[1.0, 2.0], [3.0, 4.0]]}]}) == expected

    def test_one_tensor_per_column_gives_the_names(self) -> None:
        job = {"name": "job", "shape": [2, 1], "datatype": "BYTES", "data": ["clerk", "guard"]}
        age = {"name": "age", "shape": [2], "datatype": "INT64", "data": [39, 50]}
        sent = {"id": "a-1", "parameters": {"content_type": "pd"}, "inputs": [job, age]}
        read = read_inputs(json.dumps(sent).encode(), mapping=MappingSettings(columns=("x", "y", "z")))
        assert read.rows == [{"job": "clerk", "age": 39}, {"job": "guard", "age": 50}]
        assert read.id == "a-1"

    def test_columns_name_the_values_of_a_wide_tensor(self) -> None:
        tensor = {"name": "f", "shape": ["1", "2"], "datatype": "FP32", "data": [1, 2]}
        assert rows({"inputs": [tensor]}, MappingSettings(columns=("a", "b"))) == [{"a": 1, "b": 2}]
        with pytest.raises(BodyUnreadable, match=r"2 values, mapping\.columns names 1"):
            rows({"inputs": [tensor]}, MappingSettings(columns=("a",)))

    @pytest.mark.parametrize(
        ("tensor", "said"),
        [
            ({"shape": [2, 2], "data": [1]}, r"tensor 'f' of shape \[2, 2\] needs 4 values, it has 1"),
            ({"shape": [2**39, 2**39], "data": [1]}, r"needs \d+ values, it has 1"),
            ({"shape": [2**39, 0], "data": [1]}, r"needs 0 values, it has 1"),
            ({"shape": [-1, 7], "data": [1]}, r"has shape \[-1, 7\]; accepted: up to 16 sizes of 0 or more"),
            ({"shape": "x", "data": [1]}, r"has shape 'x'"),
            ({"shape": [1] * 17, "data": [1]}, r"accepted: up to 16 sizes"),
            ({"shape": [1, 10_001], "data": [0] * 10_001}, r"has 10001 values per row; accepted: up to 10000"),
            ({"shape": [1], "data": [{"a": 1}]}, r"a tensor holds the object"),
            ({"shape": [1]}, r"tensor 'f' has no data"),
            ({"shape": [1], "parameters": {"binary_data_size": 4}}, r"sent in binary, and the header Inference-Header"),
        ],
    )
    def test_an_absurd_tensor_is_refused(self, tensor: dict[str, Any], said: str) -> None:
        with pytest.raises(BodyUnreadable, match=said):
            rows({"inputs": [{"name": "f", "datatype": "FP32", **tensor}]})

    def test_no_rows_are_no_rows_however_large_the_shape(self) -> None:
        assert rows({"inputs": [{"name": "f", "shape": [2**39, 0], "datatype": "FP32", "data": []}]}) == []

    def test_tensors_of_different_lengths_are_refused(self) -> None:
        tensors = [{"name": n, "shape": [len(n)], "datatype": "INT8", "data": [0] * len(n)} for n in ("a", "bb")]
        with pytest.raises(BodyUnreadable, match="tensors disagree about the number of rows: a 1, bb 2"):
            rows({"inputs": tensors})

    @pytest.mark.parametrize(
        ("datatype", "raw", "values"),
        [
            ("BOOL", b"\x01\x00", [True, False]),
            ("INT8", b"\xff\x01", [-1, 1]),
            ("UINT64", struct.pack("<2Q", 1, 2**64 - 1), [1, 2**64 - 1]),
            ("FP16", struct.pack("<2e", 0.5, -2), [0.5, -2.0]),
            ("BF16", b"\xc0\x3f\x80\xbf", [1.5, -1.0]),
            ("FP32", struct.pack("<2f", 0.5, math.inf), [0.5, math.inf]),
            ("FP64", struct.pack("<2d", 0.1, 2), [0.1, 2.0]),
            ("BYTES", b"\x01\x00\x00\x00a\x03\x00\x00\x00\xe2\x82\xac", ["a", "€"]),
        ],
    )
    def test_binary_tensors_lie_behind_the_json(self, datatype: str, raw: bytes, values: list[Any]) -> None:
        tensor = {"name": "f", "shape": [2, 1], "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
        head = json.dumps({"inputs": [tensor]}).encode()
        sent = {"inference_header_content_length": str(len(head))}
        assert rows(head + raw, None, **sent) == [{"f": value} for value in values]

    @pytest.mark.parametrize(
        ("tensor", "raw", "said"),
        [
            ({"datatype": "FP32", "size": 9}, b"abc", "binary_data_size 9; 3 bytes are left"),
            ({"datatype": "FP32", "size": 3}, b"abc", "3 bytes are no whole number of FP32 values of 4 bytes"),
            ({"datatype": "FP99", "size": 3}, b"abc", "datatype 'FP99' is not known; accepted: BOOL"),
            ({"datatype": "BYTES", "size": 6}, b"\xff\xff\xff\xff\x00\x00", "claims 4294967295 bytes, 2 are left"),
        ],
    )
    def test_damaged_binary_tensors_are_refused(self, tensor: dict[str, Any], raw: bytes, said: str) -> None:
        parameters = {"binary_data_size": tensor["size"]}
        sent = {"name": "f", "shape": [1], "datatype": tensor["datatype"], "parameters": parameters}
        head = json.dumps({"inputs": [sent]}).encode()
        with pytest.raises(BodyUnreadable, match=said):
            rows(head + raw, None, inference_header_content_length=str(len(head)))

    def test_a_length_of_json_beyond_the_body_is_refused(self) -> None:
        with pytest.raises(BodyUnreadable, match="is '99'; accepted: a number up to the body's 2 bytes"):
            rows(b"{}", None, inference_header_content_length="99")


class TestCsv:
    def test_without_a_header_the_mapping_names_the_columns(self) -> None:
        assert rows(b"39,clerk\n50,\n", None, content_type="text/csv") == [
            {"x0": 39, "x1": "clerk"},
            {"x0": 50, "x1": None},
        ]
        named = rows(b"39,clerk", MappingSettings(columns=("age", "job")), content_type="text/csv; charset=utf-8")
        assert named == [{"age": 39, "job": "clerk"}]

    def test_a_first_line_of_words_above_numbers_is_a_header(self) -> None:
        assert rows(b"job,age\nclerk,39\n", None, content_type="text/csv") == [{"job": "clerk", "age": 39}]

    def test_numbers_are_read_as_numbers_and_nothing_else_is(self) -> None:
        (row,) = rows(b'1,-2.5e3,.5,nan,1_000,0x1f,"a,b"', None, content_type="text/csv")
        assert [str(value) for value in row.values()] == ["1", "-2500.0", "0.5", "nan", "1_000", "0x1f", "a,b"]

    def test_a_lone_quote_is_refused(self) -> None:
        with pytest.raises(BodyUnreadable, match="not CSV"):
            rows(b'"a,b', None, content_type="text/csv")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"{", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON: nested too deeply"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"inputs": [{"parameters": {"binary_data_size": 4}}]}\x00\x01', "can't be found without Inference-Header"),
        (b'{"binData": "AAAA"}', "Seldon's binData, which has no columns"),
    ],
)
def test_what_is_no_body_of_rows_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(BodyUnreadable, match=said):
        rows(body, None, content_type="application/json")


def test_lines_of_json_are_rows() -> None:
    assert rows(b'{"age": 39}\n{"age": 50}\n', None, content_type="application/jsonlines") == [{"age": 39}, {"age": 50}]


def test_nan_as_python_writes_it_is_a_missing_feature() -> None:
    (row,) = rows(b'{"instances": [[NaN, 1]]}')
    assert math.isnan(row["x0"])


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [1] * 100_001},
        {"instances": [[]] * 100_001},
        {"a": [1] * 100_001, "b": [1] * 100_001},
        {"dataframe_split": {"columns": [], "data": [[]] * 100_001}},
        {"inputs": [{"name": "f", "shape": [100_001], "datatype": "INT8", "data": [1] * 100_001}]},
        {"data": {"ndarray": [[]] * 100_001}},
        b"1\n" * 100_001,
    ],
)
def test_more_rows_than_any_call_has_are_refused(body: Any) -> None:
    with pytest.raises(BodyUnreadable, match="the body has 100001 rows; accepted: up to 100000 in one call"):
        rows(body, None, content_type="text/csv")


def test_a_body_that_is_still_gzip_is_unpacked() -> None:
    packed = gzip.compress(b'{"instances": [[1]]}')
    assert rows(packed) == [{"x0": 1}]
    with pytest.raises(BodyUnreadable, match="gzip that is cut off"):
        rows(packed[:-9])
    with pytest.raises(BodyUnreadable, match="the body is damaged gzip"):
        rows(b"\x1f\x8b\x08" + b"\xff" * 20)
    with pytest.raises(BodyUnreadable, match="or of more than 33554432 bytes"):
        rows(gzip.compress(bytes(2**25 + 1)))
