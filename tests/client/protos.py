"""Protobuf messages made at run time, as generated code would have them: those of V2, and some of somebody's own."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2, wrappers_pb2

_TYPES = descriptor_pb2.FieldDescriptorProto
_POOL = descriptor_pool.DescriptorPool()
for _file in (struct_pb2, wrappers_pb2):
    _POOL.AddSerializedFile(_file.DESCRIPTOR.serialized_pb)

Fields = dict[str, tuple[str, bool]]
"""Field → its type and whether it is repeated."""


def _message(name: str, fields: Fields, nested: list[Any] | None = None) -> descriptor_pb2.DescriptorProto:
    made = descriptor_pb2.DescriptorProto(name=name, nested_type=nested or [])
    for number, (field, (kind, repeated)) in enumerate(fields.items(), start=1):
        entry = made.field.add(name=field, number=number, label=3 if repeated else 1)
        if kind.startswith("."):
            entry.type, entry.type_name = _TYPES.TYPE_MESSAGE, kind
        elif kind.startswith("enum "):
            entry.type, entry.type_name = _TYPES.TYPE_ENUM, kind.removeprefix("enum ")
        else:
            entry.type = getattr(_TYPES, f"TYPE_{kind.upper()}")
    return made


def _build() -> None:
    contents = [("bool", "bool"), ("int", "int32"), ("int64", "int64"), ("uint", "uint32"), ("uint64", "uint64")]
    contents += [("fp32", "float"), ("fp64", "double"), ("bytes", "bytes")]
    tensor: Fields = {"name": ("string", False), "datatype": ("string", False), "shape": ("int64", True)}
    tensor["contents"] = (".inference.InferTensorContents", False)
    names: Fields = {"model_name": ("string", False), "model_version": ("string", False), "id": ("string", False)}
    file = descriptor_pb2.FileDescriptorProto(name="inference.proto", package="inference", syntax="proto3")
    file.message_type.extend(
        [
            _message("InferTensorContents", {f"{name}_contents": (kind, True) for name, kind in contents}),
            _message("InferTensor", tensor),
            _message(
                "ModelInferRequest",
                {**names, "inputs": (".inference.InferTensor", True), "raw_input_contents": ("bytes", True)},
            ),
            _message(
                "ModelInferResponse",
                {**names, "outputs": (".inference.InferTensor", True), "raw_output_contents": ("bytes", True)},
            ),
        ]
    )
    _POOL.Add(file)  # type: ignore[no-untyped-call]
    own = descriptor_pb2.FileDescriptorProto(
        name="churn.proto",
        package="churn",
        syntax="proto3",
        dependency=["google/protobuf/struct.proto", "google/protobuf/wrappers.proto"],
    )
    plan = own.enum_type.add(name="Plan")
    plan.value.add(name="BASIC", number=0)
    plan.value.add(name="GOLD", number=1)
    entry = _message("WeightsEntry", {"key": ("string", False), "value": ("double", False)})
    entry.options.map_entry = True
    customer: Fields = {
        "tenure": ("int64", False),
        "plan": ("enum .churn.Plan", False),
        "city": ("string", False),
        "weights": (".churn.Customer.WeightsEntry", True),
        "home": (".churn.Home", False),
        "extra": (".google.protobuf.Struct", False),
        "visits": (".google.protobuf.Int64Value", False),
        "clicks": ("int32", True),
    }
    own.message_type.extend(
        [
            _message("Home", {"zip": ("string", False)}),
            _message("Customer", customer, [entry]),
            _message("Answer", {"label": ("string", False), "score": ("double", False)}),
        ]
    )
    _POOL.Add(own)  # type: ignore[no-untyped-call]


_build()


def message_class(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


ModelInferRequest = message_class("inference.ModelInferRequest")
ModelInferResponse = message_class("inference.ModelInferResponse")
Customer = message_class("churn.Customer")
Answer = message_class("churn.Answer")
