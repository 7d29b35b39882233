"""`kedge proxy` as it is started and stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.proxy.target import Address, read_target
from monitor.cli.proxy import avoid_itself, read_header_name, read_listen
from monitor.errors import ConfigError, KedgeError

from .conftest import RawTarget, Wire, post


def start(target: RawTarget, folder: Path, *more: str) -> tuple[subprocess.Popen[str], int]:
    """The command in a process of its own, and the port it says."""
    command = [sys.executable, "-m", "monitor.cli.main", "proxy", "--target", f"http://127.0.0.1:{target.port}"]
    command += ["--model", "churn", "--listen", "127.0.0.1:0", "--collector", "http://127.0.0.1:9", *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEDGE_")}
    environment |= {"COLUMNS": "200"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "now forwards to" in said, process.communicate()
    return process, int(said.split()[0].rpartition(":")[2])


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_the_command_forwards_logs_and_stops(target: RawTarget, tmp_path: Path) -> None:
    process, port = start(target, tmp_path, "--id-header", "X-Kedge-Id", "--version", "7")
    wire = Wire(socket.create_connection(("127.0.0.1", port)))
    wire.send(post(b'{"instances":[{"age":41}]}', headers=b"X-Request-Id: r1\r\n"))
    got = wire.read_message()
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 0, told
    assert got is not None
    assert (got.body, got.get("x-kedge-id")) == (b'{"predictions":[1]}', "r1")
    assert "1 calls seen, 0 of them not readable, 0 not logged; 0 records stored, 1 wait in the spool" in told
    [batch] = (tmp_path / ".kedge" / "proxy" / "churn").glob("*.batch")
    [record] = json.loads(batch.read_bytes())
    assert (record["model"], record["version"], record["prediction_id"]) == ("churn", "7", "r1")
    assert (record["features"], record["prediction"], record["status_code"]) == ({"age": 41}, 1, 200)


def test_an_address_that_is_taken_is_one_line(target: RawTarget, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monitor.cli.main", "proxy", "--target", "http://127.0.0.1:9", "--model", "m"]
    done = subprocess.run(
        [*command, "--listen", f"127.0.0.1:{target.port}"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3
    assert f"can't listen on 127.0.0.1:{target.port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("http://model/", Address("model", 80)),
        ("https://model.example", Address("model.example", 443, is_tls=True)),
        ("http://[::1]:81", Address("::1", 81)),
    ],
)
def test_a_target_is_an_address(url: str, address: Address) -> None:
    assert read_target(url) == address


@pytest.mark.parametrize("url", ["", "model:80", "ftp://m", "http://m/v1", "http://m:99999", "http://u:p@m", "http://"])
def test_a_target_that_can_not_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="accepted: http://HOST:PORT"):
        read_target(url)


def test_an_address_says_itself_as_the_host_header_does() -> None:
    assert [str(read_target(url)) for url in ("http://m:80", "https://m:80", "http://[::1]:81")] == [
        "http://m",
        "https://m:80",
        "http://[::1]:81",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.0.0.0:80", ("0.0.0.0", 80)), (":80", ("127.0.0.1", 80)), ("80", ("127.0.0.1", 80)), ("[::]:80", ("::", 80))],
)
def test_where_to_listen(text: str, expected: tuple[str, int]) -> None:
    assert read_listen(text) == expected


@pytest.mark.parametrize("text", ["", "host", "host:", "host:70000", "host:x"])
def test_where_nobody_can_listen(text: str) -> None:
    with pytest.raises(ConfigError, match="accepted: HOST:PORT"):
        read_listen(text)


def test_a_proxy_in_front_of_itself_is_refused() -> None:
    with pytest.raises(KedgeError, match="is the proxy itself"):
        avoid_itself(Address("localhost", 8610), "0.0.0.0", 8610)
    assert avoid_itself(Address("model", 8610), "0.0.0.0", 8610).host == "model"


def test_a_header_needs_a_name() -> None:
    assert read_header_name("X-Kedge-Id") == b"X-Kedge-Id"
    assert read_header_name(None) is None
    for text in ("", "a b", "a:b", "ä", "a\r\nb"):
        with pytest.raises(ConfigError, match="id-header"):
            read_header_name(text)
