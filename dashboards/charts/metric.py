"""A metric over time beside what was expected of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import altair as alt

from dashboards.charts.style import (
    ALERT,
    CURRENT,
    REFERENCE,
    WARNING,
    Domain,
    axis_labels,
    deployment_layers,
    iso,
    layered,
    rows_chart,
    time_axis,
    value_axis,
)
from dashboards.words import window_text
from monitor.queries import Deployment, SeriesPoint, describe, format_value

Axis = Callable[[str], alt.Y]
BREACH, SHORT = "outside what was expected", "not enough data"


def metric_chart(
    points: Sequence[SeriesPoint],
    domain: Domain,
    deployments: Sequence[Deployment] = (),
    height: int = 190,
    labels: bool = True,
    span: Domain | None = None,
    span_colour: str = ALERT,
    estimate: Sequence[SeriesPoint] = (),
) -> alt.LayerChart:
    """One metric: a line, the expected band, windows in breach as red triangles, windows without enough data as grey
    crosses at the foot. `span` shades a stretch of time, such as an incident's; `estimate` is the same metric as it was
    estimated, drawn dashed."""
    metric = points[0].metric if points else ""
    low, high = value_domain([*points, *estimate])
    x = time_axis(domain, labels)
    number_format, label = axis_labels(metric, low, high)
    ticks = 4 if height > 150 else 3
    y = partial(value_axis, low=low, high=high, number_format=number_format, ticks=ticks, label=label)
    rows = _rows(points, low)
    base = rows_chart(rows).encode(x=x)
    layers: list[Any] = [*_span_layer(span, span_colour, domain, labels), *_band_layers(points, low, high, x, y)]
    if estimate:
        foretold = rows_chart(_rows(estimate, low)).encode(x=x)
        layers.append(
            foretold.mark_line(color=CURRENT, strokeWidth=1.5, strokeDash=[4, 3], opacity=0.75).encode(y=y("value"))
        )
    known = base.transform_filter("datum.kind != 'not enough data'")
    layers.append(
        known.mark_line(color=CURRENT, strokeWidth=2, interpolate="linear").encode(y=y("value"), detail="run:N")
    )
    layers.extend(deployment_layers(deployments, domain, labels))
    layers.append(_marks(base, y))
    return layered(layers, height)


def value_domain(points: Sequence[SeriesPoint]) -> tuple[float, float]:
    """A range that holds every value and bound with some air; from 0 where the values are near it. Pure."""
    values = [v for point in points for v in (point.value, point.low, point.high) if v is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    nothing = 0.01 if describe(points[0].metric).share else 1.0
    air = (high - low) * 0.12 or abs(high) * 0.1 or nothing
    bottom = 0.0 if 0 <= low <= high * 0.35 else low - air
    return round(bottom, 6), round(high + air, 6)


def _rows(points: Sequence[SeriesPoint], floor: float) -> list[dict[str, Any]]:
    """A row per point; `run` tells apart the stretches without a missing window, as a line must not bridge one."""
    rows, run = [], 0
    for before, point in zip([None, *points], points, strict=False):
        if before is not None and (before.value is None or point.start - before.start > 1.5 * before.size):
            run += 1
        rows.append(_row(point, floor) | {"run": run})
    return rows


def _row(point: SeriesPoint, floor: float) -> dict[str, Any]:
    middle = point.start + point.size / 2
    short = point.value is None
    return {
        "time": iso(middle),
        "value": floor if point.value is None else point.value,
        "kind": SHORT if short else BREACH if point.breach else "as expected",
        "text": format_value(point.metric, point.value),
        "window": window_text(point.start, point.size),
        "n": point.n,
        "why": point.reason or ("mean of several windows" if point.merged > 1 else ""),
    }


def _marks(base: alt.Chart, y: Axis) -> alt.Chart:
    kinds = ["as expected", BREACH, SHORT]
    marks: alt.Chart = base.mark_point(filled=True, opacity=1).encode(
        y=y("value"),
        color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[CURRENT, ALERT, REFERENCE])),
        shape=alt.Shape(
            "kind:N", legend=None, scale=alt.Scale(domain=kinds, range=["circle", "triangle-down", "cross"])
        ),
        size=alt.Size("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[18, 90, 50])),
        tooltip=[
            alt.Tooltip("window:N", title="Window"),
            alt.Tooltip("text:N", title="Value"),
            alt.Tooltip("kind:N", title="Verdict"),
            alt.Tooltip("n:Q", title="Rows", format=","),
            alt.Tooltip("why:N", title="Why"),
        ],
    )
    return marks


def _band_layers(points: Sequence[SeriesPoint], low: float, high: float, x: alt.X, y: Axis) -> Iterator[alt.Chart]:
    """The expected band, as wide as the chart on a side that has no bound, and its bounds dashed."""
    judged = [point for point in points if point.low is not None or point.high is not None]
    if not judged:
        return
    rows = []
    for point in judged:
        bounds = {
            "low": low if point.low is None else point.low,
            "high": high if point.high is None else point.high,
        }
        rows += [{"time": iso(point.start), **bounds}, {"time": iso(point.start + point.size), **bounds}]
    base = rows_chart(rows).encode(x=x)
    yield base.mark_area(color=REFERENCE, opacity=0.13).encode(y=y("low"), y2="high:Q")
    dashed = base.mark_line(color=WARNING, strokeDash=[5, 4], strokeWidth=1.25)
    if any(point.low is not None for point in judged):
        yield dashed.encode(y=y("low"))
    if any(point.high is not None for point in judged):
        yield dashed.encode(y=y("high"))


def _span_layer(span: Domain | None, colour: str, domain: Domain, labels: bool) -> Iterator[alt.Chart]:
    if span is None:
        return
    row = {"time": iso(max(span[0], domain[0])), "end": iso(min(span[1], domain[1]))}
    shade = rows_chart([row]).mark_rect(color=colour, opacity=0.12)
    yield shade.encode(x=time_axis(domain, labels), x2=alt.X2("end:T"))
