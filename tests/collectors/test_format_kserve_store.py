"""What KServe's agent puts into object storage: JSON, CSV and Parquet."""

from __future__ import annotations

import base64
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from collectors.formats import Log, sniff_format
from collectors.formats.kserve_store import KServeStore
from collectors.joining import join
from collectors.wire import Side, WirePrediction

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def entry(kind: str, body: bytes, **more: Any) -> dict[str, Any]:
    return {
        "url": {"Scheme": "s3", "Host": "logs"},
        "bytes": base64.b64encode(body).decode(),
        "contentType": "application/json",
        "reqType": f"org.kubeflow.serving.inference.{kind}",
        "id": "a-1",
        "sourceUri": {"Host": "localhost:9081"},
        "inferenceService": "iris",
        "namespace": "default",
        "component": "predictor",
        "endpoint": "",
        "metadata": {},
        "annotations": {},
        "certName": "",
        "tlsSkipVerify": False,
        **more,
    }


REQUEST = entry("request", b'{"instances": [[6.8, 2.8]]}', occurrenceTime="2026-03-04T10:00:00.250Z")
RESPONSE = entry("response", b'{"predictions": [1]}', occurrenceTime="2026-03-04T10:00:00.254Z")


def stored(body: bytes) -> list[WirePrediction]:
    log = Log(body, at=NOON)
    found = sniff_format(log)
    assert isinstance(found, KServeStore)
    (part,) = found.decode(log)
    assert part.refusals == []
    return join(*part.halves)


def test_a_stored_batch_of_json_joins_and_has_a_latency() -> None:
    (record,) = stored(json.dumps([REQUEST, RESPONSE]).encode())
    assert (record.model, record.prediction_id, record.prediction) == ("iris", "a-1", 1)
    assert record.features == {"x0": 6.8, "x1": 2.8}
    assert record.latency_ms == pytest.approx(4)
    assert record.event_time == datetime(2026, 3, 4, 10, 0, 0, 254000, tzinfo=UTC)


def untimed() -> list[dict[str, Any]]:
    rows = []
    for sent in (REQUEST, RESPONSE):
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in sent.items()}
        rows.append({key: value for key, value in texts.items() if key != "occurrenceTime"})
    return rows


def test_stored_csv_has_the_time_of_its_object_and_no_latency() -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, untimed()[0])
    writer.writeheader()
    writer.writerows(untimed())
    (record,) = stored(text.getvalue().encode())
    assert (record.prediction, record.latency_ms, record.event_time) == (1, None, NOON)


def test_stored_parquet_is_told_from_other_parquet() -> None:
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(untimed()), sink)
    (record,) = stored(sink.getvalue())
    assert (record.prediction, record.latency_ms) == (1, None)
    other = io.BytesIO()
    parquet.write_table(pa.table({"prediction_id": ["a"]}), other)
    assert not KServeStore().sniff(Log(other.getvalue()))


def test_a_time_that_was_never_set_is_no_time() -> None:
    (record,) = stored(
        json.dumps([{**each, "occurrenceTime": "0001-01-01T00:00:00Z"} for each in (REQUEST, RESPONSE)]).encode()
    )
    assert (record.event_time, record.latency_ms) == (NOON, None)


@pytest.mark.parametrize(
    ("sent", "said"), [("!", "data '!' is not base64"), (7, "bytes is 7; accepted: the body in base64")]
)
def test_bytes_that_are_no_base64_are_refused(sent: Any, said: str) -> None:
    decoded = list(KServeStore().decode(Log(json.dumps([{**REQUEST, "bytes": sent}, RESPONSE]).encode())))
    assert [reason.reason for part in decoded for reason in part.refusals] == [said]
    assert [half.side for part in decoded for half in part.halves] == [Side.RESPONSE]
