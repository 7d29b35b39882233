"""Outgoing requests: which addresses, and what is never followed, waited for, read or told."""

from __future__ import annotations

import datetime as dt
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from alerts.addresses import refusal
from alerts.errors import ChannelError
from alerts.outgoing import MAX_REPLY_BYTES, Outgoing, check_url
from monitor.config import OutgoingSettings
from monitor.errors import ConfigError

EVERYTHING = OutgoingSettings(allow_loopback=True, allow_private=True, timeout_seconds=5)
SECRET = "T0KEN-in-path"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "224.0.0.1", "ff02::1", "0.0.0.0", "0.1.2.3", "::",
        "240.0.0.1", "255.255.255.255", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
        "fd00:ec2::254", "100.100.100.200", "::7f00:1",
    ],
)  # fmt: skip
def test_some_addresses_are_never_allowed(address: str) -> None:
    why = refusal(address, EVERYTHING)
    assert why is not None
    assert "never" in why


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_loopback_needs_its_setting(address: str) -> None:
    assert "outgoing.allow_loopback" in (refusal(address, OutgoingSettings(allow_private=True)) or "")
    assert refusal(address, OutgoingSettings(allow_loopback=True)) is None


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "fec0::1", "::ffff:10.0.0.1", "2002:a00:1::1"],
)
def test_private_networks_need_their_setting(address: str) -> None:
    assert "outgoing.allow_private" in (refusal(address, OutgoingSettings(allow_loopback=True)) or "")
    assert refusal(address, OutgoingSettings(allow_private=True)) is None


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert refusal(address, OutgoingSettings()) is None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "[::ffff:127.0.0.1]", "[::1]", "localhost"]
)
def test_loopback_is_recognised_however_it_is_spelt(host: str) -> None:
    with pytest.raises(ChannelError, match="allow_loopback") as caught:
        Outgoing(OutgoingSettings()).post(f"http://{host}:9/{SECRET}", b"", {})
    assert caught.value.permanent
    assert SECRET not in str(caught.value)


