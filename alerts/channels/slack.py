"""Slack, by an incoming webhook. Compatible servers (Mattermost, Rocket.Chat) take the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from alerts.channels.base import Receipt
from alerts.errors import ChannelError
from alerts.messages import Message, format_time, format_window
from alerts.outgoing import Outgoing, RefusedReply, check_url
from monitor.windows import format_duration

_COLOURS: Final = {"critical": "#dc3545", "warning": "#f0ad4e", "resolved": "#28a745"}
_TITLE, _SECTION, _FIELD, _FALLBACK, _LINK = 150, 3000, 2000, 300, 3000
# Slack answers with one bare word such as no_service; anything else is not repeated, as it could echo the address.
_SLACK_ERROR: Final = re.compile(rb"[a-z_]{3,50}")


class SlackChannel:
    """POSTs one attachment per message: only attachments have a colour bar."""

    @dataclass(frozen=True)
    class Options:
        """`url` is the incoming webhook; whoever knows it can post, so it is a secret."""

        url: str

    def __init__(self, options: Options, outgoing: Outgoing) -> None:
        self._url: Final = check_url(options.url, "slack url")
        self._outgoing: Final = outgoing

    def send(self, message: Message) -> Receipt:
        try:
            reply = self._outgoing.post(self._url, msgspec.json.encode(slack_body(message)), {})
        except RefusedReply as refused:
            if not _SLACK_ERROR.fullmatch(refused.body.strip()):
                raise
            word = refused.body.strip().decode()
            raise ChannelError(f"{refused} ({word})", refused.permanent, refused.retry_after) from None
        return Receipt(f"HTTP {reply.status}")


def slack_body(message: Message) -> dict[str, Any]:
    """The payload, within Slack's limits whatever the names and texts are."""
    resolved = message.kind == "resolved"
    blocks = [_section(_title(message)), _section(_story(message)), _fields(message), *_buttons(message), _why(message)]
    return {
        "attachments": [
            {
                "color": _COLOURS["resolved" if resolved else message.severity],
                "fallback": escape(_one_line(message), _FALLBACK),
                "blocks": blocks,
            }
        ]
    }


def escape(text: str, limit: int) -> str:
    """The text with `& < >` escaped, cut to at most `limit` characters without cutting an escape in two.

    >>> escape("a < b & <!channel>", 100), escape("x&&&&", 9)
    ('a &lt; b &amp; &lt;!channel&gt;', 'x&amp;…')
    """
    pieces = [{"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character) for character in text]
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept, room = [], limit - 1
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _one_line(message: Message) -> str:
    if message.duration is not None:
        return f"[RESOLVED] {message.headline}, after {format_duration(message.duration)}"
    return f"[{message.severity.upper()}] {message.headline}. {message.summary}. Since {format_time(message.since)}"


def _title(message: Message) -> str:
    title = escape(" ".join(message.headline.split()).replace("*", "∗"), _TITLE)
    if message.kind == "resolved":
        title = f"Resolved: {title}"
    # A `|` would end the address, but links are percent-encoded and hold none.
    return f"*<{_escaped_link(message.incident_url)}|{title}>*" if message.incident_url else f"*{title}*"


def _story(message: Message) -> str:
    lines = [message.summary, _extent(message), message.explanation, message.cause]
    return escape("\n".join(filter(None, lines)) or message.title, _SECTION)


def _extent(message: Message) -> str:
    """How many windows, and of how many rows the latest is; nothing of what is over."""
    if message.kind == "resolved":
        return ""
    windows, n = message.evidence.get("windows_in_breach"), message.evidence.get("n")
    facts = [f"{windows} windows in breach"] if isinstance(windows, int) and windows > 1 else []
    facts += [f"n = {n:,}"] if isinstance(n, int) and n else []
    return ", ".join(facts)


def _fields(message: Message) -> dict[str, Any]:
    fields = {"Severity": message.severity, "Since": _since(message)}
    if message.duration is not None:
        fields["Lasted"] = format_duration(message.duration)
    if message.segment != "all":
        fields["Segment"] = message.segment
    fields["Window / baseline"] = format_window(message)
    if message.columns:
        fields["Columns"] = message.columns
    fields["Next"] = message.next_step
    return {"type": "section", "fields": [_text(f"*{name}*\n{escape(text, 1900)}") for name, text in fields.items()]}


def _since(message: Message) -> str:
    """The moment, and how long ago that is while it lasts."""
    moment = format_time(message.since)
    return (
        moment if message.duration is not None else f"{moment} ({format_duration(message.sent_at - message.since)} ago)"
    )


def _buttons(message: Message) -> list[dict[str, Any]]:
    links = [("Open incident", message.incident_url), ("See the model", message.model_url)]
    buttons = [
        {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url}
        for label, url in links
        if url is not None and len(url) <= _LINK
    ]
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _why(message: Message) -> dict[str, Any]:
    text = f"Incident {message.incident_id} | monitor {message.monitor} | sent because: {message.reason}"
    return {"type": "context", "elements": [_text(escape(text, _FIELD))]}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, Any]:
    # verbatim: a model named @here must not ring everybody.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped_link(url: str | None) -> str:
    return escape(url or "", _SECTION)
