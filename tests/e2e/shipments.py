"""What the senders of `test_sigkill` send, and what each shipment must leave behind once it was acknowledged.

Every prediction has a number `n` of its own and the prediction `2 * n`. Every record that is to be refused carries a
marker of its own, which its payload in quarantine shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, takewhile
from random import Random
from threading import Event
from time import time
from typing import Any

JSON, LINES = "application/json", "application/x-ndjson"
MODEL, OTHER, SERVICE, TAIL, EXPORTED = "sent", "sent-too", "served", "tail", "exported"


@dataclass(frozen=True)
class Shipment:
    """One request. `stored`: numbers → prediction ids (None where the collector makes it); `bad`: markers."""

    body: bytes
    headers: dict[str, str]
    path: str = "/v1/predictions"
    status: int = 202
    stored: dict[int, str | None] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    bad: frozenset[str] = frozenset()

    @property
    def key(self) -> str | None:
        return self.headers.get("Idempotency-Key")


def _starts(first: int, step: int, stop: Event) -> Iterator[int]:
    return takewhile(lambda _: not stop.is_set(), count(first, step))


def prediction(number: int, prediction_id: str | None, model: str = MODEL) -> dict[str, Any]:
    named = {} if prediction_id is None else {"prediction_id": prediction_id}
    return {"model": model, "features": {"n": number}, "prediction": 2 * number, **named}


def unusable(marker: str, random: Random) -> dict[str, Any]:
    """A record that is refused, in one of several ways."""
    broken: list[dict[str, Any]] = [{"latency_ms": -1}, {"no_such_field": 1}, {"event_time": "soon"}, {"features": 7}]
    return {**prediction(0, marker), **random.choice(broken)}


def singles(random: Random, first: int, stop: Event) -> Iterator[Shipment]:
    """One record per request, with an id and without a key: a retry is known by the id."""
    for number in _starts(first, 1, stop):
        if random.random() < 0.05:
            marker = f"bad-single-{number}"
            body = json.dumps(unusable(marker, random)).encode()
            yield Shipment(body, {"Content-Type": JSON}, status=422, bad=frozenset({marker}))
            continue
        name = f"single-{number}"
        yield Shipment(json.dumps(prediction(number, name)).encode(), {"Content-Type": JSON}, stored={number: name})


def batches(random: Random, first: int, stop: Event) -> Iterator[Shipment]:
    """Arrays for two models under a key; some records without an id: a retry is known by the key alone."""
    for start in _starts(first, 50, stop):
        ids = {n: f"batch-{n}" if random.random() < 0.5 else None for n in range(start, start + random.randint(1, 50))}
        records = [prediction(n, name, random.choice((MODEL, OTHER))) for n, name in ids.items()]
        bad = frozenset({f"bad-batch-{start}"} if random.random() < 0.2 else ())
        for marker in bad:
            records.insert(random.randint(0, len(records)), unusable(marker, random))
        headers = {"Content-Type": JSON, "Idempotency-Key": f"batch-{start}"}
        yield Shipment(json.dumps(records).encode(), headers, stored=ids, bad=bad)


def lines(random: Random, first: int, stop: Event) -> Iterator[Shipment]:
    """Newline-delimited JSON with ids and without a key."""
    for start in _starts(first, 20, stop):
        ids: dict[int, str | None] = {n: f"line-{n}" for n in range(start, start + random.randint(1, 20))}
        rows = [json.dumps(prediction(n, name)) for n, name in ids.items()]
        bad = frozenset({f"bad-line-{start}"} if random.random() < 0.1 else ())
        rows += [f'{{"model": "{marker}' for marker in bad]
        yield Shipment("\n".join(rows).encode(), {"Content-Type": LINES}, stored=ids, bad=bad)


def labels(random: Random, first: int, stop: Event) -> Iterator[Shipment]:
    """Labels of the single records, under a key, because a label without one is stored as often as it comes."""
    for start in _starts(first, 10, stop):
        about = {f"single-{n}": 2 * n for n in range(start, start + random.randint(1, 10))}
        body: list[dict[str, Any]] = [{"model": MODEL, "prediction_id": k, "label": v} for k, v in about.items()]
        bad = frozenset({f"bad-label-{start}"} if random.random() < 0.1 else ())
        body += [{"model": MODEL, "prediction_id": marker} for marker in bad]
        headers = {"Content-Type": JSON, "Idempotency-Key": f"labels-{start}"}
        yield Shipment(json.dumps(body).encode(), headers, path="/v1/labels", labels=about, bad=bad)


def halves(random: Random, first: int, stop: Event) -> Iterator[Shipment]:
    """KServe's events, request and response apart and out of order; one call in twenty is never answered.

    The numbers of a call are claimed by its request; those of a call that is never answered are negative here.
    """
    waiting: list[Shipment] = []
    for start in _starts(first, 3, stop):
        numbers = range(start, start + random.randint(1, 3))
        call = f"call-{start}"
        is_answered = random.random() >= 0.05
        ids = {n: call if n == start else f"{call}/{n - start}" for n in numbers}
        asked = {"instances": [{"n": n} for n in numbers]}
        waiting.append(_event(call, "request", asked, {n if is_answered else -n: name for n, name in ids.items()}))
        if is_answered:
            waiting.append(_event(call, "response", {"predictions": [2 * n for n in numbers]}, {}))
        random.shuffle(waiting)
        while len(waiting) > 20:
            yield waiting.pop()
    yield from waiting


def exports(random: Random, first: int, stop: Event) -> Iterator[Shipment]:
    """BentoML's rows over OTLP, without a key; rows of one request have its id, and may come in two exports."""
    for start in _starts(first, 10, stop):
        numbers = range(start, start + random.randint(1, 10))
        ids = {n: f"{start}/{n - start}" if n > start else f"{start}" for n in numbers}
        middle = random.choice((start, start + len(numbers) // 2))
        for some in (range(start, middle), range(middle, start + len(numbers))):
            if some:
                yield _export([_row(n, start) for n in some], {n: ids[n] for n in some})


def _export(rows: list[dict[str, Any]], stored: dict[int, str | None]) -> Shipment:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": row} for row in rows]}]}]}
    return Shipment(json.dumps(body).encode(), {"Content-Type": JSON}, path="/v1/logs", status=200, stored=stored)


def _row(number: int, request: int) -> dict[str, Any]:
    columns = {"n": "feature", "double": "prediction"}
    schema = {name: {"name": name, "role": role, "type": "numerical"} for name, role in columns.items()}
    values = {"n": float(number), "double": 2.0 * number, "timestamp": time(), "request_id": str(request)}
    return _otlp({**values, "trace_id": "7", "bento_meta": {"monitor_name": EXPORTED, "schema": schema}})


def _otlp(value: Any) -> dict[str, Any]:
    """A value as OTLP's JSON writes it."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": name, "value": _otlp(each)} for name, each in value.items()]}}
    return {"doubleValue" if isinstance(value, float) else "stringValue": value}


def _event(call: str, side: str, body: dict[str, Any], stored: dict[int, str | None]) -> Shipment:
    headers = {
        "Content-Type": JSON,
        "ce-specversion": "1.0",
        "ce-id": call,
        "ce-source": "http://localhost:9081/",
        "ce-type": f"org.kubeflow.serving.inference.{side}",
        "ce-inferenceservicename": SERVICE,
        "ce-component": "predictor",
    }
    return Shipment(json.dumps(body).encode(), headers, stored=stored)
