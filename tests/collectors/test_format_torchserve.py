"""TorchServe's logs, laid out as its documentation and public logs show them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.formats import Decoded, Log, find_format, sniff_format
from collectors.wire import WirePrediction
from monitor.config import MappingSettings

CONSOLE = (Path(__file__).parents[1] / "recordings" / "torchserve" / "ts_log_constructed.log").read_bytes()
ACCESS = b'2018-10-15T13:56:18,976 - /127.0.0.1:64003 "POST /predictions/resnet-18 HTTP/1.1" 200 118\n'


def decode(body: bytes, path: str = "", **mapping: object) -> tuple[Decoded, list[WirePrediction]]:
    log = Log(body, path=path, mapping=MappingSettings.model_validate(mapping))
    assert sniff_format(log) is find_format("torchserve")
    (decoded,) = find_format("torchserve").decode(log)
    assert decoded.refusals == []
    return decoded, [record for record in decoded.records if isinstance(record, WirePrediction)]


def test_access_lines_of_predictions_are_records_and_all_else_is_skipped() -> None:
    decoded, read = decode(CONSOLE)
    assert [(r.model, r.version, r.status_code, r.latency_ms) for r in read] == [
        ("resnet-18", None, 200, 118.0),
        ("sdxl", None, 200, 86831.0),
        ("r", "2.0", 507, 15.0),
    ]
    assert read[0].event_time == datetime(2018, 10, 15, 13, 56, 18, 976000, tzinfo=UTC)
    assert decoded.skipped == 5


def test_the_file_of_access_lines_has_a_layout_of_its_own() -> None:
    _, (read,) = decode(ACCESS)
    assert (read.model, read.status_code, read.latency_ms) == ("resnet-18", 200, 118.0)


@pytest.mark.parametrize(
    ("line", "latency", "request_id"),
    [
        (
            b"2024-01-01T10:00:00,000 - PredictionTime.Milliseconds:71.95|#ModelName:mnist,Level:Model|#type:GAUGE|"
            b"#hostname:test-host,1699061430,6d1726a7-1b0e",
            71.95,
            "6d1726a7-1b0e",
        ),
        (
            b"2024-01-01T10:00:00,000 - PredictionTime.ms:5.5|#ModelName:mnist,Level:Model|"
            b"#hostname:test-host,requestID:a3cc,timestamp:1699732113",
            5.5,
            "a3cc",
        ),
        (b"2024-01-01T10:00:00,000 - PredictionTime.Microseconds:500|#ModelName:mnist|#hostname:h,r-1", 0.5, "r-1"),
    ],
)
def test_the_file_of_model_metrics_has_the_handlers_time_and_the_request_id(
    line: bytes, latency: float, request_id: str
) -> None:
    other = b"\n2024-01-01T10:00:00,000 - HandlerTime.ms:1|#ModelName:mnist|#hostname:h,requestID:x,timestamp:1\n"
    decoded, (read,) = decode(line + other, "logs/model_metrics.log")
    assert (read.model, read.latency_ms, read.prediction_id) == ("mnist", latency, request_id)
    assert decoded.skipped == 1


def test_other_addresses_are_predictions_where_the_mapping_says_so() -> None:
    _, read = decode(ACCESS + ACCESS.replace(b"/predictions/resnet-18", b"/mine/x"), paths=["/mine/*"])
    assert [r.model for r in read] == [None]
    assert decode(ACCESS, time_zone="Asia/Tokyo")[1][0].event_time == datetime(
        2018, 10, 15, 4, 56, 18, 976000, tzinfo=UTC
    )
