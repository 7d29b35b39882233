"""What a person is shown of the first record, before the rest is taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from collectors.formats import Decoded, Log, find_format
from collectors.wire import Half, Side, WirePrediction
from monitor.app.understanding import understand
from monitor.records import Refusal


class Gives:
    """A format that reads the same whatever it is given."""

    name = "gives"
    title = "Gives"
    media_types: tuple[str, ...] = ()

    def __init__(self, *stretches: Decoded) -> None:
        self.stretches = stretches

    def sniff(self, log: Log) -> bool:
        return True

    def decode(self, log: Log) -> Iterator[Decoded]:
        yield from self.stretches

    def example(self) -> Log:
        return Log(b"")


def test_half_of_a_call_says_which_and_what_it_waits_for() -> None:
    rows = [WirePrediction(features={"age": 39})]
    half = Half(
        key="k", side=Side.REQUEST, request_id="r-1", model="churn", rows=rows, time=datetime(2026, 3, 4, tzinfo=UTC)
    )
    understood = understand(Gives(Decoded(halves=[half], half_places=[0])), Log(b'{"ce-id": "r-1", "in": {"age": 39}}'))
    assert understood.what == "half of a call: its request, which waits for the response"
    assert understood.rows == [
        ("request", "r-1", "ce-id"),
        ("model", "churn", ""),
        ("time", datetime(2026, 3, 4, tzinfo=UTC), ""),
        ("features.age", 39, "in.age"),
    ]


def test_the_first_record_is_found_behind_what_was_refused() -> None:
    refused = Decoded(refusals=[Refusal(index=0, reason="broken")])
    found = Decoded([WirePrediction(prediction_id="a", tags={"region": "eu"})], [1])
    understood = understand(Gives(refused, found), Log(b""))
    assert (understood.what, understood.reason) == ("prediction", "")
    assert understood.rows == [("prediction_id", "a", ""), ("tags.region", "eu", "")]


def test_nothing_readable_says_why() -> None:
    assert understand(Gives(Decoded(refusals=[Refusal(index=0, reason="broken")])), Log(b"")).reason == "broken"
    assert understand(Gives(), Log(b"")).reason == "there is no prediction and no label at its beginning"


def test_many_features_are_cut_short() -> None:
    features: dict[str, Any] = {f"x{n}": n for n in range(100)}
    rows = understand(Gives(Decoded([WirePrediction(features=features)], [0])), Log(b"")).rows
    assert (len(rows), rows[-1]) == (41, ("…", "60 more", ""))


def test_a_label_is_called_one() -> None:
    log = Log(b'{"model": "m", "prediction_id": "a", "label": 1}')
    assert understand(find_format("json"), log).what == "label"


def test_a_time_is_found_however_it_was_written() -> None:
    ten = datetime(2026, 3, 4, 10, tzinfo=UTC)
    for sent in (b'"2026-03-04T11:00:00+01:00"', b"1772618400", b'"2026-03-04 10:00:00"'):
        log = Log(b'{"n": 1, "at": %s}' % sent)
        understood = understand(Gives(Decoded([WirePrediction(event_time=ten)], [0])), log)
        assert understood.rows == [("event_time", ten, "at")]
