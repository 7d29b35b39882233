"""The channels there are, and building the configured ones."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.channels.base import Channel
from alerts.options import check_name, read_options
from alerts.outgoing import Outgoing
from monitor.config import ChannelSettings, OutgoingSettings
from monitor.plugins import CHANNELS


def build_channels(channels: Mapping[str, ChannelSettings], outgoing: OutgoingSettings) -> dict[str, Channel]:
    """The configured channels by name. Raises ConfigError naming the first that can't be built, and why."""
    return {name: build_channel(name, settings, Outgoing(outgoing)) for name, settings in channels.items()}


def build_channel(name: str, settings: ChannelSettings, outgoing: Outgoing) -> Channel:
    where = check_name("channel", name)
    kind = CHANNELS.load(settings.kind)
    channel: Channel = kind(read_options(kind.Options, settings.options, where), outgoing)
    return channel
