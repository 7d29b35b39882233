"""Overview: is anything wrong, and where?"""

from __future__ import annotations

import streamlit as st

from dashboards import data
from dashboards.components.empty import no_models, refused
from dashboards.components.incidents import incident_row
from dashboards.components.model_rows import model_row
from dashboards.words import STATE_WORDS, moment_text
from monitor.queries import ModelRow, State

MOST_ROWS = 50


@st.fragment(run_every="30s")
def live() -> None:
    """Models and open incidents, read anew every half minute."""
    rows = data.overview()
    if not rows:
        no_models(data.collector_address())
        refused(data.quarantine())
        return
    verdict(rows)
    shown = search(rows)
    for row in shown[:MOST_ROWS]:
        model_row(row, data.now())
    if len(shown) > MOST_ROWS:
        st.caption(f"The {MOST_ROWS} worst of {len(shown)} models. Search for a name to see the others.")
    open_incidents()
    refused(data.quarantine())


def verdict(rows: list[ModelRow]) -> None:
    """One sentence that a glance can take in."""
    counts = {state: sum(row.state == state for row in rows) for state in State}
    parts = [f"{count} {STATE_WORDS[state][0].lower() if state is not State.OK else 'OK'}"
             for state, count in counts.items() if count]  # fmt: skip
    models = f"{len(rows)} model{'s' if len(rows) != 1 else ''}"
    st.title("Nothing is wrong" if counts[State.OK] == len(rows) else _worst(counts))
    st.caption(f"{models}: {', '.join(parts)} · data as of {moment_text(data.now())} · all times are UTC")


def _worst(counts: dict[State, int]) -> str:
    wrong = counts[State.CRITICAL] + counts[State.WARNING]
    if wrong:
        return f"{wrong} model{'s need' if wrong > 1 else ' needs'} a look"
    if quiet := counts[State.NO_DATA]:
        return f"Nothing is wrong, but {quiet} model{'s have' if quiet > 1 else ' has'} no data"
    unjudged = counts[State.INSUFFICIENT] + counts[State.LEARNING]
    if unjudged == sum(counts.values()):
        return "No model could be judged yet"
    return f"Nothing is wrong, but {unjudged} model{'s' if unjudged > 1 else ''} could not be judged yet"


def search(rows: list[ModelRow]) -> list[ModelRow]:
    """Offer a search where there are more models than a screen holds."""
    if len(rows) <= 8:
        return rows
    text = st.text_input("Search", placeholder="Name of a model", label_visibility="collapsed", width=320)
    found = [row for row in rows if text.lower() in row.name.lower()]
    if not found:
        st.info(f"No model's name holds “{text}”.")
    return found


def open_incidents() -> None:
    st.subheader("Open incidents")
    found = data.incidents(states=("open", "acknowledged"))
    if not found:
        st.markdown(":green[:material/check_circle:] No incident is open.")
    for incident in found[:10]:
        incident_row(incident)
    if len(found) > 10:
        st.caption(f"10 of {len(found)}; the Incidents page has all.")


live()
