"""Links into the dashboard, with absolute times; there are none while `public_url` is unset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode


def incident_link(public_url: str, incident_id: int) -> str | None:
    return _link(public_url, "incident", incident=str(incident_id))


def model_link(public_url: str, model: str, start: datetime, end: datetime) -> str | None:
    """The model's page, showing [start, end)."""
    return _link(public_url, "model", model=model, **{"from": _time(start), "to": _time(end)})


def around(since: datetime, end: datetime, window: timedelta) -> tuple[datetime, datetime]:
    """The time to show for a breach: itself, and as much before it as tells what normal was."""
    return since - max(24 * window, end - since), end


def _link(public_url: str, page: str, **query: str) -> str | None:
    return f"{public_url.rstrip('/')}/{page}?{urlencode(query)}" if public_url else None


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
