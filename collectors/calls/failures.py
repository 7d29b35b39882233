"""The text of an error in an answer, as each server spells it."""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.calls.paths import look_up

LONGEST = 500
"""Most characters of an error that are kept: MLflow answers with a whole stack trace."""

_RESULTS = ("predictions", "prediction", "outputs", "output", "data", "jsonData", "strData")


def error_of(sent: Any, status: int) -> str | None:
    """The error that an answer holds, or None where it is no error. A status of 400 or more always is one."""
    if isinstance(sent, dict) and (text := _said(sent, failed=status >= 400)):
        return text[:LONGEST]
    if status < 400:
        return None
    text = sent.strip() if isinstance(sent, str) else ""
    return text[:LONGEST] or f"status {status}"


def _said(sent: dict[str, Any], *, failed: bool) -> str | None:
    """KServe, Triton, BentoML: error; MLflow: error_code and message; FastAPI: detail; Seldon: status.info."""
    if not failed and any(sent.get(key) is not None for key in _RESULTS):
        return None
    if sent.get("error"):
        return _text(sent["error"])
    if isinstance(sent.get("error_code"), str):
        return ": ".join(str(part) for part in (sent["error_code"], sent.get("message")) if part)
    if sent.get("detail") and (failed or len(sent) == 1):
        return _text(sent["detail"])
    if look_up(sent, "status.status") == "FAILURE":
        said = [look_up(sent, f"status.{key}") for key in ("reason", "info")]
        return ": ".join(str(part) for part in said if part) or "FAILURE"
    return str(sent["message"]) if failed and sent.get("message") else None


def _text(sent: Any) -> str:
    """FastAPI lists what is wrong with each field."""
    if isinstance(sent, str):
        return sent
    if isinstance(sent, list) and sent and all(isinstance(each, dict) and "msg" in each for each in sent):
        return "; ".join(f"{'.'.join(map(str, _place(each)))}: {each['msg']}" for each in sent)
    return str(sent.get("message")) if isinstance(sent, dict) and sent.get("message") else _json(sent)


def _place(each: dict[str, Any]) -> list[Any]:
    place = each.get("loc")
    return place if isinstance(place, list) else [place]


def _json(sent: Any) -> str:
    return msgspec.json.encode(sent).decode()
