"""What every log format must do, whoever wrote it: this runs over all that are registered."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats import WHOLE_BODY, Decoded, Log, LogFormat, find_format, format_names, sniff_format
from collectors.wire import Half, WireLabel, WirePrediction
from monitor.errors import ConfigError
from monitor.lake import Kind
from monitor.records import Refusal

FORMATS = format_names()


@pytest.fixture(params=FORMATS)
def log_format(request: pytest.FixtureRequest) -> LogFormat:
    return find_format(request.param)


def check(decoded: list[Decoded]) -> None:
    for part in decoded:
        assert len(part.records) == len(part.places)
        assert {type(record) for record in part.records} in (set(), {WirePrediction}, {WireLabel})
        assert all(isinstance(refusal, Refusal) and refusal.reason for refusal in part.refusals)
        assert len(part.halves) == len(part.half_places)
    read = [place for part in decoded for place in part.places]
    halves = [place for part in decoded for place in part.half_places]
    skipped = sum(part.skipped for part in decoded)
    refused = [refusal.index for part in decoded for refusal in part.refusals]
    assert all(before < after for before, after in pairwise(read))
    everything = sorted(read + refused + halves)
    assert len(everything) == len(set(everything))
    # Each record has one outcome: skipped ones have no place of their own among the others.
    assert everything == [WHOLE_BODY] or all(0 <= place < len(everything) + skipped for place in everything)


def test_the_name_is_its_key_and_a_plain_word(log_format: LogFormat) -> None:
    assert find_format(log_format.name) is log_format
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", log_format.name)


def test_media_types_are_its_own(log_format: LogFormat) -> None:
    others = {t for name in FORMATS if name != log_format.name for t in find_format(name).media_types}
    assert not others & set(log_format.media_types)


def test_a_line_that_cannot_be_read_loses_no_neighbour(log_format: LogFormat) -> None:
    def outcomes(body: bytes) -> int:
        parts = list(log_format.decode(replace(log_format.example(), body=body)))
        return sum(len(part.records) + len(part.halves) for part in parts)

    line = log_format.example().body.rstrip(b"\n") + b"\n"
    if outcomes(line + line) != 2:
        pytest.skip("a body of this format is one piece")
    for body in (b"bad\n" + line + line, line + b"[bad\n" + line, line + line + b"{bad\n"):
        assert outcomes(body) == 2


def test_it_recognises_its_example_and_reads_one_prediction(log_format: LogFormat) -> None:
    example = log_format.example()
    assert sniff_format(example) is log_format
    parts = list(log_format.decode(example))
    read = [*(record for part in parts for record in part.records), *(half for part in parts for half in part.halves)]
    (one,) = read
    assert isinstance(one, Half) or (isinstance(one, WirePrediction) and one.prediction_id)


def test_no_other_format_recognises_its_example(log_format: LogFormat) -> None:
    others = [each for each in map(find_format, FORMATS) if each is not log_format and each.name not in ("json", "csv")]
    assert [each.name for each in others if each.sniff(log_format.example())] == []


def test_it_reads_the_same_twice(log_format: LogFormat) -> None:
    assert list(log_format.decode(log_format.example())) == list(log_format.decode(log_format.example()))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe\xfd", b"PAR1", b"[" * 50_000, b"{", b"\n\n", b"a,b\n1\n"])
def test_odd_bytes_are_refused_or_read_and_never_raise(log_format: LogFormat, kind: Kind, body: bytes) -> None:
    example = log_format.example()
    for log in (Log(body, kind), replace(example, body=body, kind=kind)):
        log_format.sniff(log)
        check(list(log_format.decode(log)))


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200), kind=st.sampled_from(Kind), name=st.sampled_from(FORMATS))
def test_any_bytes_are_refused_or_read_and_never_raise(body: bytes, kind: Kind, name: str) -> None:
    log_format = find_format(name)
    example = log_format.example()
    for log in (Log(body, kind), replace(example, body=body, kind=kind)):
        log_format.sniff(log)
        check(list(log_format.decode(log)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(FORMATS))
def test_a_damaged_example_is_refused_or_read_and_never_raises(data: st.DataObject, name: str) -> None:
    log_format = find_format(name)
    example = log_format.example()
    body = bytearray(example.body)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    check(list(log_format.decode(replace(example, body=bytes(body[: data.draw(st.integers(0, len(body)))])))))


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"log format 'xml' is not known; accepted: .*csv, .*json, .*parquet"):
        find_format("xml")


def test_any_json_and_csv_are_asked_last() -> None:
    assert format_names()[-2:] == ("json", "csv")
