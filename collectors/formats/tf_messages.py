"""The protobuf messages of a TensorFlow Serving prediction log, declared here: TensorFlow itself is half a gigabyte.

Only the fields that Kedge reads are declared; a parser skips the others. Names and numbers are those of
tensorflow/serving (tensorflow_serving/apis and config) and tensorflow/tensorflow (core/framework, core/example).
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "kedge.tf"
_NUMBERS = {"double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "uint32": 13}
_SCALARS = _NUMBERS | {"bool": 8, "string": 9, "bytes": 12}
_MESSAGE, _OPTIONAL, _REPEATED = 11, 1, 3

# Message → its fields as "number name type"; a * says repeated. A map is the repeated pairs it is on the wire, and the
# two kinds of a list of examples are one message.
_MESSAGES = {
    "PredictionLog": "1 log_metadata LogMetadata, 2 classify_log ClassifyLog, 3 regress_log RegressLog, "
    "6 predict_log PredictLog, 4 multi_inference_log Unread, 5 session_run_log Unread, 7 predict_streamed_log Unread",
    "Unread": "",
    "LogMetadata": "1 model_spec ModelSpec, 2 sampling_config SamplingConfig, 4 timestamp_secs int64",
    "SamplingConfig": "1 sampling_rate double",
    "ModelSpec": "1 name string, 2 version Int64Value, 3 signature_name string, 4 version_label string",
    "Int64Value": "1 value int64",
    "PredictLog": "1 request PredictRequest, 2 response PredictResponse",
    "PredictRequest": "1 model_spec ModelSpec, 2 inputs* NamedTensor",
    "PredictResponse": "1 outputs* NamedTensor, 2 model_spec ModelSpec",
    "NamedTensor": "1 key string, 2 value TensorProto",
    "TensorProto": "1 dtype int32, 2 tensor_shape TensorShape, 4 tensor_content bytes, 13 half_val* int32, "
    "5 float_val* float, 6 double_val* double, 7 int_val* int32, 8 string_val* bytes, 10 int64_val* int64, "
    "11 bool_val* bool, 16 uint32_val* uint32, 17 uint64_val* uint64",
    "TensorShape": "2 dim* Dim",
    "Dim": "1 size int64",
    "ClassifyLog": "1 request ExamplesRequest, 2 response ClassificationResponse",
    "RegressLog": "1 request ExamplesRequest, 2 response RegressionResponse",
    "ExamplesRequest": "1 model_spec ModelSpec, 2 input Input",
    "Input": "1 example_list ExampleList, 2 example_list_with_context ExampleList",
    "ExampleList": "1 examples* Example, 2 context Example",
    "Example": "1 features Features",
    "Features": "1 feature* NamedFeature",
    "NamedFeature": "1 key string, 2 value Feature",
    "Feature": "1 bytes_list BytesList, 2 float_list FloatList, 3 int64_list Int64List",
    "BytesList": "1 value* bytes",
    "FloatList": "1 value* float",
    "Int64List": "1 value* int64",
    "ClassificationResponse": "1 result ClassificationResult, 2 model_spec ModelSpec",
    "ClassificationResult": "1 classifications* Classifications",
    "Classifications": "1 classes* Class",
    "Class": "1 label string, 2 score float",
    "RegressionResponse": "1 result RegressionResult, 2 model_spec ModelSpec",
    "RegressionResult": "1 regressions* Regression",
    "Regression": "1 value float",
}


def message_class(name: str) -> Any:
    """The class of a message, as protobuf makes it from its descriptor."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _declared() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="kedge_tf.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for spelled in filter(None, fields.split(", ")):
            number, field, kind = spelled.split()
            scalar = _SCALARS.get(kind)
            message.field.add(
                name=field.rstrip("*"),
                number=int(number),
                label=_REPEATED if field.endswith("*") else _OPTIONAL,
                type=scalar or _MESSAGE,
                type_name=None if scalar else f".{_PACKAGE}.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _declared()
PredictionLog = message_class("PredictionLog")
