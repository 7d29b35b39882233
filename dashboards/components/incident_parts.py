"""The parts of one incident's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from dashboards import charts, data, pages, state
from dashboards.components.badges import plain, quoted
from dashboards.components.empty import nothing_here
from dashboards.components.tables import finding_table, number_column
from dashboards.words import moment_text, share_text
from monitor.queries import EventRow, IncidentDetail, RunRow, describe

_ICONS = {
    "opened": ":red[:material/flag:]",
    "escalated": ":red[:material/priority_high:]",
    "acknowledged": ":blue[:material/visibility:]",
    "resolved": ":green[:material/check_circle:]",
    "note": ":gray[:material/sticky_note_2:]",
}
IMPORTANCE = st.column_config.NumberColumn(
    format="percent", width="small", help="How much of the model's score it explains."
)
_RUN_STATES = {
    "pending": ("gray", ":material/schedule:", "Waiting"),
    "running": ("blue", ":material/sync:", "Running"),
    "done": ("green", ":material/check_circle:", "Done"),
    "failed": ("red", ":material/error:", "Failed"),
    "blocked": ("orange", ":material/block:", "Blocked by its guard"),
    "dry_run": ("gray", ":material/visibility:", "Dry run"),
}


def span_around(detail: IncidentDetail) -> tuple[datetime, datetime]:
    """The incident with time before it, and after it where it is over: ten windows or more. Pure."""
    row = detail.row
    air = max(10 * detail.span, row.lasted / 2)
    after = detail.span if row.until is None else min(air, 10 * detail.span)
    return row.since - air, row.since + row.lasted + after


def evidence_chart(detail: IncidentDetail) -> None:
    """The metric around the incident, the incident's time shaded."""
    row = detail.row
    domain = span_around(detail)
    summary = data.model_summary(row.model)
    span = (row.since, row.until or row.since + row.lasted)
    if row.metric == "drift":
        windows = data.drift_windows(row.model, *domain, detail.size, row.segment)
        if windows:
            st.markdown("**Drifted features** &nbsp; :gray[:small[per window]]")
            st.altair_chart(charts.drifted_chart(windows, domain, summary.deployments, height=200), key="evidence")
            return
    points = data.verdict_series(row.model, row.monitor, *domain, row.segment)
    if not points:
        nothing_here("No points of this metric are stored", "They may have been removed by retention.")
        return
    st.markdown(f"**{describe(row.metric).title}** &nbsp; :gray[:small[per window; the incident's time is shaded]]")
    st.altair_chart(charts.metric_chart(points, domain, summary.deployments, height=220, span=span), key="evidence")


def explanation(detail: IncidentDetail) -> None:
    """Why it happened, in a sentence, and the columns that matter most."""
    found = detail.evidence.get("explanation") or {}
    if found.get("sentence"):
        st.info(quoted(str(found["sentence"])), icon=":material/lightbulb:")
    rows = [
        {"Column": c["name"], "Drift": c.get("drift"), "Importance": c.get("importance"), "Why": c.get("why") or ""}
        for c in found.get("columns") or []
    ]
    if rows and not _importance(detail.evidence):
        drift = st.column_config.NumberColumn(format="%.2f", width="small", help="How far it is from the baseline.")
        st.dataframe(rows, hide_index=True, column_config={"Drift": drift, "Importance": IMPORTANCE})


def _importance(evidence: Mapping[str, Any]) -> dict[str, float | None]:
    """How much each column in evidence matters; empty where the explanation is about others, which need their table."""
    explained = (evidence.get("explanation") or {}).get("columns") or []
    named = {column["name"] for column in evidence.get("columns") or []}
    worth = {column["name"]: column.get("importance") for column in explained}
    return worth if worth.keys() <= named else {}


def facts(detail: IncidentDetail) -> None:
    """What was measured, which version served, and where to look next."""
    evidence = detail.evidence
    parts = []
    if windows := evidence.get("windows_in_breach"):
        parts.append(f"{windows} window{'s' if windows > 1 else ''} in breach")
    if evidence.get("n"):
        parts.append(f"{evidence['n']:,} rows in the latest")
    if evidence.get("baseline"):
        parts.append(f"baseline “{plain(str(evidence['baseline']))}”")
    for version in evidence.get("versions") or []:
        parts.append(f"version {plain(str(version['name']))} served {share_text(version.get('share'))}")
    if parts:
        st.markdown(f":gray[{' · '.join(parts)}]")
    row, (start, end) = detail.row, span_around(detail)
    with st.container(horizontal=True):
        link = state.parameters(model=row.model, start=start, end=end)
        st.page_link(pages.MODEL, label="See the model then", icon=":material/show_chart:", query_params=link)
        link = state.parameters(model=row.model, start=start, end=end, window=_window(detail))
        st.page_link(pages.DRIFT, label="See the drift then", icon=":material/waves:", query_params=link)


def _window(detail: IncidentDetail) -> datetime | None:
    text = (detail.evidence.get("window") or {}).get("start")
    return datetime.fromisoformat(text) if text else None


def evidence_table(detail: IncidentDetail) -> None:
    """The columns in breach, each with what was allowed and, where it is known, what it is worth to the model."""
    columns, metric = detail.evidence.get("columns") or [], detail.row.metric
    if not columns:
        return
    if metric == "data_quality":
        finding_table(columns)
        return
    worth = _importance(detail.evidence)
    rows = []
    for column in columns:
        row = {"Column": column["name"], "Score": column.get("value"), "Limit": column.get("limit")}
        importance = {"Importance": worth.get(column["name"])} if worth else {}
        rows.append({**row, **importance, "Why": column.get("why") or ""})
    number = number_column(metric)
    config = {"Score": number, "Limit": number, "Importance": IMPORTANCE}
    st.dataframe(rows, hide_index=True, placeholder="–", column_config=config)


def timeline(events: Sequence[EventRow]) -> None:
    """What happened in order, each entry with its time and who."""
    if not events:
        nothing_here("Nothing was recorded", "The timeline fills as the incident changes.")
    for event in events:
        icon = _ICONS.get(event.kind, ":gray[:material/circle:]")
        st.markdown(
            f"{icon} **{plain(event.kind.capitalize())}** by {plain(event.author)}  \n"
            f":gray[:small[{moment_text(event.at)}]]  \n{plain(event.text)}"
        )


def response_run(run: RunRow) -> None:
    """What was started and the words of its guard or target; whether the metrics have shown since that it helped."""
    colour, icon, word = _RUN_STATES.get(run.state, ("gray", ":material/help:", run.state))
    by = "" if run.response == run.kind else f" by {plain(run.response)}"
    with st.container(border=True):
        st.markdown(
            f":{colour}-badge[{icon} {word}] **{plain(run.kind.capitalize())}**{by}  \n"
            f"{plain(run.reason)}  \n:gray[:small[{_run_times(run)}]]"
        )


def _run_times(run: RunRow) -> str:
    parts = [f"started {moment_text(run.created_at)}"]
    if run.state == "done":
        proof = f"verified by the metrics {moment_text(run.verified_at)}" if run.verified_at else "not verified yet"
        parts.append(proof)
    if run.attempts > 1:
        parts.append(f"{run.attempts} attempts")
    return " · ".join(parts)
