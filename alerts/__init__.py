"""Alerts carry incidents to people (channels) and back to the deployment (responses).

A worker calls `dispatch`, `deliver` and `respond` every tick; any number of workers may.
"""

from alerts.channels.base import Channel, Receipt
from alerts.channels.registry import build_channels
from alerts.delivery import DeliveryReport, deliver
from alerts.errors import ChannelError
from alerts.fanout import DispatchReport, dispatch
from alerts.messages import Message
from alerts.responding import ResponseReport, respond
from alerts.responses.base import ResponsePlan, ResponseReceipt, ResponseTarget
from alerts.responses.registry import Response, build_responses

__all__ = [
    "Channel",
    "ChannelError",
    "DeliveryReport",
    "DispatchReport",
    "Message",
    "Receipt",
    "Response",
    "ResponsePlan",
    "ResponseReceipt",
    "ResponseReport",
    "ResponseTarget",
    "build_channels",
    "build_responses",
    "deliver",
    "dispatch",
    "respond",
]
