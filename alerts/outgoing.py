"""The one place that makes Kedge's own requests: bounded, without redirects, and only to addresses that are allowed.

The host is resolved once, the address is checked, and the connection goes to that very address (with the host's name in
the Host header and in TLS), so a name that resolves differently a moment later can't get around the check. httpx's
transport is used bare: its client would log whole URLs, follow proxies from the environment and keep cookies.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final

import certifi
import httpx

from alerts.addresses import refusal
from alerts.errors import ChannelError
from monitor.config import OutgoingSettings
from monitor.errors import ConfigError

MAX_REPLY_BYTES: Final = 64 * 1024
_RETRYABLE: Final = frozenset({408, 425, 429})
_LONGEST_WAIT: Final = 86400.0

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx answer, its body cut at MAX_REPLY_BYTES."""

    status: int
    body: bytes


class RefusedReply(ChannelError):
    """The other side answered, and not with 2xx; `body` may say why, and may echo what it was sent."""

    def __init__(self, message: str, permanent: bool, retry_after: float | None, body: bytes) -> None:
        super().__init__(message, permanent, retry_after)
        self.body = body


def resolve_host(host: str, port: int) -> list[str]:
    """The host's addresses, in the order to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_url(text: str, name: str) -> str:
    """Return `text` if requests may go to such a URL, else raise ConfigError, which shows scheme and host at most."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ConfigError(f"{name} is not a URL; accepted: https://host/path") from None
    if url.scheme not in ("http", "https"):
        raise ConfigError(f"{name} has scheme {url.scheme!r}; accepted: http, https")
    if not url.host:
        raise ConfigError(f"{name} names no host; accepted: https://host/path")
    if url.userinfo:
        raise ConfigError(f"{name} for host {url.host!r} carries a user name or password; put secrets in other options")
    return text


class Outgoing:
    """Makes requests within the `outgoing` settings."""

    def __init__(self, settings: OutgoingSettings, resolve: Resolve = resolve_host) -> None:
        self._settings = settings
        self._resolve = resolve

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST a JSON body once. Raises ChannelError for everything but a 2xx answer."""
        return self.request("POST", url, body, {"content-type": "application/json", **headers})

    def request(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """Make one request. Raises ChannelError for everything but a 2xx answer."""
        try:
            target = httpx.URL(check_url(url, "the URL"))
        except ConfigError as error:
            raise ChannelError(str(error), permanent=True) from None
        host = target.raw_host.decode("ascii")
        deadline = time.monotonic() + self._settings.timeout_seconds
        failure: ChannelError | None = None
        for address in self._allowed_addresses(host, target):
            request = self._pinned(method, target, address, body, headers or {}, deadline)
            try:
                return self._send(request, host, deadline)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent: the next address may do
                failure = ChannelError(f"{host} can't be reached ({_why(error)})")
            except httpx.TimeoutException:
                raise ChannelError(f"{host} did not answer in {self._settings.timeout_seconds:g} s") from None
            except httpx.HTTPError as error:
                raise ChannelError(f"the connection to {host} broke ({type(error).__name__})") from None
        raise failure or ChannelError(f"{host} has no address")

    def _allowed_addresses(self, host: str, target: httpx.URL) -> list[str]:
        try:
            addresses = self._resolve(host, target.port or (443 if target.scheme == "https" else 80))
        except (OSError, UnicodeError):
            raise ChannelError(f"host {host!r} can't be resolved") from None
        refusals = {address: refusal(address, self._settings) for address in addresses}
        allowed = [address for address, why in refusals.items() if why is None]
        if addresses and not allowed:
            raise ChannelError(f"{host} is at {addresses[0]}, {refusals[addresses[0]]}", permanent=True)
        return allowed

    def _pinned(
        self, method: str, target: httpx.URL, address: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> httpx.Request:
        left = max(0.001, deadline - time.monotonic())
        return httpx.Request(
            method,
            target.copy_with(host=address),
            headers={
                "user-agent": "Kedge",
                "accept-encoding": "identity",
                **headers,
                "host": target.netloc.decode("ascii"),
            },
            content=body,
            extensions={
                "timeout": httpx.Timeout(left).as_dict(),
                "sni_hostname": target.raw_host.decode("ascii"),
            },
        )

    def _send(self, request: httpx.Request, host: str, deadline: float) -> Reply:
        # No connection is kept: one that was opened for another name at the same address must not carry this request.
        with httpx.HTTPTransport(verify=self._tls, trust_env=False) as transport:
            response = transport.handle_request(request)
            try:
                body = _read(response, deadline)
            finally:
                response.close()
        if response.is_success:
            return Reply(response.status_code, body)
        raise RefusedReply(*_judge(response, host), body)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=certifi.where())
        context.load_default_certs()  # a company's own authorities are in the system's store
        return context


def _read(response: httpx.Response, deadline: float) -> bytes:
    body = b""
    for chunk in response.iter_raw():
        body += chunk
        if len(body) >= MAX_REPLY_BYTES or time.monotonic() > deadline:
            break
    return body[:MAX_REPLY_BYTES]


def _judge(response: httpx.Response, host: str) -> tuple[str, bool, float | None]:
    status = response.status_code
    if response.is_redirect or 300 <= status < 400:
        return f"{host} answered {status}; redirects are not followed, set the final URL", False, None
    permanent = 400 <= status < 500 and status not in _RETRYABLE
    return f"{host} answered {status} {response.reason_phrase}".rstrip(), permanent, _retry_after(response)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds from a Retry-After header: a number, or a date compared with the answer's own Date."""
    text = response.headers.get("retry-after", "").strip()
    try:
        if text.isdecimal():
            return min(float(text), _LONGEST_WAIT)
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(response.headers["date"])
    except (ValueError, TypeError, KeyError):
        return None
    return min(max(0.0, wait.total_seconds()), _LONGEST_WAIT)


def _why(error: Exception) -> str:
    return "timed out" if isinstance(error, httpx.ConnectTimeout) else str(error) or type(error).__name__
