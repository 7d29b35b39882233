"""Signing in: asked for only where the dashboard can be reached from other machines."""

from __future__ import annotations

import streamlit as st

from dashboards import data

_SIGNED_IN = "signed_in"


def require_key() -> None:
    """Show a form and stop the page until a key that may read was entered. It holds for this browser session only."""
    if not data.needs_key(st.get_option("server.address")) or st.session_state.get(_SIGNED_IN):
        return
    st.title("Sign in")
    with st.form("sign_in"):
        key = st.text_input("API key", type="password", help="Make one with: kedge key create --role read")
        sent = st.form_submit_button("Sign in", type="primary")
    if sent and data.may_read(key):
        st.session_state[_SIGNED_IN] = True
        st.rerun()
    if sent:
        st.error("This key is not valid, or it may not read.")
    st.stop()
