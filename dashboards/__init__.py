"""The Streamlit dashboard; it reads through `monitor.queries` alone."""
