"""The proxy between a real client and real servers: uvicorn with FastAPI, and a target with TLS."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from collectors.proxy.target import Address

from .conftest import NewProxy, RawTarget, Wire, post

app = FastAPI()


@app.post("/predict")
async def predict(body: dict[str, Any]) -> dict[str, Any]:
    return {"predictions": [row["age"] for row in body["instances"]], "model_version": "2"}


@app.post("/raw")
async def raw(request: Request) -> Response:
    body = await request.body()
    return Response(gzip.compress(body, mtime=0), headers={"content-encoding": "gzip", "x-length": str(len(body))})


@app.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(iter([b"data: 1\n\n", b"data: 2\n\n"]), media_type="text/event-stream")


@app.get("/moved")
async def moved() -> RedirectResponse:
    return RedirectResponse("/stream")


@app.get("/health")
async def health() -> Response:
    return Response(status_code=204)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


JSON = {"content-type": "application/json"}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/predict", {"json": {"instances": [{"age": 41}, {"age": 20}]}}),
    ("POST", "/predict", {"json": {"rows": []}}),
    ("POST", "/predict", {"content": [b'{"instances":', b' [{"age": 1}]}'], "headers": JSON}),
    ("POST", "/raw", {"content": b"\x00\xff" * 50_000}),
    ("GET", "/stream", {}),
    ("GET", "/moved", {}),
    ("GET", "/health", {}),
    ("HEAD", "/health", {}),
    ("OPTIONS", "/predict", {}),
    ("GET", "/nothing?a=b%20c", {}),
]  # fmt: skip


def test_each_call_is_answered_as_without_the_proxy(port: int, new_proxy: NewProxy) -> None:
    proxy = new_proxy(target=Address("127.0.0.1", port))
    with httpx.Client() as client:
        for method, path, content in CALLS:
            answers = []
            for at in (port, proxy.port):
                in_pieces = {"content": iter(content["content"])} if isinstance(content.get("content"), list) else {}
                with client.stream(method, f"http://127.0.0.1:{at}{path}", **{**content, **in_pieces}) as answer:
                    headers = [pair for pair in answer.headers.raw if pair[0].lower() != b"date"]
                    answers.append((answer.status_code, answer.reason_phrase, headers, b"".join(answer.iter_raw())))
            direct, proxied = answers
            assert sorted(direct[2]) == sorted((name.lower(), value) for name, value in proxied[2])
            assert (direct[0], direct[1], direct[3]) == (proxied[0], proxied[1], proxied[3])
    records = [record for record in proxy.records() if record["status_code"] == 200 and "prediction" in record]
    assert [(r["features"], r["prediction"], r["version"]) for r in records[:3]] == [
        ({"age": 41}, 41, "2"),
        ({"age": 20}, 20, "2"),
        ({"age": 1}, 1, "2"),
    ]


def test_a_target_with_tls_is_checked_and_spoken_to(
    new_proxy: NewProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class TlsTarget(RawTarget):
        def _serve(self, wire: Wire) -> None:
            try:
                super()._serve(Wire(context.wrap_socket(wire.socket, server_side=True)))
            except OSError:
                wire.close()

    target = TlsTarget()
    address = Address("127.0.0.1", target.port, is_tls=True)
    refused = new_proxy(target=address).ask(post(b"{}"))
    assert refused.start.startswith(b"HTTP/1.1 502")
    assert "certificate" in json.loads(refused.body)["error"].lower()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    proxy = new_proxy(target=address)
    wire = proxy.connect()
    for _ in range(2):
        wire.send(post(b'{"instances":[[1]]}'))
        got = wire.read_message()
        assert got is not None
        assert got.body == b'{"predictions":[1]}'
    assert [request.body for request in target.requests] == [b'{"instances":[[1]]}'] * 2
    target.close()


def make_certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "model")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "certificate.pem"
    encoding = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(encoding)
        + key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
