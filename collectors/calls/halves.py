"""One side of a call as a Half, for logs whose requests and responses come apart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from collectors.calls.inputs import inputs_of
from collectors.calls.outputs import outputs_of
from collectors.calls.records import partial_rows, usable_id
from collectors.calls.sides import Inputs, Outputs
from collectors.wire import Half, Side, WirePrediction
from monitor.config import MappingSettings

NO_RESPONSE = "no response was logged: the call failed, or its response was lost"
"""The error of a request that stays alone in a log that has responses too."""


def make_half(
    side: Side,
    sent: Any,
    mapping: MappingSettings,
    *,
    key: str,
    request_id: str | None,
    model: str | None = None,
    version: str | None = None,
    time: datetime | None = None,
    times_call: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Half:
    """The half that a decoded body is. Raises BodyUnreadable. The body's own id wins over `request_id`."""
    read: Inputs | Outputs = inputs_of(sent, mapping) if side is Side.REQUEST else outputs_of(sent, mapping=mapping)
    rows = _rows(read)
    for row in rows:
        row.sampling_fraction = mapping.sampling_fraction
        row.tags = {**row.tags, **tags} if tags else row.tags
    version = version or read.version
    return Half(
        key=usable_id(key) or "",
        side=side,
        request_id=usable_id(read.id or request_id) or "",
        model=model or read.model,
        version=version[:200] if version else None,
        time=time,
        rows=rows,
        alone=NO_RESPONSE if side is Side.REQUEST else "",
        times_call=times_call and time is not None,
    )


def _rows(read: Inputs | Outputs) -> list[WirePrediction]:
    if isinstance(read, Inputs):
        return partial_rows(read, None)
    return [WirePrediction(error=read.error)] if read.error else partial_rows(None, read)
