"""The interceptors in real gRPC servers over loopback, sync and aio."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from collectors.client import PredictionLogger, grpc_interceptor
from collectors.client.messages import as_json
from collectors.client.unreadable import Unreadable

from .conftest import LoopbackCollector
from .protos import Answer, Customer, ModelInferRequest, ModelInferResponse

grpc = pytest.importorskip("grpc")

INFER = "/inference.GRPCInferenceService/ModelInfer"
REQUEST = ModelInferRequest(
    model_name="late",
    id="r1",
    inputs=[
        {"name": "x", "datatype": "FP32", "shape": [2, 2], "contents": {"fp32_contents": [1.5, 2, 3, 4]}},
        {"name": "city", "datatype": "BYTES", "shape": [2, 1], "contents": {"bytes_contents": [b"Bern", b"Rom"]}},
    ],
)
RESPONSE = ModelInferResponse(
    model_name="late",
    model_version="4",
    id="r1",
    outputs=[
        {"name": "predict", "datatype": "INT64", "shape": [2, 1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [2, 2]},
    ],
    raw_output_contents=[struct.pack("<2q", 0, 1), struct.pack("<4d", 0.75, 0.25, 0.25, 0.75)],
)


@pytest.fixture
def logger(new_logger: Callable[..., PredictionLogger]) -> PredictionLogger:
    return new_logger()


def handlers(behaviour: Any, *, name: str = INFER, request: Any = ModelInferRequest) -> Any:
    _, service, method = name.split("/")
    handler = grpc.unary_unary_rpc_method_handler(
        behaviour,
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )
    echo = grpc.stream_stream_rpc_method_handler(lambda requests, context: requests)
    return grpc.method_handlers_generic_handler(service, {method: handler, "ModelInferStream": echo})


@contextmanager
def served(interceptor: Any, handler: Any) -> Iterator[Any]:
    """A channel to a server with the interceptor."""
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[interceptor])
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(None).wait()


def ask(channel: Any, message: Any, *, name: str = INFER, answer: Any = ModelInferResponse, **options: Any) -> Any:
    call = channel.unary_unary(
        name, request_serializer=lambda sent: sent.SerializeToString(), response_deserializer=answer.FromString
    )
    return call(message, timeout=10, **options)


def logged(collector: LoopbackCollector, logger: PredictionLogger) -> list[dict[str, Any]]:
    assert logger.flush(10)
    return collector.stored()


EXPECTED = [
    {
        "prediction_id": "r1", "features": {"x_0": 1.5, "x_1": 2.0, "city": "Bern"}, "prediction": 0,
        "scores": {"0": 0.75, "1": 0.25}, "version": "4", "status_code": 200, "model": "late",
    },
    {
        "prediction_id": "r1/1", "features": {"x_0": 3.0, "x_1": 4.0, "city": "Rom"}, "prediction": 1,
        "scores": {"0": 0.25, "1": 0.75}, "version": "4", "status_code": 200, "model": "late",
    },
]  # fmt: skip


def test_a_v2_call_is_one_record_per_row(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    with served(grpc_interceptor(logger), handlers(lambda request, context: RESPONSE)) as channel:
        assert ask(channel, REQUEST) == RESPONSE
    records = logged(collector, logger)
    assert all(record.pop("latency_ms") > 0 and record.pop("event_time") for record in records)
    assert {record.pop("request_bytes") for record in records} == {REQUEST.ByteSize()}
    assert {record.pop("response_bytes") for record in records} == {RESPONSE.ByteSize()}
    assert records == EXPECTED


@pytest.mark.parametrize("is_coroutine", [True, False])
def test_an_aio_server_is_logged_too(
    collector: LoopbackCollector, logger: PredictionLogger, is_coroutine: bool
) -> None:
    async def infer(request: Any, context: Any) -> Any:
        return RESPONSE

    async def run() -> Any:
        server = grpc.aio.server(interceptors=[grpc_interceptor(logger, aio=True)])
        server.add_generic_rpc_handlers((handlers(infer if is_coroutine else lambda request, context: RESPONSE),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = await ask(channel, REQUEST)
        await server.stop(None)
        return answer

    assert asyncio.run(run()) == RESPONSE
    records = logged(collector, logger)
    assert all(record.pop("latency_ms") > 0 and record.pop("event_time") for record in records)
    assert {record.pop("request_bytes") for record in records} == {REQUEST.ByteSize()}
    assert {record.pop("response_bytes") for record in records} == {RESPONSE.ByteSize()}
    assert records == EXPECTED


def test_an_aio_error_reaches_the_caller_and_the_log(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    async def infer(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such column")

    async def run() -> Any:
        server = grpc.aio.server(interceptors=[grpc_interceptor(logger, aio=True)])
        server.add_generic_rpc_handlers((handlers(infer),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await ask(channel, REQUEST)
        await server.stop(None)
        return failed.value

    assert asyncio.run(run()).details() == "no such column"
    records = logged(collector, logger)
    assert [(r["status_code"], r["error"]) for r in records] == [(400, "INVALID_ARGUMENT: no such column")] * 2


def abort(request: Any, context: Any) -> Any:
    context.abort(grpc.StatusCode.UNAVAILABLE, "warming up")


def set_code(request: Any, context: Any) -> Any:
    context.set_code(grpc.StatusCode.NOT_FOUND)
    context.set_details("no such model")
    return ModelInferResponse()


def break_down(request: Any, context: Any) -> Any:
    raise KeyError("temp")


@pytest.mark.parametrize(
    ("behaviour", "code", "status", "error"),
    [
        (abort, "UNAVAILABLE", 503, "UNAVAILABLE: warming up"),
        (set_code, "NOT_FOUND", 404, "NOT_FOUND: no such model"),
        (break_down, "UNKNOWN", 500, "KeyError: 'temp'"),
    ],
)
def test_a_failed_call_is_logged_per_row_and_fails_as_before(
    collector: LoopbackCollector, logger: PredictionLogger, behaviour: Any, code: str, status: int, error: str
) -> None:
    with served(grpc_interceptor(logger), handlers(behaviour)) as channel, pytest.raises(grpc.RpcError) as failed:
        ask(channel, REQUEST)
    assert failed.value.code().name == code
    records = logged(collector, logger)
    assert [(record["status_code"], record["error"]) for record in records] == [(status, error)] * 2
    assert records[0]["features"] == {"x_0": 1.5, "x_1": 2.0, "city": "Bern"}
    assert not any("prediction" in record for record in records)


def test_messages_of_ones_own_are_read_by_their_fields(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    name = "/churn.Churn/Predict"
    handler = handlers(lambda request, context: Answer(label="stay", score=0.0), name=name, request=Customer)
    customer = Customer(plan=1, clicks=[3, 4], home={"zip": "10115"}, weights={"a": 0.5})
    with served(grpc_interceptor(logger), handler) as channel:
        ask(channel, customer, name=name, answer=Answer, metadata=[("x-request-id", "r9")])
    [record] = logged(collector, logger)
    assert record["features"] == {
        "tenure": 0, "plan": "GOLD", "city": "", "weights.a": 0.5, "home.zip": "10115", "clicks.0": 3, "clicks.1": 4
    }  # fmt: skip
    assert (record["prediction_id"], record["prediction"], record["score"]) == ("r9", "stay", 0.0)


def test_read_gets_the_messages_themselves(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    def read(request: Any, response: Any) -> list[dict[str, Any]]:
        return [{"features": {"tenure": request.tenure}, "prediction": response.label, "prediction_id": "mine"}]

    name = "/churn.Churn/Ask"
    handler = handlers(lambda request, context: Answer(label="stay"), name=name, request=Customer)
    with served(grpc_interceptor(logger, methods=["/churn.Churn/*"], read=read), handler) as channel:
        ask(channel, Customer(tenure=2**40), name=name, answer=Answer)
    [record] = logged(collector, logger)
    assert (record["features"], record["prediction"], record["prediction_id"]) == ({"tenure": 2**40}, "stay", "mine")


def test_a_read_that_fails_does_not_reach_the_caller(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    interceptor = grpc_interceptor(logger, read=lambda request, response: 1 / 0)  # type: ignore[arg-type,return-value]
    with served(interceptor, handlers(lambda request, context: RESPONSE)) as channel:
        assert ask(channel, REQUEST) == RESPONSE
    assert len(logged(collector, logger)) == 1
    assert logger.stats.unread == 1


def test_other_methods_streams_and_unknown_ones_pass_by(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    name = "/inference.GRPCInferenceService/ServerLive"
    with served(grpc_interceptor(logger), handlers(lambda request, context: RESPONSE, name=name)) as channel:
        assert ask(channel, REQUEST, name=name) == RESPONSE
        stream = channel.stream_stream("/inference.GRPCInferenceService/ModelInferStream")
        assert list(stream(iter([b"a", b"b"]), timeout=10)) == [b"a", b"b"]
        with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
            ask(channel, REQUEST, name="/inference.GRPCInferenceService/ModelInfer")
    assert logged(collector, logger) == []


def test_well_known_types_are_read_as_what_they_hold() -> None:
    found = as_json(Customer(extra={"vip": True, "age": 41}, visits={"value": 2**53}))
    assert (found["extra"], found["visits"]) == ({"vip": True, "age": 41}, 2**53)
    assert "home" not in found


@pytest.mark.parametrize(
    ("datatype", "raw", "values"),
    [
        ("BOOL", b"\1\0", [True, False]),
        ("INT8", b"\xff\1", [-1, 1]),
        ("UINT16", struct.pack("<2H", 1, 65535), [1, 65535]),
        ("FP16", struct.pack("<2e", 0.5, 2), [0.5, 2.0]),
        ("BYTES", struct.pack("<I", 2) + b"hi" + struct.pack("<I", 0), ["hi", ""]),
    ],
)
def test_raw_tensors_are_unpacked(datatype: str, raw: bytes, values: list[Any]) -> None:
    tensor = {"name": "x", "datatype": datatype, "shape": [2]}
    message = ModelInferRequest(model_name="m", inputs=[tensor], raw_input_contents=[raw])
    assert as_json(message)["inputs"] == [{"name": "x", "shape": [2], "data": values}]


def test_what_can_not_be_unpacked_says_so() -> None:
    tensor = {"name": "x", "datatype": "BF16", "shape": [1]}
    with pytest.raises(Unreadable, match="BF16"):
        as_json(ModelInferRequest(model_name="m", inputs=[tensor], raw_input_contents=[b"ab"]))
    with pytest.raises(Unreadable, match="object"):
        as_json(object())
