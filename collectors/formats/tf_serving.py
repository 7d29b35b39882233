"""TensorFlow Serving: TFRecord files of `PredictionLog`, the messages its request logger writes.

Read are predict, regress and classify logs; a row per entry of the batch. Several tensors are features by name, a
wide one `{tensor}_0`, `{tensor}_1`, …. The model and its version are in the log's metadata, with the sampling rate
and the time in whole seconds. There is no latency and no status: failed requests are not logged. There is no id
either: `prediction_id` of the mapping's fields names the input that holds one, else the id is a digest of the frame
and its place.

Damaged frames are refused (see tf_records); the message classes are made from descriptors of our own (see tf_messages).

Source: tensorflow/serving, tensorflow_serving/apis/prediction_log.proto and core/logging.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from google.protobuf.message import DecodeError

from collectors.calls import Inputs, Output, Outputs, call_records, inputs_of, outputs_of
from collectors.formats.gathering import Broken, Outcome, gather
from collectors.formats.moments import read_time
from collectors.formats.own_ids import with_own_ids
from collectors.formats.registry import Decoded, Log
from collectors.formats.tf_messages import PredictionLog
from collectors.formats.tf_records import read_frames, starts_with_frame, write_frame
from collectors.formats.tf_tensors import as_row, as_tensors
from monitor.config import MappingSettings


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int
    data: bytes


class TfServing:
    """TFRecord files of prediction logs."""

    name = "tf-serving"
    title = "TensorFlow Serving prediction log"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        return starts_with_frame(log.body)

    def decode(self, log: Log) -> Iterator[Decoded]:
        frames = (
            each if isinstance(each, Broken) else _Frame(number, each)
            for number, each in enumerate(read_frames(log.body))
        )
        return gather(frames, lambda frame: _read_frame(frame, log), lambda frame: write_frame(frame.data))

    def example(self) -> Log:
        log = PredictionLog()
        log.log_metadata.model_spec.name = "income"
        log.log_metadata.model_spec.version.value = 3
        log.log_metadata.timestamp_secs = 1771089949
        for tensors, name, value in (
            (log.predict_log.request.inputs, "age", 39.0),
            (log.predict_log.response.outputs, "score", 0.25),
        ):
            tensor = tensors.add(key=name).value
            tensor.dtype = 1
            tensor.tensor_shape.dim.add(size=1)
            tensor.float_val.append(value)
        return Log(write_frame(log.SerializeToString(deterministic=True)))


def _read_frame(frame: _Frame, log: Log) -> list[Outcome]:
    try:
        sent = PredictionLog.FromString(frame.data)
    except DecodeError:
        raise ValueError("the frame holds no PredictionLog") from None
    inputs, outputs, spec = _sides(sent, log.mapping)
    metadata = sent.log_metadata
    about = metadata.model_spec if metadata.model_spec.name else spec
    name = f"{PurePath(log.path).name} {frame.number} ".encode("utf-8", "replace")
    rate = metadata.sampling_config.sampling_rate
    records = call_records(
        inputs,
        outputs,
        request_id=hashlib.blake2b(name + frame.data, digest_size=16).hexdigest(),
        model=log.model or about.name or None,
        version=str(about.version.value) if about.version.value else about.version_label or None,
        time=read_time(metadata.timestamp_secs, name="timestamp_secs") if metadata.timestamp_secs else log.at,
        sampling_fraction=rate if 0 < rate <= 1 else log.mapping.sampling_fraction,
    )
    return list(with_own_ids(records, log.mapping))


def _sides(sent: Any, mapping: MappingSettings) -> tuple[Inputs, Outputs | None, Any]:
    """What was asked and answered, and the model's name and version as the call has them."""
    if sent.HasField("predict_log"):
        request, response = sent.predict_log.request, sent.predict_log.response
        inputs = inputs_of({"inputs": as_tensors(request.inputs)}, mapping)
        answered = as_tensors(response.outputs)
        outputs = outputs_of({"outputs": answered}, mapping=mapping, rows=len(inputs.rows)) if answered else None
    elif sent.HasField("regress_log"):
        request, response = sent.regress_log.request, sent.regress_log.response
        inputs = _examples(request, mapping)
        outputs = outputs_of({"predictions": [each.value for each in response.result.regressions]}, mapping=mapping)
    elif sent.HasField("classify_log"):
        request, response = sent.classify_log.request, sent.classify_log.response
        inputs = _examples(request, mapping)
        outputs = Outputs(rows=[_classes(each, mapping) for each in response.result.classifications])
    else:
        raise ValueError("the frame holds no predict_log, regress_log or classify_log")
    return inputs, outputs, response.model_spec if response.model_spec.name else request.model_spec


def _examples(request: Any, mapping: MappingSettings) -> Inputs:
    with_context = request.input.example_list_with_context
    context = [with_context.context]
    examples = [*request.input.example_list.examples, *with_context.examples]
    return inputs_of({"instances": [as_row([*context, example]) for example in examples]}, mapping)


def _classes(item: Any, mapping: MappingSettings) -> Output:
    """One row's classes with a score each; classes without a label are numbered, or named by the mapping."""
    names = mapping.classes if len(mapping.classes) == len(item.classes) else [str(i) for i in range(len(item.classes))]
    scores = {each.label or name: each.score for name, each in zip(names, item.classes, strict=True)}
    likeliest = max(scores, key=scores.__getitem__, default=None)
    positive = mapping.positive or (list(scores)[1] if len(scores) == 2 else "")
    return Output(prediction=likeliest, score=scores.get(positive), scores=scores or None)
