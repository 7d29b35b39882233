"""JSON lines of any layout with a mapping, on a real hand-written log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format, sniff_format
from collectors.wire import WirePrediction
from monitor.config import MappingSettings

RECORDING = Path(__file__).parents[1] / "recordings" / "fastapi" / "predictions.jsonl"
FASTAPI = MappingSettings(
    fields={
        "event_time": "ts",
        "model": "model.name",
        "version": "model.version",
        "label": "actual",
        "label_time": "observed_at",
    },
    features_at="features",
)


def decode(body: bytes, mapping: MappingSettings = FASTAPI) -> list[Decoded]:
    return list(find_format("mapped").decode(Log(body, model="bike", mapping=mapping)))


def test_a_hand_written_log_is_read_with_its_labels_and_errors() -> None:
    (decoded,) = decode(RECORDING.read_bytes())
    assert (len(decoded.records), decoded.refusals, decoded.skipped) == (8, [], 0)
    first, *_, error = decoded.records
    assert isinstance(first, WirePrediction)
    assert isinstance(error, WirePrediction)
    assert (first.model, first.version, first.latency_ms) == ("bike", "2011-09", 4.457)
    assert first.event_time == datetime(2026, 11, 20, 3, 57, 56, 889043, tzinfo=UTC)
    assert (len(first.features), first.features["temp"]) == (11, 0.16)
    assert (error.error, error.prediction) == ("weathersit 4 unsupported", None)
    labels = [record for record in decoded.records if record.label is not None]
    assert [(label.prediction_id, label.label) for label in labels][1] == ("bike-9001", 60.0)
    assert labels[0].label_time == datetime(2012, 1, 15, 21, tzinfo=UTC)


def test_only_a_mapping_that_says_where_things_are_is_recognised() -> None:
    body = RECORDING.read_bytes()
    assert sniff_format(Log(body, mapping=FASTAPI)) is find_format("mapped")
    assert sniff_format(Log(body)) is find_format("json")
    assert sniff_format(Log(body, mapping=MappingSettings(latency_unit="s"))) is find_format("json")


def test_an_array_of_records_is_read_as_well() -> None:
    mapping = MappingSettings(fields={"prediction": "y"})
    (decoded,) = decode(b'[{"y": 1}, {"y": 2}]', mapping)
    assert [record.prediction for record in decoded.records if isinstance(record, WirePrediction)] == [1, 2]


def test_a_line_that_is_not_wanted_is_skipped_and_one_that_is_broken_is_refused() -> None:
    mapping = MappingSettings(fields={"prediction": "y"}, where={"event": "p"})
    (decoded,) = decode(b'{"event": "p", "y": 1}\n{"event": "q"}\n\n{"event": \n{"event": "p", "y": 4}\n', mapping)
    assert (decoded.places, decoded.skipped) == ([0, 3], 1)
    assert [(refused.index, refused.payload) for refused in decoded.refusals] == [(2, b'{"event": ')]


@pytest.mark.parametrize("body", [b"[1, 2", b"[{]"])
def test_a_broken_array_is_refused_whole(body: bytes) -> None:
    (decoded,) = decode(body)
    assert [(refused.index, refused.payload) for refused in decoded.refusals] == [(0, body)]


def test_what_python_writes_for_no_number_is_read() -> None:
    mapping = MappingSettings(fields={"prediction": "y"})
    (decoded,) = decode(b'{"y": NaN, "x": Infinity}\n{"y": 1, "x": NaN}\n', mapping)
    first, second = [record for record in decoded.records if isinstance(record, WirePrediction)]
    assert (first.prediction, first.features) == (None, {"x": float("inf")})
    assert second.prediction == 1


def test_the_measurements_of_litserves_own_logger_can_be_mapped() -> None:
    mapping: dict[str, Any] = {
        "where": {"key": "predict_seconds"},
        "fields": {"event_time": "time", "latency_ms": "value"},
        "features_at": "features",
        "latency_unit": "s",
    }
    body = RECORDING.parents[1].joinpath("litserve", "custom_logger.jsonl").read_bytes()
    (decoded,) = decode(body, MappingSettings(**mapping))
    assert (len(decoded.records), decoded.skipped) == (3, 3)
    (first, *_) = decoded.records
    assert isinstance(first, WirePrediction)
    assert first.latency_ms == pytest.approx(21.543156)
