"""The parts of one incident's page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboards import charts, data, pages, state
from dashboards.components.badges import plain
from dashboards.components.empty import nothing_here
from dashboards.words import moment_text, share_text
from monitor.queries import EventRow, IncidentDetail, RunRow, describe

_ICONS = {
    "opened": ":red[:material/flag:]",
    "escalated": ":red[:material/priority_high:]",
    "acknowledged": ":blue[:material/visibility:]",
    "resolved": ":green[:material/check_circle:]",
    "note": ":gray[:material/sticky_note_2:]",
}
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
    air = max(10 * detail.size, row.lasted / 2)
    after = detail.size if row.until is None else min(air, 10 * detail.size)
    return row.since - air, row.since + row.lasted + after


def evidence_chart(detail: IncidentDetail) -> None:
    """The metric around the incident, the incident's time shaded."""
    row = detail.row
    domain = span_around(detail)
    summary = data.model_summary(row.model)
    span = (row.since, row.until or row.since + row.lasted)
    if row.metric == "drift":
        windows = data.drift_windows(row.model, *domain, detail.size)
        if windows:
            st.markdown("**Drifted features** &nbsp; :gray[:small[per window]]")
            st.altair_chart(charts.drifted_chart(windows, domain, summary.deployments, height=200), key="evidence")
            return
    points = data.series(row.model, (row.metric,), *domain, detail.size)
    if not points:
        nothing_here("No points of this metric are stored", "They may have been removed by retention.")
        return
    st.markdown(f"**{describe(row.metric).title}** &nbsp; :gray[:small[per window; the incident's time is shaded]]")
    st.altair_chart(charts.metric_chart(points, domain, summary.deployments, height=220, span=span), key="evidence")


def explanation(detail: IncidentDetail) -> None:
    """Why it happened, in a sentence, and the columns that matter most."""
    found = detail.evidence.get("explanation") or {}
    if found.get("sentence"):
        st.info(plain(str(found["sentence"])), icon=":material/lightbulb:")
    rows = [
        {"Column": c["name"], "Drift": c.get("drift"), "Importance": c.get("importance"), "Why": c.get("why") or ""}
        for c in found.get("columns") or []
    ]
    if rows:
        drift = st.column_config.NumberColumn(format="%.2f", width="small", help="How far it is from the baseline.")
        worth = st.column_config.NumberColumn(
            format="percent", width="small", help="How much of the model's score it explains."
        )
        st.dataframe(rows, hide_index=True, column_config={"Drift": drift, "Importance": worth})


def facts(detail: IncidentDetail) -> None:
    """What was measured, which version served, and where to look next."""
    evidence = detail.evidence
    parts = []
    if evidence.get("n"):
        parts.append(f"{evidence['n']:,} rows")
    if evidence.get("windows_in_breach"):
        parts.append(f"{evidence['windows_in_breach']} windows in breach when it opened")
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
    columns = detail.evidence.get("columns") or []
    if not columns:
        return
    rows = [
        {"Feature": c["name"], "Score": c.get("value"), "Limit": c.get("limit"), "Why": c.get("why") or ""}
        for c in columns
    ]
    number = st.column_config.NumberColumn(format="%.2f", width="small")
    st.dataframe(rows, hide_index=True, column_config={"Score": number, "Limit": number})


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
    with st.container(border=True):
        st.markdown(
            f":{colour}-badge[{icon} {word}] **{plain(run.kind.capitalize())}** by {plain(run.response)}  \n"
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
