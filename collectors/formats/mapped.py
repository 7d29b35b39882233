"""JSON lines of any layout, read as a mapping says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.formats.reading import refusal, said
from collectors.formats.registry import WHOLE_BODY, Decoded, Log
from collectors.mapping import Mapper, maps
from monitor.config import MappingSettings
from monitor.records import Refusal

_STRETCH = 10_000
_SPACE = b" \t\r\n\xef\xbb\xbf"


class Mapped:
    """What a hand-written prediction log is: an object per line (or an array of them), fields where a mapping says."""

    name = "mapped"
    title = "JSON with a mapping"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return maps(log.mapping) and log.body[:4096].lstrip(_SPACE)[:1] in (b"{", b"[")

    def decode(self, log: Log) -> Iterator[Decoded]:
        body = log.body.lstrip(_SPACE)
        mapper = Mapper(log.mapping, log.kind)
        if body.startswith(b"["):
            try:
                pieces = [bytes(piece) for piece in msgspec.json.decode(body, type=list[msgspec.Raw])]
            except (msgspec.MsgspecError, RecursionError, ValueError) as error:
                reason = f"the body is not JSON: {said(error)}"
                yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=reason, payload=log.body)])
                return
        else:
            pieces = [line for line in body.splitlines() if line.strip()]
        for start in range(0, len(pieces), _STRETCH):
            yield _decode(pieces[start : start + _STRETCH], start, mapper)

    def example(self) -> Log:
        mapping = MappingSettings.model_validate(
            {"fields": {"prediction_id": "id", "prediction": "out.label"}, "features_at": "in"}
        )
        return Log(b'{"id": "a-1", "in": {"age": 39}, "out": {"label": "<=50K"}}', model="income", mapping=mapping)


def _decode(pieces: list[bytes], first: int, mapper: Mapper) -> Decoded:
    """One stretch. Predictions and labels may take turns: a prediction that is only a label becomes one later."""
    decoded = Decoded(places=[])
    assert isinstance(decoded.places, list)
    index = first
    for piece in pieces:
        sent: Any = None
        try:
            sent = msgspec.json.decode(piece)
            read = mapper.read(sent)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            read = f"not JSON: {said(error)}"
        if read is None:
            decoded.skipped += 1
        elif isinstance(read, str):
            decoded.refusals.append(refusal(index, read, sent, piece))
        else:
            decoded.records.append(read)
            decoded.places.append(index)
        index += 1
    return decoded
