"""Both sides of a call, or one, as records of the wire."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime

from collectors.calls.outputs import check_counts
from collectors.calls.sides import Inputs, Outputs
from collectors.joining import record_id
from collectors.wire import MAX_NAME_LENGTH, WirePrediction, shrink_integers

_LONGEST_ID = MAX_NAME_LENGTH - 12
"""Room for the row number behind the id."""


def usable_id(sent: str | None) -> str | None:
    """An id that fits: one too long is replaced by its digest, the same on each side of a call."""
    if not sent or len(sent) <= _LONGEST_ID:
        return sent or None
    return hashlib.sha256(sent.encode("utf-8", "surrogatepass")).hexdigest()


def call_records(
    inputs: Inputs | None,
    outputs: Outputs | None,
    *,
    request_id: str | None = None,
    model: str | None = None,
    version: str | None = None,
    time: datetime | float | None = None,
    latency_ms: float | None = None,
    status_code: int | None = None,
    error: str | None = None,
    tags: Mapping[str, str] | None = None,
    sampling_fraction: float = 1.0,
    request_bytes: int | None = None,
    response_bytes: int | None = None,
) -> list[WirePrediction]:
    """One prediction per row of a call. Raises BodyUnreadable when the answer has another number of rows.

    `inputs` is None where the request was not logged or can't be read, `outputs` where there is no answer. What is
    given here wins over what the bodies say. A failed call has one record per row with the error and no prediction.
    """
    error = error or (outputs.error if outputs else None)
    failed = error is not None or (status_code or 200) >= 400
    rows = partial_rows(inputs, None if failed else outputs)
    if not rows and (failed or (inputs is None and outputs is None)):
        rows = [WirePrediction()]  # nothing is known of it, but that it was a call
    known_id = usable_id(request_id or (inputs.id if inputs else None) or (outputs.id if outputs else None))
    said_model = model or (outputs.model if outputs else None) or (inputs.model if inputs else None)
    said_version = version or (outputs.version if outputs else None) or (inputs.version if inputs else None)
    usable_latency = latency_ms is not None and math.isfinite(latency_ms) and latency_ms >= 0
    for number, record in enumerate(rows):
        record.prediction_id = record_id(known_id, number) if known_id else None
        record.model, record.version = said_model, said_version[:200] if said_version else None
        record.event_time = time
        record.latency_ms = latency_ms if usable_latency else None
        record.status_code = status_code if status_code and 100 <= status_code <= 599 else None
        record.error = error
        record.sampling_fraction = sampling_fraction
        record.request_bytes, record.response_bytes = request_bytes, response_bytes
        if tags:
            record.tags = {**record.tags, **tags}
    return rows


def partial_rows(inputs: Inputs | None, outputs: Outputs | None) -> list[WirePrediction]:
    """The rows of one side (of a Half), or of both: without ids, model and times."""
    if inputs is None:
        records = [WirePrediction() for _ in (outputs.rows if outputs else ())]
    else:
        records = [WirePrediction(features=row, tags=dict(inputs.tags)) for row in inputs.rows]
        for record, entity in zip(records, inputs.entity_ids, strict=False):
            record.entity_id = usable_id(entity)
    if outputs is not None:
        if inputs is not None:
            check_counts(len(inputs.rows), len(outputs.rows))
        for record, output in zip(records, outputs.rows, strict=False):
            record.prediction, record.score, record.scores = output.prediction, output.score, output.scores
    for record in records:
        shrink_integers(record)
    return records
