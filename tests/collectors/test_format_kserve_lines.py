"""KServe's server log: each call once, by the line that says most about it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectors.formats import Decoded, Log, find_format
from collectors.wire import WirePrediction

RECORDINGS = Path(__file__).parents[1] / "recordings" / "kserve"
TIMING = (
    b"2026-11-20 03:54:30.%03d 524 kserve.trace kserve.io.%s: 0.0020 "
    b"['http_status:%d', 'http_method:POST', 'time:wall']\n"
)
ACCESS = b'2026-11-20 03:54:30.600 uvicorn.access INFO:     127.0.0.1:40826 524 - "POST /v1/models/%s HTTP/1.1" %d X\n'
LATENCY = (
    b"2026-11-20 03:54:30.%03d 524 kserve.trace requestId: %s, "
    b"preprocess_ms: 0.5, explain_ms: 0, predict_ms: 1.25, postprocess_ms: 0.25\n"
)


def decode(body: bytes, memory: dict[str, Any] | None = None, model: str | None = None) -> list[Decoded]:
    log = Log(body, model=model, memory={} if memory is None else memory)
    assert find_format("kserve-lines").sniff(log)
    return list(find_format("kserve-lines").decode(log))


def records(*args: Any, **known: Any) -> list[WirePrediction]:
    parts = decode(*args, **known)
    assert [refused for part in parts for refused in part.refusals] == []
    return [record for part in parts for record in part.records if isinstance(record, WirePrediction)]


def test_timing_lines_give_model_status_and_latency_and_latency_lines_the_id() -> None:
    read = records((RECORDINGS / "server.log").read_bytes())
    assert [(r.prediction_id, r.model, r.status_code) for r in read] == [
        (name, "electricity", 200) for name in ("elec-12000", "elec-12001", "elec-12002")
    ]
    assert read[0].latency_ms == 5.613803863525391
    assert read[0].event_time == datetime(2026, 11, 20, 3, 54, 29, 607000, tzinfo=UTC)


def test_access_lines_count_where_there_is_nothing_better() -> None:
    read = records((RECORDINGS / "access.log").read_bytes())
    assert [(r.model, r.status_code, r.latency_ms) for r in read] == [
        *[("electricity", 200, None)] * 3,
        ("electricity", 500, None),
    ]


def test_a_call_with_all_three_lines_counts_once() -> None:
    body = LATENCY % (1, b"a") + ACCESS % (b"iris%3Apredict", 200) + TIMING % (2, b"v1.models.iris:predict", 200)
    (read,) = records(body)
    assert (read.prediction_id, read.model, read.latency_ms) == ("a", "iris", 2.0)


def test_without_timing_lines_latency_lines_count_and_access_lines_tell_of_failures() -> None:
    body = LATENCY % (1, b"a") + ACCESS % (b"iris%3Apredict", 200) + ACCESS % (b"iris%3Apredict", 500)
    latency, failure = records(body, model="iris")
    assert (latency.prediction_id, latency.latency_ms, latency.model) == ("a", 2.0, "iris")
    assert (failure.status_code, failure.latency_ms) == (500, None)


def test_ids_of_calls_that_overlap_are_not_guessed() -> None:
    done = b"v1.models.iris:predict"
    body = LATENCY % (1, b"a") + LATENCY % (2, b"b") + TIMING % (3, done, 200) + TIMING % (4, done, 200)
    read = records(body + LATENCY % (5, b"c") + TIMING % (6, done, 200))
    assert [r.prediction_id in ("a", "b", "c") for r in read] == [False, False, True]
    assert len({r.prediction_id for r in read}) == 3


def test_what_a_piece_knows_goes_on_in_the_next() -> None:
    memory: dict[str, Any] = {}
    assert records(LATENCY % (1, b"a") + TIMING % (1, b"v2.health.ready", 200), memory) == []
    (read,) = records(TIMING % (2, b"v2.models.my.model.infer", 200), memory)
    assert (read.prediction_id, read.model) == ("a", "my.model")
    assert records(ACCESS % (b"iris%3Apredict", 200), memory) == []


def test_failures_have_no_id_and_unknown_models_are_no_call() -> None:
    body = TIMING % (1, b"v2.models.iris.infer", 422) + TIMING % (2, b"v1.models.nosuch:predict", 404)
    (read,) = records(body + TIMING % (3, b"v1.models.iris:explain", 200))
    assert (read.model, read.status_code) == ("iris", 422)


def test_a_call_without_a_request_id_is_told_by_its_line() -> None:
    body = LATENCY % (1, b"N.A.") + TIMING % (2, b"v1.models.iris:predict", 200)
    (read,), (again,) = records(body), records(body)
    assert read.prediction_id == again.prediction_id
    assert read.prediction_id != "N.A."
