"""The response targets there are, and building the configured responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.options import check_name, read_options
from alerts.outgoing import Outgoing
from alerts.responses.base import ResponseTarget
from monitor.config import OutgoingSettings, ResponseSettings
from monitor.plugins import RESPONSE_TARGETS


@dataclass(frozen=True, slots=True)
class Response:
    """A configured response: when it may act, and what acts."""

    settings: ResponseSettings
    target: ResponseTarget


def build_responses(responses: Mapping[str, ResponseSettings], outgoing: OutgoingSettings) -> dict[str, Response]:
    """The configured responses by name. Raises ConfigError naming the first that can't be built, and why."""
    return {name: build_response(name, settings, Outgoing(outgoing)) for name, settings in responses.items()}


def build_response(name: str, settings: ResponseSettings, outgoing: Outgoing) -> Response:
    where = check_name("response", name)
    kind = RESPONSE_TARGETS.load(settings.target)
    return Response(settings, kind(read_options(kind.Options, settings.options, where), outgoing))
