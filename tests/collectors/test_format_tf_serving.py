"""TensorFlow Serving's prediction logs.

`prediction_logs.tfrecord` was written with the message classes of tensorflow-serving-api 2.21.0, not with ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.formats import Decoded, Log, find_format
from collectors.formats.tf_messages import PredictionLog
from collectors.formats.tf_records import masked_crc, read_frames, write_frame
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

RECORDED = (Path(__file__).parents[1] / "recordings" / "tf_serving" / "prediction_logs.tfrecord").read_bytes()
FLOAT, STRING, INT64, HALF = 1, 7, 9, 19


def decode(body: bytes, path: str = "", model: str | None = None, **mapping: Any) -> list[Decoded]:
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    return list(find_format("tf-serving").decode(Log(body, path=path, model=model, mapping=settings)))


def records(body: bytes, **known: Any) -> list[WirePrediction]:
    parts = decode(body, **known)
    assert [refused.reason for part in parts for refused in part.refusals] == []
    return [record for part in parts for record in part.records if isinstance(record, WirePrediction)]


def reasons(body: bytes) -> list[str]:
    return [refused.reason for part in decode(body) for refused in part.refusals]


def log() -> Any:
    made = PredictionLog()
    made.log_metadata.model_spec.name = "income"
    made.log_metadata.timestamp_secs = 1771089949
    return made


def add(tensors: Any, name: str, dtype: int, shape: list[int], **values: Any) -> None:
    tensor = tensors.add(key=name).value
    tensor.dtype = dtype
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    for field, value in values.items():
        if field == "tensor_content":
            tensor.tensor_content = value
        else:
            getattr(tensor, field).extend(value)


def framed(*logs: Any) -> bytes:
    return b"".join(write_frame(each.SerializeToString()) for each in logs)


def test_a_predict_log_is_a_prediction_per_row_with_wide_tensors_laid_flat() -> None:
    first, second = records(RECORDED)[:2]
    assert first == WirePrediction(
        model="income",
        version="3",
        prediction_id=first.prediction_id,
        event_time=datetime(2026, 2, 14, 17, 25, 49, tzinfo=UTC),
        features={"dense_0": 1.0, "dense_1": 2.0, "dense_2": 3.0, "hours": 40, "job": "clerk"},
        prediction="0",
        score=0.25,
        scores={"0": 0.75, "1": 0.25},
        sampling_fraction=0.25,
    )
    assert second.prediction_id == f"{first.prediction_id}/1"
    assert second.features == {"dense_0": 4.0, "dense_1": 5.0, "dense_2": 6.0, "hours": 40, "job": "cook"}


def test_a_regress_log_is_a_number_per_example() -> None:
    found = [record for record in records(RECORDED) if record.model == "price"]
    assert [(record.features, record.prediction) for record in found] == [
        ({"age": 30.0, "tags_0": 1, "tags_1": 2}, 1.5),
        ({"age": 40.0, "tags_0": 1, "tags_1": 2}, 2.5),
    ]


def test_a_classify_log_has_scores_and_shares_the_context_of_its_examples() -> None:
    (record,) = [record for record in records(RECORDED) if record.model == "risk"]
    assert record.features == {"city": "Kiel", "age": 39}
    assert (record.prediction, record.score, record.scores) == ("low", 0.25, {"low": 0.75, "high": 0.25})


def test_ids_are_the_same_whenever_the_file_is_read_and_differ_within_it() -> None:
    once, again = records(RECORDED * 2, path="logs/a.tfrecord"), records(RECORDED * 2, path="moved/a.tfrecord")
    assert [record.prediction_id for record in once] == [record.prediction_id for record in again]
    assert len({record.prediction_id for record in once}) == len(once) == 10


def test_an_input_may_hold_the_id() -> None:
    made = log()
    add(made.predict_log.request.inputs, "age", FLOAT, [2], float_val=[39, 40])
    add(made.predict_log.request.inputs, "order", INT64, [2, 1], int64_val=[7, 8])
    add(made.predict_log.response.outputs, "y", FLOAT, [2], float_val=[1, 0])
    found = records(framed(made), fields={"prediction_id": "order"})
    assert [(record.prediction_id, record.features) for record in found] == [("7", {"age": 39.0}), ("8", {"age": 40.0})]


def test_the_mapping_names_the_columns_of_a_wide_tensor() -> None:
    made = log()
    add(made.predict_log.request.inputs, "x", FLOAT, [1, 2], float_val=[39, 0.5])
    assert records(framed(made), columns=["age", "share"])[0].features == {"age": 39.0, "share": 0.5}


def test_a_tensor_without_dimensions_belongs_to_every_row() -> None:
    made = log()
    add(made.predict_log.request.inputs, "age", FLOAT, [2], float_val=[39, 40])
    add(made.predict_log.request.inputs, "threshold", FLOAT, [], float_val=[0.5])
    assert [record.features["threshold"] for record in records(framed(made))] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("dtype", "field", "values"),
    [
        (2, "double_val", [0.5, 1.5]),
        (3, "int_val", [-1, 2]),
        (10, "bool_val", [True, False]),
        (22, "uint32_val", [1, 2]),
        (23, "uint64_val", [1, 2]),
    ],
)
def test_every_type_of_value_is_read(dtype: int, field: str, values: list[Any]) -> None:
    made = log()
    add(made.predict_log.request.inputs, "x", dtype, [2], **{field: values})
    assert [record.features["x"] for record in records(framed(made))] == values


def test_half_precision_is_read_from_its_bits_and_from_its_bytes() -> None:
    values = np.array([0.5, 1.5], "<f2")
    for sent in ({"half_val": values.view("<u2").tolist()}, {"tensor_content": values.tobytes()}):
        made = log()
        add(made.predict_log.request.inputs, "x", HALF, [2], **sent)
        assert [record.features["x"] for record in records(framed(made))] == [0.5, 1.5]


def test_the_mapping_gives_the_share_that_is_logged_where_the_log_does_not() -> None:
    made = log()
    add(made.predict_log.request.inputs, "x", FLOAT, [1], float_val=[1])
    assert records(framed(made), sampling_fraction=0.5)[0].sampling_fraction == 0.5


def test_a_version_may_be_a_label_and_a_model_be_named_by_the_source() -> None:
    made = log()
    made.log_metadata.model_spec.version_label = "stable"
    add(made.predict_log.request.inputs, "x", FLOAT, [1], float_val=[1])
    (record,) = records(framed(made), model="wages")
    assert (record.model, record.version) == ("wages", "stable")


def test_a_frame_whose_data_are_damaged_is_refused_and_the_others_are_read() -> None:
    body = bytearray(framed(log()) + RECORDED)
    body[14] ^= 1
    assert reasons(bytes(body)) == ["the frame at byte 0 is damaged: its checksum is wrong"]
    assert sum(len(part.records) for part in decode(bytes(body))) == 5


def test_behind_a_damaged_length_nothing_is_read() -> None:
    body = bytearray(RECORDED * 2)
    body[len(RECORDED)] ^= 1
    assert reasons(bytes(body)) == [
        f"the length of the frame at byte {len(RECORDED)} is damaged; the rest can't be read"
    ]
    assert sum(len(part.records) for part in decode(bytes(body))) == 5


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_a_file_that_ends_inside_a_frame_says_so(cut: int) -> None:
    (reason,) = reasons(RECORDED[:-cut])
    assert reason.startswith("the file ends inside the frame at byte")


def test_a_frame_of_something_else_is_refused() -> None:
    assert reasons(write_frame(b"\xff\xff")) == ["the frame holds no PredictionLog"]
    assert reasons(framed(log())) == ["the frame holds no predict_log, regress_log or classify_log"]


def test_a_refused_frame_is_kept_as_a_file_of_its_own() -> None:
    (part,) = decode(RECORDED, columns=["age"])
    assert "mapping.columns names 1" in part.refusals[0].reason
    assert [record.model for record in records(part.refusals[0].payload)] == ["income", "income"]


def test_a_log_of_a_session_run_is_refused() -> None:
    made = log()
    made.session_run_log.SetInParent()
    assert reasons(framed(made)) == ["the frame holds no predict_log, regress_log or classify_log"]


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        ({"dtype": 20, "shape": [1]}, "tensor 'x' is of type 20"),
        ({"dtype": FLOAT, "shape": [3], "tensor_content": b"\x00\x00\x00\x00"}, "needs 3 values, it has 1"),
        ({"dtype": FLOAT, "shape": [1], "tensor_content": b"\x00"}, "no whole number of FP32 values"),
        ({"dtype": FLOAT, "shape": [2**40], "float_val": [1]}, "accepted: up to 1,000,000 values in all"),
        ({"dtype": FLOAT, "shape": [-1], "float_val": [1]}, "accepted: up to 1,000,000 values in all"),
        ({"dtype": FLOAT, "shape": [1], "float_val": [1, 2]}, "needs 1 values, it has 2"),
    ],
)
def test_a_tensor_that_is_not_usable_is_refused_with_the_reason(tensor: dict[str, Any], reason: str) -> None:
    made = log()
    add(made.predict_log.request.inputs, "x", **tensor)
    assert reason in "".join(reasons(framed(made)))


def test_a_time_beyond_all_times_is_refused() -> None:
    made = log()
    made.log_metadata.timestamp_secs = 2**62
    add(made.predict_log.request.inputs, "x", FLOAT, [1], float_val=[1])
    assert "timestamp_secs" in reasons(framed(made))[0]


def test_the_checksum_is_crc_32c_masked() -> None:
    # 0xE3069283 is the check value of CRC-32C, that of the digits 1 to 9.
    assert masked_crc(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_file_is_recognised_by_the_checksum_of_its_first_length() -> None:
    assert find_format("tf-serving").sniff(Log(RECORDED))
    assert not find_format("tf-serving").sniff(Log(b"\x00" * 64))


@given(data=st.data())
def test_damage_that_the_checksum_does_not_show_is_refused_or_read(data: st.DataObject) -> None:
    frames = [bytearray(frame) for frame in read_frames(RECORDED) if isinstance(frame, bytes)]
    for frame in frames:
        for _ in range(data.draw(st.integers(1, 3))):
            frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    parts = decode(b"".join(write_frame(bytes(frame)) for frame in frames))
    assert sum(len(part.records) + len(part.refusals) + part.skipped for part in parts) >= len(frames)
