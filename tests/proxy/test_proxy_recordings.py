"""Recorded traffic of real servers, played back by a target behind the proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collectors.proxy.exchange import is_prediction

from .conftest import NewProxy, RawTarget, response, says

RECORDINGS = Path(__file__).parents[1] / "recordings"
# Of one connection, or about bytes that the recording does not have (bodies are unzipped there).
NOT_PLAYED = ("content-length", "content-encoding", "transfer-encoding", "connection", "accept-encoding", "expect")


def exchanges(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [each for each in found if "response" in each]


def head(headers: Any) -> bytes:
    pairs = headers.items() if isinstance(headers, dict) else headers
    return "".join(f"{name}: {value}\r\n" for name, value in pairs if name.lower() not in NOT_PLAYED).encode()


@pytest.mark.parametrize(
    "path", sorted(RECORDINGS.glob("*/*exchanges.jsonl")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_recorded_calls_pass_unchanged_and_each_good_one_is_read(
    target: RawTarget, new_proxy: NewProxy, path: Path
) -> None:
    calls = [each for each in exchanges(path) if "method" in each["request"]]
    if not calls:
        pytest.skip("recorded over gRPC, which the proxy does not forward")
    proxy = new_proxy()
    wire = proxy.connect()
    expected = []
    for call in calls:
        request, answer = call["request"], call["response"]
        sent, told = (request["body"] or "").encode(), (answer["body"] or "").encode()
        target.answer = says(response(told, b"%d As Recorded" % answer["status"], head(answer["headers"])))
        start = f"{request['method']} {request['path']} HTTP/1.1\r\n".encode() + head(request["headers"])
        if b"\r\nhost:" not in start.lower():
            start += b"Host: model\r\n"
        wire.send(start + b"Content-Length: %d\r\n\r\n" % len(sent) + sent)
        got = wire.read_message()
        assert got is not None
        assert (got.start.split(b" ")[1], got.body) == (b"%d" % answer["status"], told)
        assert target.requests[-1].body == sent
        if is_prediction(request["method"], request["path"]):
            expected.append(answer["status"])
    records = [record for record in proxy.records() if "/" not in record["prediction_id"]]
    assert [record["status_code"] for record in records] == expected
    for record in records:
        if record["status_code"] < 400:
            assert record["features"]
            assert {"prediction", "score", "scores"} & record.keys()
        else:
            assert record["error"]
    assert proxy.recorder.counts["unread"] == 0