def test_the_checked_address_is_the_one_connected_to(receiver: Any) -> None:
    """A name that resolves to something else the second time gains nothing: it is resolved once."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    outgoing = Outgoing(OutgoingSettings(allow_loopback=True), resolve=lambda host, port: next(answers))
    assert outgoing.post(f"http://rebinding.example:{receiver.port}/hook", b"{}", {}).status == 200
    (request,) = receiver.requests
    assert request.headers["host"] == f"rebinding.example:{receiver.port}"
    with pytest.raises(ChannelError, match="link-local"):
        outgoing.post(f"http://rebinding.example:{receiver.port}/hook", b"{}", {})
    assert len(receiver.requests) == 1


def test_a_forbidden_address_among_allowed_ones_is_left_out(receiver: Any) -> None:
    outgoing = Outgoing(OutgoingSettings(allow_loopback=True), resolve=lambda host, port: ["10.0.0.1", "127.0.0.1"])
    assert outgoing.post(f"http://two.example:{receiver.port}/", b"", {}).status == 200


def test_the_next_address_is_tried_when_one_refuses_the_connection(receiver: Any) -> None:
    outgoing = Outgoing(EVERYTHING, resolve=lambda host, port: ["::1", "127.0.0.1"])
    assert outgoing.post(f"http://two.example:{receiver.port}/", b"", {}).status == 200


def test_an_unknown_host_may_be_known_later() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise socket.gaierror("unknown")

    with pytest.raises(ChannelError, match=r"host 'gone\.example' can't be resolved") as caught:
        Outgoing(EVERYTHING, resolve=fails).post("https://gone.example/x", b"", {})
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host/x", "scheme 'ftp'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("https:///path", "names no host"),
        ("https://user:pa55@host/x", "carries a user name or password"),
        ("hooks.example/T0KEN-in-path", "scheme ''"),
        ("https://host:T0KEN/", "is not a URL"),
    ],
)
def test_unusable_urls_are_refused_without_showing_them(url: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_url(url, "the url")
    assert problem in str(caught.value)
    assert "T0KEN" not in str(caught.value)
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_failures_and_not_followed(receiver: Any, outgoing: Outgoing, status: int) -> None:
    receiver.answer(status, Location=f"{receiver.url}/elsewhere")
    with pytest.raises(ChannelError, match=f"{status}; redirects are not followed"):
        outgoing.post(receiver.url + "/here", b"", {})
    assert [request.path for request in receiver.requests] == ["/here"]


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (400, True),
        (401, True),
        (404, True),
        (410, True),
        (408, False),
        (425, False),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_which_answers_are_final(receiver: Any, outgoing: Outgoing, status: int, permanent: bool) -> None:
    receiver.answer(status)
    with pytest.raises(ChannelError, match=str(status)) as caught:
        outgoing.post(receiver.url, b"", {})
    assert caught.value.permanent is permanent


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("Wed, 04 Mar 2026 12:01:30 GMT", 90.0),
        ("Wed, 04 Mar 2026 11:00:00 GMT", 0.0),
        ("99999999", 86400.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(outgoing: Outgoing, header: str, seconds: float | None) -> None:
    class Dated(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response_only(429)  # without the Date header that send_response adds by the clock
            self.send_header("Date", "Wed, 04 Mar 2026 12:00:00 GMT")
            self.send_header("Retry-After", header)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with serve(HTTPServer(("127.0.0.1", 0), Dated)) as server, pytest.raises(ChannelError) as caught:
        outgoing.post(f"http://127.0.0.1:{server.server_address[1]}/", b"", {})
    assert caught.value.retry_after == seconds


def test_a_silent_server_is_waited_for_no_longer_than_the_limit(receiver: Any) -> None:
    receiver.stall()
    with pytest.raises(ChannelError, match=r"127\.0\.0\.1 did not answer in 0\.2 s") as caught:
        Outgoing(OutgoingSettings(allow_loopback=True, timeout_seconds=0.2)).post(receiver.url + "/" + SECRET, b"", {})
    assert not caught.value.permanent


def test_nobody_listening_can_be_tried_again(outgoing: Outgoing) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ChannelError, match="can't be reached") as caught:
            outgoing.post(f"http://127.0.0.1:{unused.getsockname()[1]}/{SECRET}?key={SECRET}", b"", {})
    assert not caught.value.permanent
    assert SECRET not in str(caught.value)


def test_a_long_answer_is_cut(receiver: Any, outgoing: Outgoing) -> None:
    receiver.answer(200, b"x" * (3 * MAX_REPLY_BYTES))
    assert len(outgoing.post(receiver.url, b"", {}).body) == MAX_REPLY_BYTES


def test_proxies_of_the_environment_are_ignored(
    receiver: Any, outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert outgoing.post(receiver.url, b"", {}).status == 200


def test_no_log_line_holds_the_path_or_the_query(
    receiver: Any, outgoing: Outgoing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        outgoing.post(f"{receiver.url}/services/{SECRET}?key={SECRET}", b"", {})
        receiver.answer(500)
        with pytest.raises(ChannelError):
            outgoing.post(f"{receiver.url}/services/{SECRET}", b"", {})
    assert receiver.requests[0].path == f"/services/{SECRET}?key={SECRET}"
    assert SECRET not in caplog.text


class serve:  # noqa: N801  (reads as a verb where it is used)
    """Runs a server in a thread for a `with` block."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> HTTPServer:
        self._thread.start()
        return self._server

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def tls_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A TLS server whose certificate is for hooks.example alone, by an authority that is trusted for the test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_bytes(secret + pem)
    (tmp_path / "authority.pem").write_bytes(pem)
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "authority.pem"))

    class Ok(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ok)
    server.handle_error = lambda *args: None  # type: ignore[method-assign]  # a refused handshake is expected
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serve(server):
        yield server.server_address[1]


def test_tls_checks_the_name_and_not_the_address(tls_port: int) -> None:
    outgoing = Outgoing(EVERYTHING, resolve=lambda host, port: ["127.0.0.1"])
    assert outgoing.post(f"https://hooks.example:{tls_port}/", b"", {}).status == 204
    with pytest.raises(ChannelError, match=r"other\.example can't be reached .*certificate"):
        outgoing.post(f"https://other.example:{tls_port}/", b"", {})
