"""The router: which pages there are. Run it with `kedge dashboard`, or `streamlit run dashboards/app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards import pages
from dashboards.components import sign_in

ASSETS = Path(__file__).with_name("assets")

st.set_page_config(page_title="Kedge", page_icon=ASSETS / "icon.svg", layout="wide", initial_sidebar_state=230)
st.logo(ASSETS / "kedge.svg", size="large")
sign_in.require_key()
st.navigation(pages.groups(), position="sidebar").run()
