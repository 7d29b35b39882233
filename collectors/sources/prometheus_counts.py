"""From two looks at a server's counters to what its models served in between: pure functions of texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from collectors.sources import prometheus_usage
from collectors.sources.prometheus_servers import BY_CODE, SERVERS, Server
from monitor.errors import Unavailable
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.profiles.service import bucket_of

MOST_SERIES = 50_000
_STARTED = "process_start_time_seconds"
_OF_THE_PROCESS = prometheus_usage.NAMES | {_STARTED}
_KINDS = ("_bucket", "_sum", "_count", "_total")
_POINTS = 20
_GOOD_WORDS = ("ok", "success")

Labels = tuple[tuple[str, str], ...]
Series = dict[str, float]
"""Name and labels as text → the counter's value."""


@dataclass(slots=True)
class _Sums:
    """Growth of the counters of one model's version, added up."""

    counts: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, float] = field(default_factory=dict)
    latency_total: float = 0.0
    latency_count: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sample:
    name: str
    kind: str
    labels: Mapping[str, str]
    value: float


def read_series(text: str) -> Series:
    """The counters of model servers in a /metrics page, and what their process uses.

    Raises Unavailable for a text that is no such page.
    """
    wanted = {name for server in SERVERS for name in server.names}
    series: Series = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name, _ = _split(sample.name)
                if (name in wanted or sample.name in _OF_THE_PROCESS) and math.isfinite(sample.value):
                    series[_key(sample.name, sample.labels)] = sample.value
                    if len(series) > MOST_SERIES:
                        raise Unavailable(f"it has more than {MOST_SERIES} counters of models")
    except (ValueError, KeyError, IndexError) as error:
        raise Unavailable(f"it is no page of Prometheus metrics: {error}") from None
    return series


def growth(before: Series, after: Series) -> Series:
    """How much each counter grew. One that went down, or whose process is another now, began again at zero."""
    is_new_process = any(key.startswith(_STARTED) and before.get(key, value) != value for key, value in after.items())
    grown = {}
    for key, value in after.items():
        earlier = 0.0 if is_new_process else before.get(key, 0.0)
        grown[key] = value - earlier if value >= earlier else value
    return grown


def served(grown: Series) -> dict[tuple[str, str], ServiceProfile]:
    """(Model, version) → what it served, for all servers whose counters are there. The version may be ""."""
    sums: dict[tuple[str, str], _Sums] = {}
    samples = [_parse(key, value) for key, value in grown.items() if not key.startswith(_STARTED)]
    for server in SERVERS:
        mine = [sample for sample in samples if sample.name in server.names]
        for sample in mine:
            model = sample.labels.get(server.model, "").strip("/")
            if model not in server.not_models and model:
                version = sample.labels.get(server.version, "")
                _add(sums.setdefault((model, _version(version)), _Sums()), server, sample)
    return {key: each for key, summed in sums.items() if (each := _served(summed)).rows}


def _add(sums: _Sums, server: Server, sample: _Sample) -> None:
    if sample.name == server.latency and sample.kind in ("_bucket", "_sum", "_count"):
        _add_latency(sums, server, sample)
    elif sample.name == server.latency:
        sums.latency_total += sample.value * server.unit
    if sample.name == server.count:
        sums.latency_count += sample.value
    if sample.name in server.requests:
        outcome = server.requests[sample.name]
        if outcome == BY_CODE:
            outcome = _outcome(sample.labels.get(server.code, ""))
        sums.counts[outcome] = sums.counts.get(outcome, 0.0) + sample.value


def _add_latency(sums: _Sums, server: Server, sample: _Sample) -> None:
    match sample.kind:
        case "_bucket":
            bound = float(sample.labels.get("le", "inf")) * server.unit
            sums.buckets[bound] = sums.buckets.get(bound, 0.0) + sample.value
        case "_sum":
            sums.latency_total += sample.value * server.unit
        case "_count":
            sums.latency_count += sample.value
            if server.counted_by_latency:
                sums.counts["ok"] = sums.counts.get("ok", 0.0) + sample.value


def _served(sums: _Sums) -> ServiceProfile:
    counts = {outcome: round(count) for outcome, count in sums.counts.items()}
    client, server = counts.get("client error", 0), counts.get("error", 0)
    total = max(counts.get("all", 0), counts.get("ok", 0) + client + server)
    latency = LatencySketch() if not sums.buckets else sketch_of(sums.buckets)
    summed = round(sums.latency_count)
    return ServiceProfile(total, float(total), client, server, latency, sums.latency_total, summed)


def sketch_of(cumulative: Mapping[float, float]) -> LatencySketch:
    """A histogram (upper bound in ms → calls up to it) as a sketch.

    The calls of a bucket are taken to lie evenly between its bounds, as Prometheus' own quantiles do; those above the
    last bound, at it. So a quantile is as exact as the server's buckets are fine.
    """
    buckets: dict[int, int] = {}
    lower = high = below = 0.0
    for bound in sorted(cumulative):
        count = round(cumulative[bound] - below)
        below = max(below, cumulative[bound])
        upper = bound if math.isfinite(bound) else lower
        if count > 0:
            for latency, calls in _evenly(lower, upper, count):
                buckets[bucket_of(latency)] = buckets.get(bucket_of(latency), 0) + calls
            high = max(high, upper)
        lower = upper
    return LatencySketch(buckets, high)


def _evenly(lower: float, upper: float, count: int) -> Iterator[tuple[float, int]]:
    points = min(count, _POINTS)
    for number in range(points):
        calls = count * (number + 1) // points - count * number // points
        yield lower + (number + 0.5) / points * (upper - lower), calls


def _outcome(code: str) -> str:
    """What a status says: an HTTP code, or a word such as gRPC's."""
    if code.lower() in _GOOD_WORDS:
        return "ok"
    if code.isdigit():
        return "ok" if int(code) < 400 else "client error" if int(code) < 500 else "error"
    return "error"


def _version(text: str) -> str:
    return "" if text in ("None", "not available") else text


def _split(name: str) -> tuple[str, str]:
    """A sample's name without its ending, and the ending."""
    kind = next((each for each in _KINDS if name.endswith(each)), "")
    plain = name.removesuffix(kind)
    # A counter may really be called so: TF Serving's request_count.
    known: Iterable[frozenset[str]] = (server.names for server in SERVERS)
    return (name, "") if any(name in names for names in known) else (plain, kind)


def _key(name: str, labels: Mapping[str, str]) -> str:
    return "\x1f".join([name, *(f"{label}\x1e{value}" for label, value in sorted(labels.items()))])


def _parse(key: str, value: float) -> _Sample:
    full, *labels = key.split("\x1f")
    name, kind = _split(full)
    return _Sample(name, kind, dict(label.split("\x1e", 1) for label in labels), value)
