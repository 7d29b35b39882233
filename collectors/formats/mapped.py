"""JSON lines of any layout, read as a mapping says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from collectors.formats.gathering import Broken, read_objects
from collectors.formats.reading import refusal
from collectors.formats.registry import Decoded, Log
from collectors.mapping import Mapper, maps
from monitor.config import MappingSettings

_STRETCH = 10_000
_SPACE = b" \t\r\n\xef\xbb\xbf"


class Mapped:
    """What a hand-written prediction log is: an object per line (or an array of them), fields where a mapping says."""

    name = "mapped"
    title = "JSON with a mapping"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        return maps(log.mapping) and log.body[:4096].lstrip(_SPACE)[:1] in (b"{", b"[")

    def decode(self, log: Log) -> Iterator[Decoded]:
        mapper = Mapper(log.mapping, log.kind)
        objects, first = read_objects(log.body), 0
        while stretch := list(islice(objects, _STRETCH)):
            yield _decode(stretch, first, mapper)
            first += len(stretch)

    def example(self) -> Log:
        mapping = MappingSettings.model_validate(
            {"fields": {"prediction_id": "id", "prediction": "out.label"}, "features_at": "in"}
        )
        return Log(b'{"id": "a-1", "in": {"age": 39}, "out": {"label": "<=50K"}}', model="income", mapping=mapping)


def _decode(stretch: list[dict[str, Any] | Broken], first: int, mapper: Mapper) -> Decoded:
    """Predictions and labels may take turns: a prediction that is only a label becomes one later."""
    decoded = Decoded(places=[])
    assert isinstance(decoded.places, list)
    for index, sent in enumerate(stretch, start=first):
        if isinstance(sent, Broken):
            decoded.refusals.append(refusal(index, sent.reason, None, sent.payload))
            continue
        read = mapper.read(sent)
        if read is None:
            decoded.skipped += 1
        elif isinstance(read, str):
            decoded.refusals.append(refusal(index, read, sent))
        else:
            decoded.records.append(read)
            decoded.places.append(index)
    return decoded
