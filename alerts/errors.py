"""The one way in which a channel or a response target reports failure."""

from __future__ import annotations

from monitor.errors import KedgeError


class ChannelError(KedgeError):
    """A message, or a response's request, did not get through.

    `permanent`: trying again can't help. `retry_after`: seconds the other side asked to be left alone. The message is
    stored and shown, so it must hold no secret: name the host, never a URL's path or query.
    """

    def __init__(self, message: str, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
