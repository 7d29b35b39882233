"""What is kept of a refused record: all of it up to a bound, and the truth about its size."""

from __future__ import annotations

from monitor.records import Refusal

MAX_PAYLOAD = 64 * 2**10
MAX_REASON = 2000
MAX_MODEL = 200


def bounded(refusal: Refusal) -> Refusal:
    """The refusal as it is kept: text that every database can store, a payload of at most 64 KiB.

    >>> bounded(Refusal(index=0, reason="too long", payload=b"x" * 70_000)).reason
    'too long (70000 bytes were sent; the first 65536 are kept)'
    """
    reason = _storable(refusal.reason, MAX_REASON)
    if len(refusal.payload) > MAX_PAYLOAD:
        reason += f" ({len(refusal.payload)} bytes were sent; the first {MAX_PAYLOAD} are kept)"
    return Refusal(
        index=refusal.index,
        reason=reason,
        model=None if refusal.model is None else _storable(refusal.model, MAX_MODEL),
        payload=bytes(refusal.payload[:MAX_PAYLOAD]),
    )


def was_cut(reason: str, payload: bytes) -> bool:
    """Whether a refusal that is kept has lost a part of what was sent, by what `bounded` says of it.

    >>> kept = bounded(Refusal(index=0, reason="too long", payload=b"x" * 70_000))
    >>> was_cut(kept.reason, kept.payload), was_cut("too long", b"x")
    (True, False)
    """
    return len(payload) == MAX_PAYLOAD and reason.endswith(f"bytes were sent; the first {MAX_PAYLOAD} are kept)")


def _storable(text: str, longest: int) -> str:
    text = text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
