"""What every log format must do, whoever wrote it: this runs over all that are registered."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats import WHOLE_BODY, Decoded, LogFormat, find_format, format_names, sniff_format
from collectors.wire import WireLabel, WirePrediction
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
    read = [place for part in decoded for place in part.places]
    refused = [refusal.index for part in decoded for refusal in part.refusals]
    assert all(before < after for before, after in pairwise(read))
    everything = sorted(read + refused)
    assert everything == [WHOLE_BODY] or everything == list(range(len(everything)))


def test_the_name_is_its_key_and_a_plain_word(log_format: LogFormat) -> None:
    assert find_format(log_format.name) is log_format
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", log_format.name)


def test_media_types_are_its_own(log_format: LogFormat) -> None:
    assert log_format.media_types
    others = {t for name in FORMATS if name != log_format.name for t in find_format(name).media_types}
    assert not others & set(log_format.media_types)


def test_it_recognises_its_example_and_reads_one_prediction(log_format: LogFormat) -> None:
    body = log_format.example()
    assert sniff_format(body) is log_format
    (record,) = [record for part in log_format.decode(body, Kind.PREDICTIONS) for record in part.records]
    assert isinstance(record, WirePrediction)
    assert record.prediction_id


def test_it_reads_the_same_twice(log_format: LogFormat) -> None:
    body = log_format.example()
    assert list(log_format.decode(body, Kind.PREDICTIONS)) == list(log_format.decode(body, Kind.PREDICTIONS))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe\xfd", b"PAR1", b"[" * 50_000, b"{", b"\n\n", b"a,b\n1\n"])
def test_odd_bytes_are_refused_or_read_and_never_raise(log_format: LogFormat, kind: Kind, body: bytes) -> None:
    log_format.sniff(body)
    check(list(log_format.decode(body, kind)))


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200), kind=st.sampled_from(Kind), name=st.sampled_from(FORMATS))
def test_any_bytes_are_refused_or_read_and_never_raise(body: bytes, kind: Kind, name: str) -> None:
    log_format = find_format(name)
    log_format.sniff(body)
    check(list(log_format.decode(body, kind)))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(FORMATS))
def test_a_damaged_example_is_refused_or_read_and_never_raises(data: st.DataObject, name: str) -> None:
    log_format = find_format(name)
    body = bytearray(log_format.example())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    check(list(log_format.decode(bytes(body[: data.draw(st.integers(0, len(body)))]), Kind.PREDICTIONS)))


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"log format 'xml' is not known; accepted: csv, json, parquet"):
        find_format("xml")


def test_ours_are_asked_first_and_csv_last_of_them() -> None:
    assert format_names()[:3] == ["json", "parquet", "csv"]
