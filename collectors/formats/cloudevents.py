"""CloudEvents in their JSON envelope (structured mode and batches), and in headers where no other format owns the type.

The data of an event whose type is KServe's or Seldon's are read as theirs; those of any other event are a record of
Kedge's own JSON format, or an array of them. A record without an event time has the event's; a prediction without an id
has the event's id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from collectors.calls import row_id, usable_id
from collectors.formats.cloud_events import (
    BATCH,
    STRUCTURED,
    Event,
    binary_event,
    decode_events,
    envelopes,
    mentions,
    structured_event,
)
from collectors.formats.gathering import Outcome, first_object
from collectors.formats.kserve import TYPE as KSERVE
from collectors.formats.kserve import kserve_outcomes
from collectors.formats.reading import read_record
from collectors.formats.registry import Decoded, Log
from collectors.formats.seldon import TYPE as SELDON
from collectors.formats.seldon import seldon_event, seldon_outcomes
from collectors.wire import WireLabel, WirePrediction
from monitor.lake import Kind

_READERS: dict[str, Callable[[Event, Log], list[Outcome]]] = {
    KSERVE: kserve_outcomes,
    SELDON: seldon_outcomes,
}
_AZURE = "azureml."


class CloudEvents:
    """CloudEvents 1.0 and 0.3."""

    name = "cloudevents"
    title = "CloudEvents"
    media_types = (STRUCTURED, BATCH)

    def sniff(self, log: Log) -> bool:
        content_type = log.headers.get("content-type", "")
        if content_type.startswith("application/cloudevents"):
            return True
        if (event := binary_event(log.headers, log.body)) is not None:
            return not event.type.startswith((KSERVE, _AZURE)) and seldon_event(log.headers, log.body) is None
        first = first_object(log.body) if mentions(log.body, b'"specversion"') else {}
        return "specversion" in first and "type" in first and not str(first["type"]).startswith(_AZURE)

    def decode(self, log: Log) -> Iterator[Decoded]:
        if (event := binary_event(log.headers, log.body)) is not None:
            return decode_events([event], lambda event: _outcomes(event, log), lambda event: event.body)
        return decode_events(envelopes(log.body), lambda envelope: _outcomes(structured_event(envelope), log))

    def example(self) -> Log:
        return Log(
            b'{"specversion": "1.0", "id": "a-1", "source": "/models/income", "type": "prediction", '
            b'"time": "2026-03-04T10:00:00Z", "data": {"model": "income", "features": {"age": 9}, "prediction": "low"}}'
        )


def _outcomes(event: Event, log: Log) -> list[Outcome]:
    for prefix, read in _READERS.items():
        if event.type.startswith(prefix):
            return read(event, log)
    data = event.data()
    kind = WireLabel if log.kind is Kind.LABELS else WirePrediction
    sent = data if isinstance(data, list) else [data]
    return [_record(each, kind, event, log, number) for number, each in enumerate(sent)]


def _record(sent: Any, kind: type[WireLabel | WirePrediction], event: Event, log: Log, number: int) -> Outcome:
    record = read_record(sent, kind)
    if isinstance(record, str):
        raise ValueError(record)
    if isinstance(record, WireLabel):
        record.label_time = record.label_time or event.moment("time", log.mapping)
        return record
    record.event_time = record.event_time or event.moment("time", log.mapping)
    if record.prediction_id is None and (known := event.attributes.get("id")):
        record.prediction_id = row_id(usable_id(known) or known, number)
    return record
