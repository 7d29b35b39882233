"""The channels there are, and building the configured ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.channels.base import Channel
from alerts.options import read_options
from alerts.outgoing import Outgoing
from alerts.plugins import Family, check_name
from monitor.config import ChannelSettings, OutgoingSettings

CHANNELS: Final = Family(
    noun="channel kind",
    group="kedge.channels",
    built_in={
        "slack": "alerts.channels.slack:SlackChannel",
        "webhook": "alerts.channels.webhook:WebhookChannel",
    },
)


def build_channels(channels: Mapping[str, ChannelSettings], outgoing: OutgoingSettings) -> dict[str, Channel]:
    """The configured channels by name. Raises ConfigError naming the first that can't be built, and why."""
    return {name: build_channel(name, settings, Outgoing(outgoing)) for name, settings in channels.items()}


def build_channel(name: str, settings: ChannelSettings, outgoing: Outgoing) -> Channel:
    where = check_name("channel", name)
    kind = CHANNELS.load(settings.kind)
    channel: Channel = kind(read_options(kind.Options, settings.options, where), outgoing)
    return channel
