"""What becomes of halves: predictions where a call is complete, errors or bare predictions where it never was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from collectors.deliveries import Batch
from collectors.formats.registry import Decoded
from collectors.joining import NotJoinable, alone, join
from collectors.payloads import pack
from collectors.terms import Terms
from collectors.validation import validate
from collectors.wire import Half, Side, WirePrediction, WireRecord
from monitor.config import CollectorSettings
from monitor.records import Refusal

_DECODER = msgspec.msgpack.Decoder(Half)
_AS_JSON = 4  # no record is so many times as long in JSON as its call is in MessagePack


@dataclass(frozen=True, slots=True)
class StoredHalf:
    """A half as it waits in the file."""

    id: int
    source: str
    payload: bytes


@dataclass(slots=True)
class Settled:
    """What became of the halves of one step: batches and refusals, each with the source that brought them."""

    batches: list[tuple[str, Batch]] = field(default_factory=list)
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)


def settle(calls: Iterable[Sequence[StoredHalf]], now: datetime, settings: CollectorSettings) -> Settled:
    """What becomes of these halves. Their records pass the same validation as those that were sent whole."""
    settled = Settled()
    records: dict[str, list[WireRecord]] = {}
    longest = 0
    for halves in calls:
        source = halves[0].source
        longest = max(longest, sum(len(half.payload) for half in halves))
        try:
            found = _records(halves)
        except (NotJoinable, msgspec.MsgspecError) as error:
            settled.refusals.append((source, _refusal(halves, str(error))))
        else:
            records.setdefault(source, []).extend(found)
    terms = Terms(now=now, limits=settings, new_ids=lambda count: [], body_bytes=_AS_JSON * longest)
    for source, some in _in_bodies(records, settings.max_records):
        validated = validate(Decoded(some, range(len(some))), terms)
        settled.batches += [(source, batch) for batch in pack(validated)]
        settled.refusals += [(source, refusal) for refusal in validated.refusals]
    return settled


def _in_bodies(records: dict[str, list[WireRecord]], most: int) -> Iterable[tuple[str, list[WireRecord]]]:
    """The records of each source, no more together than one request may carry: calls of many rows add up."""
    for source, of_source in records.items():
        for start in range(0, len(of_source), most):
            yield source, of_source[start : start + most]


def _records(stored: Sequence[StoredHalf]) -> list[WirePrediction]:
    halves = [_DECODER.decode(half.payload) for half in stored]
    if len(halves) == 1:
        return alone(halves[0])
    one, other = halves
    return join(one, other) if one.side is Side.REQUEST else join(other, one)


def _refusal(halves: Sequence[StoredHalf], reason: str) -> Refusal:
    """The halves are kept side by side, as a JSON array."""
    try:
        sent = [msgspec.msgpack.decode(half.payload) for half in halves]
        model = next((each.get("model") for each in sent if each.get("model")), None)
        return Refusal(index=0, reason=reason, model=model, payload=msgspec.json.encode(sent))
    except (msgspec.MsgspecError, AttributeError):  # they are not even MessagePack of ours
        return Refusal(index=0, reason=reason, payload=b"\n".join(half.payload for half in halves))
