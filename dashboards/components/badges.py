"""States as badges: a colour, an icon and a word each, so that none of them is needed alone."""

from __future__ import annotations

from dashboards.words import STATE_WORDS
from monitor.queries import IncidentRow, State

_SEVERITY = {"critical": ("red", ":material/error:"), "warning": ("orange", ":material/warning:")}
_PROGRESS = {
    "open": ("red", ":material/radio_button_checked:"),
    "acknowledged": ("blue", ":material/visibility:"),
    "resolved": ("green", ":material/check_circle:"),
}


def state_badge(state: State) -> str:
    """Markdown of a model's state."""
    word, colour, icon = STATE_WORDS[state]
    return f":{colour}-badge[{icon} {word}]"


def incident_badges(incident: IncidentRow) -> str:
    """Markdown of an incident's severity and of how far it has got; a resolved one is no longer red."""
    colour, icon = _SEVERITY.get(incident.severity, ("gray", ":material/help:"))
    progress_colour, progress_icon = _PROGRESS.get(incident.state, ("gray", ":material/help:"))
    if incident.state == "resolved":
        colour = "gray"
    severity = f":{colour}-badge[{icon} {incident.severity.capitalize()}]"
    return f"{severity} :{progress_colour}-badge[{progress_icon} {incident.state.capitalize()}]"


def quoted(text: str) -> str:
    """As `plain`, but what stands between two backticks is set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return plain(text)
    code = ("`" + " ".join(part.split()) + "`" if part.strip() else "" for part in parts[1::2])
    return "".join(before + between for before, between in zip(map(_spaced, parts[::2]), [*code, ""], strict=True))


def _spaced(text: str) -> str:
    """`plain`, which drops the blanks at the ends, with them."""
    lead, tail = (" " if text[:1].isspace() else ""), (" " if text[-1:].isspace() else "")
    return f"{lead}{plain(text)}{tail}" if text.strip() else " " * bool(text)


def plain(text: str) -> str:
    """Text from outside (names, reasons) with Markdown's own characters taken for what they are."""
    return "".join(
        f"\\{character}" if character in "\\`*_{}[]()<>#|~$:!&" else character for character in " ".join(text.split())
    )
