"""What KServe's agent writes to object storage instead of posting events: batches as JSON, CSV or Parquet.

A JSON object holds one entry, an array several: `id`, `reqType`, `inferenceService`, `namespace`, `component`,
`endpoint`, `contentType`, `bytes` in base64 and, from KServe 0.18 on, `occurrenceTime`. CSV and Parquet have the same
columns without a time: there the time is that of the object, and latency is not known.

Source: kserve/kserve, pkg/logger/{types,store,marshaller_record}.go.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from collectors.formats.cloud_events import Event, decode_base64, decode_events, mentions
from collectors.formats.gathering import Broken, Outcome, first_object, read_objects
from collectors.formats.kserve import kserve_outcomes
from collectors.formats.reading import said, shown
from collectors.formats.registry import Decoded, Log
from collectors.wire import Half

_MARKS = ("reqType", "inferenceService", "bytes")
_PARQUET = b"PAR1"
_ATTRIBUTES = {
    "id": "id",
    "reqType": "type",
    "inferenceService": "inferenceservicename",
    "namespace": "namespace",
    "component": "component",
    "endpoint": "endpoint",
    "occurrenceTime": "time",
}
_NO_TIME = "0001-01-01"  # what Go writes for a time that was never set
_BATCH = 1_000


class KServeStore:
    """Batches of logged requests and responses in object storage."""

    name = "kserve-store"
    title = "KServe inference logger, object storage"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        if log.body.startswith(_PARQUET):
            footer = log.body[-65536:]
            return all(mark.encode() in footer for mark in _MARKS)
        if not mentions(log.body, b"reqType"):
            return False
        return set(_MARKS) <= (set(first_object(log.body)) or _header(log.body))

    def decode(self, log: Log) -> Iterator[Decoded]:
        return decode_events(_entries(log.body), lambda entry: _read(entry, log))

    def example(self) -> Log:
        return Log(
            b'{"id": "a-1", "reqType": "org.kubeflow.serving.inference.request", "inferenceService": "iris", '
            b'"component": "predictor", "contentType": "application/json", "occurrenceTime": "2026-03-04T10:00:00Z", '
            b'"bytes": "eyJpbnN0YW5jZXMiOiBbWzYuOCwgMi44XV19"}'
        )


def _entries(body: bytes) -> Iterator[dict[str, Any] | Broken]:
    try:
        if body.startswith(_PARQUET):
            for batch in parquet.ParquetFile(pa.BufferReader(body)).iter_batches(_BATCH):
                yield from batch.to_pylist()
        elif set(_MARKS) <= _header(body):
            yield from csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        else:
            yield from read_objects(body)
    except (pa.ArrowException, csv.Error, OSError, ValueError, TypeError) as error:
        yield Broken(f"the batch is not readable: {said(error)}", body[:4096])


def _header(body: bytes) -> set[str]:
    """The names in the first line of a CSV."""
    line = body[:4096].partition(b"\n")[0].decode("utf-8-sig", "replace")
    return set() if line.startswith(("{", "[")) else {name.strip('" \r') for name in line.split(",")}


def _read(entry: Mapping[str, Any], log: Log) -> list[Outcome]:
    raw = entry.get("bytes")
    if not isinstance(raw, str | bytes):
        raise ValueError(f"bytes is {shown(raw)}; accepted: the body in base64")
    about = {name: str(entry[key]) for key, name in _ATTRIBUTES.items() if entry.get(key)}
    timed = not about.get("time", _NO_TIME).startswith(_NO_TIME)
    if timed:
        about["recordedtime"] = about["time"]
    else:
        about.pop("time", None)
    headers = {"content-type": str(entry.get("contentType") or "")}
    found = kserve_outcomes(Event(about, body=decode_base64(raw), headers=headers), log)
    for half in found:
        if isinstance(half, Half) and not timed:
            half.time = log.at
    return found
