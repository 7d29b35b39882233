"""Who may call: API keys with one role each, or anybody on this machine as long as there is no key.

Shared by the collector and the API. Keys are never logged: errors and the audit log name a caller by the key's role.
"""

from __future__ import annotations

import base64
import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from monitor.db import keys
from monitor.db.database import Database
from monitor.db.keys import Role
from monitor.errors import KedgeError, Unavailable


class AccessDenied(KedgeError):
    """The caller may not do this. `status` is 401 when it must show a (valid) key, 403 when its key may not."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling: `anonymous` ones are on this machine and may do everything."""

    role: Role
    anonymous: bool = False


_ANONYMOUS = Caller(Role.ADMIN, anonymous=True)


class KeyRing:
    """The valid keys, read from the control database again after `refresh_seconds`.

    While the database can't be reached, the keys that were read before stay valid.
    """

    def __init__(self, db: Database, refresh_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._keys: dict[str, Role] | None = None
        self._read_at = 0.0
        self._reading = threading.Lock()

    @property
    def stale(self) -> bool:
        """Whether the next `authorize` reads the database."""
        return self._keys is None or self._clock() - self._read_at >= self._refresh_seconds

    def refresh(self) -> None:
        """Read the keys now. Raises Unavailable when that fails and there are none from before."""
        with self._reading:
            if not self.stale:
                return
            try:
                with self._db.reading() as session:
                    self._keys = keys.valid_keys(session)
            except Exception as error:
                if self._keys is None:
                    raise Unavailable(f"the API keys can't be read: {type(error).__name__}") from error
            self._read_at = self._clock()

    def authorize(self, headers: Mapping[str, str], client_host: str | None, needed: Role) -> Caller:
        """The caller, if it may do what `needed` names. Raises AccessDenied, or Unavailable.

        `headers` is looked up by lower-case name. A key comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
        """
        if self.stale:
            self.refresh()
        known = self._keys or {}
        shown = presented_key(headers)
        if shown is None:
            return _anonymous(headers, client_host, known)
        # The lookup is by SHA-256: its timing says nothing about a key, because nobody can steer a digest.
        role = known.get(keys.digest(shown)) if shown.isascii() else None
        if role is None:
            raise AccessDenied(401, "the API key is not valid; make one with: kedge key create")
        if not role.may(needed):
            raise AccessDenied(403, f"the API key has the role {role.value!r}; accepted: {needed.value!r} or 'admin'")
        return Caller(role)


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key a request shows, or None. Raises AccessDenied for an Authorization header that shows none.

    Loggers that can be given an address and nothing else (KServe's agent) have it in there, http://kedge:KEY@host, and
    send it as the password of Basic authentication.
    """
    authorization = headers.get("authorization")
    if authorization is not None:
        scheme, _, shown = authorization.strip().partition(" ")
        key = shown.strip() if scheme.lower() == "bearer" else _password(shown) if scheme.lower() == "basic" else ""
        if not key:
            raise AccessDenied(401, "the Authorization header is not usable; accepted: Bearer KEY, or Basic with it")
        return key
    key = headers.get("x-api-key", "").strip()
    return key or None


@lru_cache(1000)
def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's own.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "localhost", None)]
    [True, True, True, False, False, False]
    """
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _password(basic: str) -> str:
    try:
        return base64.b64decode(basic.strip(), validate=True).decode("ascii").partition(":")[2]
    except ValueError:
        return ""


def _anonymous(headers: Mapping[str, str], client_host: str | None, known: Mapping[str, Role]) -> Caller:
    if known:
        raise AccessDenied(401, "an API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY")
    if not is_loopback(client_host):
        raise AccessDenied(
            401, "without an API key only this machine may call; make a key with: kedge key create --role ingest"
        )
    # A browser names the page that sends a request: a foreign page must not write to a collector on the same machine.
    origin = headers.get("origin")
    if origin is not None and not is_loopback(_host_of(origin)) and _host_of(origin) != "localhost":
        raise AccessDenied(403, f"pages of {origin[:200]!r} may not call without an API key")
    return _ANONYMOUS


def _host_of(origin: str) -> str:
    return origin.rpartition("://")[2].partition("/")[0].rsplit(":", 1)[0].strip("[]")
