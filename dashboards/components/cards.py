"""The four numbers a model is summed up with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboards.words import count_text, share_text
from monitor.queries import ModelSummary, SeriesPoint, describe, describe_bounds, format_value

ESTIMATES = ("estimated_auc", "estimated_accuracy", "estimated_mae")
"""What sums a model up that has no labels, the first of them that it has."""


def cards(summary: ModelSummary, recent: Sequence[SeriesPoint]) -> None:
    """Performance, drift, volume, latency: the latest window's value, and below it what was expected.

    `recent` are the latest windows' points of the latency, and of the estimates, which stand in until labels come.
    """
    latest = {point.metric: point for point in recent if point.value is not None}
    estimate = next((latest[metric] for metric in ESTIMATES if metric in latest), None)
    first, second, third, fourth = st.columns(4)
    with first:
        _value_card("Performance", summary.row.main or estimate, "no labels have arrived")
    with second:
        _drift_card(summary)
    with third:
        coverage = summary.row.label_coverage
        labels = "no labels yet" if coverage is None else f"labels for {share_text(coverage)} of them"
        card("Predictions per day", count_text(summary.row.predictions_per_day), labels)
    with fourth:
        _value_card("Latency p95", latest.get("latency_p95"), "no latency was logged")


def _value_card(title: str, point: SeriesPoint | None, absent: str) -> None:
    if point is None:
        card(title, "–", absent)
        return
    expected = describe_bounds(point.metric, point.low, point.high)
    below = f"expected {expected}" if expected else "no bounds yet"
    card(describe(point.metric).title, format_value(point.metric, point.value), below, bad=bool(point.breach))


def _drift_card(summary: ModelSummary) -> None:
    row = summary.row
    if row.drifted is None:
        card("Drifted features", "–", "no window was judged yet")
        return
    share = f"{share_text(row.drifted_share)} of the features"
    card("Drifted features", f"{row.drifted} of {row.features}", share, bad=row.drifted > 0, colour="orange")


def card(label: str, value: str, below: str, bad: bool = False, colour: Literal["red", "orange"] = "red") -> None:
    """One number; what is bad has a triangle as well as a colour."""
    st.metric(
        label,
        value,
        delta=f"▲ {below}" if bad else below,
        delta_color=colour if bad else "off",
        delta_arrow="off",
        border=True,
    )
