"""Tables; Streamlit's own export gives each as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboards.components.empty import nothing_here
from dashboards.words import moment_text, size_text
from monitor.quality.finding import finding_text
from monitor.queries import (
    ModelSummary,
    MonitorRow,
    NotificationRow,
    VersionInfo,
    baseline_progress,
    describe,
    describe_bounds,
    format_value,
)

VERDICTS = {"ok": "● ok", "breach": "▲ breach", "insufficient": "○ not enough data", "undefined": "○ undefined"}


def version_table(versions: Sequence[VersionInfo]) -> None:
    if not versions:
        nothing_here("No version has served yet", "Versions appear with the predictions that name them.")
        return
    _table(
        [
            {
                "Version": version.name,
                "First served": moment_text(version.first_event_time),
                "Last served": moment_text(version.last_event_time),
                "Predictions": version.predictions,
            }
            for version in reversed(versions)
        ]
    )


def baseline_table(summary: ModelSummary) -> None:
    baselines = summary.baselines
    if not baselines:
        progress = baseline_progress(summary.predictions, summary.baseline_rows)
        nothing_here(
            f"No baseline yet: {progress}",
            "The first predictions become one by themselves; `kedge baseline` makes one of a training file.",
        )
        return
    _table(
        [
            {
                "Baseline": baseline.name,
                "In use": "● yes" if baseline.active else "no",
                "From": baseline.origin,
                "Rows": baseline.rows,
                "Start": moment_text(baseline.start) if baseline.start else "–",
                "End": moment_text(baseline.end) if baseline.end else "–",
            }
            for baseline in reversed(baselines)
        ]
    )


def monitor_table(monitors: Sequence[MonitorRow]) -> None:
    if not monitors:
        nothing_here("No monitors yet", "They are made with the baseline.")
        return
    rows = []
    for monitor in monitors:
        latest = monitor.latest
        rows.append(
            {
                "Monitor": monitor.name,
                "Windows": size_text(monitor.size),
                "Verdict": VERDICTS.get(latest.verdict, latest.verdict) if latest else "○ not run yet",
                "Value": format_value(monitor.metric, latest.value) if latest else "–",
                "Expected": _expected(monitor),
                "Window": moment_text(latest.window) if latest else "–",
                "Fires": f"{monitor.breaches} of {monitor.looks} windows",
                "Severity": monitor.severity if monitor.enabled else "paused",
            }
        )
    _table(rows)


def _expected(monitor: MonitorRow) -> str:
    """What the latest verdict was reached by; nothing where none was."""
    latest = monitor.latest
    if latest is None or latest.verdict not in ("ok", "breach"):
        return "–"
    if monitor.metric == "data_quality":
        return "no finding"
    return describe_bounds(monitor.metric, latest.low, latest.high) or "–"


def notification_table(notifications: Sequence[NotificationRow]) -> None:
    icons = {"sent": "● sent", "failed": "▲ failed", "suppressed": "○ held back", "pending": "… waiting"}
    _table(
        [
            {
                "About": row.event,
                "Channel": row.channel,
                "State": icons.get(row.state, row.state),
                "Why": row.reason,
                "Attempts": row.attempts,
                "Last result": row.receipt or "–",
                "When": moment_text(row.sent_at or row.created_at),
                "Next attempt": moment_text(row.next_attempt_at) if row.next_attempt_at else "–",
            }
            for row in notifications
        ]
    )


def number_column(metric: str) -> Any:
    """How a table writes a metric's values, so that they still sort as numbers."""
    info = describe(metric)
    formats = {"%": "percent", "ms": "%.0f ms", "s": "%.0f s"}
    return st.column_config.NumberColumn(format=formats.get(info.unit, "%.3f"), help=info.help)


def finding_table(columns: Sequence[Mapping[str, Any]]) -> None:
    """What is wrong with the data: a row per finding, each value in its own unit."""
    st.dataframe(
        [
            {
                "What": column["name"],
                "Finding": str(column.get("kind", "")).replace("_", " "),
                "Value": finding_text(column.get("kind", ""), column.get("value")),
                "Limit": finding_text(column.get("kind", ""), column.get("limit")),
                "Why": column.get("why") or "",
            }
            for column in columns
        ],
        hide_index=True,
        column_config={"Why": st.column_config.TextColumn(width="large")},
    )


def _table(rows: list[dict[str, Any]]) -> None:
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(format="localized") for name in ("Predictions", "Rows")
    }
    config["Verdict"] = st.column_config.TextColumn(width=130)
    st.dataframe(rows, hide_index=True, width="stretch", column_config=config)
