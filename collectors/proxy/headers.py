"""Which headers travel on: all of them as they came, but for those that belong to one connection (RFC 9110, 7.6.1)."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    (b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te upgrade").split()
)
# Connection may not name these: without them the message would mean something else (or be another message).
_ALWAYS_END_TO_END = frozenset({b"content-length", b"transfer-encoding", b"host", b"content-encoding", b"content-type"})


def forwarded(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers to send on, in their order, spelling and number.

    Transfer-Encoding stays, since the message is framed in the same way again; where it stands, a Content-Length goes,
    because two receivers might believe different ones.

    >>> forwarded([(b"Host", b"x"), (b"Connection", b"keep-alive, X-Hop"), (b"X-Hop", b"1"), (b"X-B", b"2")])
    [(b'Host', b'x'), (b'X-B', b'2')]
    """
    found = [(name, name.lower(), value) for name, value in headers]
    dropped = set(HOP_BY_HOP)
    for _, name, value in found:
        if name == b"connection":
            dropped |= {each.strip().lower() for each in value.split(b",")} - _ALWAYS_END_TO_END
        elif name == b"transfer-encoding":
            dropped.add(b"content-length")
    return [(spelled, value) for spelled, name, value in found if name not in dropped]


def with_host(headers: Headers, host: bytes) -> Headers:
    """The headers with this Host in place of the one there is, or in front."""
    if not any(name.lower() == b"host" for name, _ in headers):
        return [(b"Host", host), *headers]
    return [(name, host if name.lower() == b"host" else value) for name, value in headers]


def has_header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bool:
    return any(name.lower() == wanted for name, _ in headers)


def as_mapping(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; of several of one name the first, as the collectors read them."""
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return found
