"""Empty states teach: what is missing, and the one thing to do about it."""

from __future__ import annotations

import streamlit as st

from dashboards.components.badges import plain
from monitor.queries import QuarantineSummary

_FIRST_RECORD = """curl {address}/v1/predictions -H "Authorization: Bearer $KEDGE_API_KEY" \\
  -H 'Content-Type: application/json' -d '[{{
    "model": "my-model", "version": "1", "prediction_id": "1",
    "features": {{"age": 41, "plan": "pro"}}, "prediction": 1, "score": 0.83, "latency_ms": 12.5
  }}]'"""


def no_models(address: str) -> None:
    """What a newcomer sees: how to send the first record."""
    st.subheader("No predictions have arrived yet")
    st.write("Send the first one and its model appears here by itself. Nothing has to be registered beforehand.")
    st.code(_FIRST_RECORD.format(address=address), language="bash")
    st.write("Or fill a throw-away instance with a real model that drifts, alerts and is rolled back:")
    st.code("kedge demo", language="bash")


def nothing_here(title: str, advice: str, icon: str = ":material/hourglass_empty:") -> None:
    """A quiet grey note in place of a chart or table: what is missing, and what would bring it."""
    with st.container(border=True):
        st.markdown(f":gray[{icon}] **{title}**  \n:gray[{advice}]")


def notices(texts: tuple[str, ...] | list[str]) -> None:
    """What the page could not do as the address asked."""
    for text in texts:
        st.warning(text, icon=":material/link_off:")


def refused(found: QuarantineSummary) -> None:
    """A quiet line about records that were refused; nothing where none was."""
    if found.top is None:
        return
    records = f"{found.records:,} refused record{'s are' if found.records > 1 else ' is'} in quarantine"
    reason = f"{plain(found.top.reason[:200])} ({found.top.records:,})"
    st.caption(f":material/block: {records}; most often: {reason}. See them with `kedge quarantine list`.")
