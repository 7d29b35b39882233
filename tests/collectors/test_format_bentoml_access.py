"""BentoML's access lines, as BentoML 1.4.39 wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from collectors.formats import Decoded, Log, find_format, sniff_format
from collectors.wire import WirePrediction

RECORDING = Path(__file__).parents[1] / "recordings" / "bentoml" / "access.log"


def decode(model: str | None = None) -> tuple[Decoded, list[WirePrediction]]:
    log = Log(RECORDING.read_bytes(), model=model)
    assert sniff_format(log) is find_format("bentoml-access")
    (decoded,) = find_format("bentoml-access").decode(log)
    return decoded, [record for record in decoded.records if isinstance(record, WirePrediction)]


def test_calls_have_status_latency_and_an_id_of_their_trace() -> None:
    _, read = decode()
    assert [r.status_code for r in read] == [200, 200, 200, 200, 400, 400, 500]
    assert read[0] == WirePrediction(
        model="demo",
        prediction_id="fcf80a874e8d89ba04fe8cfa52bc57f2-c79dc214d172eec9",
        event_time=datetime(2026, 11, 20, 3, 53, 22, tzinfo=UTC),
        latency_ms=130.639,
        status_code=200,
    )


def test_the_start_reading_and_tracebacks_are_skipped() -> None:
    decoded, _ = decode()
    assert (decoded.skipped, decoded.refusals) == (7, [])


def test_the_service_names_the_model_only_where_nobody_else_does() -> None:
    assert {record.model for record in decode("electricity")[1]} == {"electricity"}
