"""Charts compared as dicts with the ones that were looked at; `KEDGE_GOLDEN=write` writes them anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import altair as alt
import pytest

from dashboards import charts
from monitor.queries import Deployment, DriftWindow, Histogram, SeriesPoint

GOLDEN = Path(__file__).parent / "golden"
T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DOMAIN = (T0, T0 + 4 * DAY)
DEPLOYED = [Deployment("2", T0 + 1.4 * DAY, "deployed"), Deployment("1", T0 + 2.3 * DAY, "rolled back")]


def point(day: int, value: float | None, metric: str = "auc", **changes: Any) -> SeriesPoint:
    return SeriesPoint(**{
        "metric": metric, "column": "", "start": T0 + day * DAY, "size": DAY, "value": value, "low": 0.66, "high": None,
        "n": 900, "status": "ok", "reason": "", "breach": False, **changes})  # fmt: skip


POINTS = [
    point(0, 0.72),
    point(1, 0.51, breach=True),
    point(2, None, n=12, status="insufficient", reason="12 labelled rows, at least 50 needed"),
    point(3, 0.73),
]
LATENCIES = [point(day, 40.0 + day, metric, low=None) for day in range(2) for metric in ("latency_p50", "latency_p99")]
WINDOWS = [DriftWindow(T0 + day * DAY, DAY, day, 15, "ok" if not day else "breach") for day in range(3)]
RANGES = Histogram(("0 to 1", "1 to 2"), (0.75, 0.25), (0.25, 0.75), (0.0, 1.0, 2.0))
CATEGORIES = Histogram(("AA", "DL", "never seen before"), (0.5, 0.5, 0.0), (0.4, 0.4, 0.2))

CHARTS: dict[str, Callable[[], alt.Chart | alt.LayerChart]] = {
    "metric": lambda: charts.metric_chart(POINTS, DOMAIN, DEPLOYED, span=(T0 + DAY, T0 + 2 * DAY)),
    "metric_empty": lambda: charts.metric_chart([], DOMAIN),
    "volume": lambda: charts.volume_chart([point(0, 900.0, "predictions")], DOMAIN, DEPLOYED),
    "drifted": lambda: charts.drifted_chart(WINDOWS, DOMAIN, DEPLOYED, selected=T0 + DAY),
    "latency": lambda: charts.latency_chart(LATENCIES, DOMAIN, DEPLOYED),
    "distribution_ranges": lambda: charts.distribution_chart(RANGES, "temp"),
    "distribution_categories": lambda: charts.distribution_chart(CATEGORIES, "carrier"),
    "sparkline": lambda: charts.sparkline([0.7, None, 0.72]),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_equals_the_one_that_was_looked_at(name: str) -> None:
    drawn = json.loads(json.dumps(CHARTS[name]().to_dict()))
    drawn.pop("$schema"), drawn.pop("config")
    file = GOLDEN / f"{name}.json"
    if os.environ.get("KEDGE_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(drawn, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert drawn == json.loads(file.read_text())


def rows_of(chart: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Every row of any layer that has this key."""
    return [row for rows in chart["datasets"].values() for row in rows if key in row]


def test_a_breach_has_a_shape_of_its_own_and_not_only_a_colour() -> None:
    chart = charts.metric_chart(POINTS, DOMAIN).to_dict()
    marks = next(layer for layer in chart["layer"] if "shape" in layer["encoding"])
    assert marks["encoding"]["shape"]["scale"]["range"] == ["circle", "triangle-down", "cross"]
    kinds = [row["kind"] for row in rows_of(chart, "kind")]
    assert kinds[:4] == ["as expected", "outside what was expected", "not enough data", "as expected"]


def test_not_enough_data_is_grey() -> None:
    chart = charts.metric_chart(POINTS, DOMAIN).to_dict()
    marks = next(layer for layer in chart["layer"] if "shape" in layer["encoding"])
    scale = marks["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True))["not enough data"] == charts.style.REFERENCE


def test_deployments_outside_the_range_are_not_drawn() -> None:
    chart = charts.volume_chart([], DOMAIN, [Deployment("1", T0 - DAY, "deployed")]).to_dict()
    assert rows_of(chart, "label") == []


def test_a_rollback_is_named_as_one() -> None:
    chart = charts.volume_chart([], DOMAIN, DEPLOYED, named=True).to_dict()
    assert [row["label"] for row in rows_of(chart, "label")][:2] == ["v2", "back to v1"]


def test_a_line_does_not_bridge_windows_that_are_missing_or_short_of_data() -> None:
    days = [point(0, 0.7), point(1, 0.7), point(4, 0.7), point(5, None), point(6, 0.7)]
    chart = charts.metric_chart(days, DOMAIN).to_dict()
    assert [row["run"] for row in rows_of(chart, "run")][:5] == [0, 0, 1, 1, 2]
    line = next(layer for layer in chart["layer"] if "detail" in layer["encoding"])
    assert line["encoding"]["detail"]["field"] == "run"


def test_an_estimate_is_dashed_and_has_no_marks_of_its_own() -> None:
    chart = charts.metric_chart(POINTS, DOMAIN, estimate=[point(0, 0.9), point(1, 0.9)]).to_dict()
    dashed = [layer for layer in chart["layer"] if layer["mark"].get("strokeDash") == [4, 3]]
    assert len(dashed) == 1
    assert dashed[0]["mark"]["type"] == "line"


@pytest.mark.parametrize(
    ("metric", "low", "high", "number_format"),
    [("accuracy", 0.2, 0.9, ".0%"), ("error_rate", 0.0, 0.05, ".1%"), ("duplicates", 0.0, 0.002, ".2%"),
     ("latency_p95", 10.0, 40.0, "~r"), ("memory_bytes_max", 0.0, 5e8, "~s")],
)  # fmt: skip
def test_no_two_ticks_of_an_axis_are_written_alike(metric: str, low: float, high: float, number_format: str) -> None:
    assert charts.style.axis_labels(metric, low, high) == (number_format, "")


def test_an_axis_of_seconds_is_written_in_days_hours_and_minutes() -> None:
    chart = charts.metric_chart([point(0, 86400.0, "label_delay_p95", low=None)], DOMAIN).to_dict()
    marks = next(layer for layer in chart["layer"] if "shape" in layer["encoding"])
    assert "' d'" in marks["encoding"]["y"]["axis"]["labelExpr"]


def test_shares_that_are_all_zero_have_an_axis_of_a_percent() -> None:
    assert charts.metric.value_domain([point(0, 0.0, "repeated_ids", low=None)]) == (0.0, 0.01)
