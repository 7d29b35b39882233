"""How the dashboard is started: the command line and the environment that `kedge dashboard` runs it with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

APP = Path(__file__).with_name("app.py")


def command(port: int, host: str = "127.0.0.1", base_path: str = "") -> list[str]:
    """The command that serves the dashboard.

    The theme is not here: Streamlit reads `.streamlit/config.toml` beside the script it runs. The flags repeat what a
    user's own Streamlit settings must not change: no browser opens, nothing is sent home, no file is watched.
    """
    flags = {
        "server.address": host,
        "server.port": str(port),
        "server.baseUrlPath": base_path,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
    }
    arguments = [f"--{name}={value}" for name, value in flags.items() if value]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *arguments]


def environment(inherited: Mapping[str, str], control_url: str) -> dict[str, str]:
    """The environment for `command`: what was inherited, and the control database the caller uses itself.

    Streamlit's own variables are left out, so that a setting of some other app does not end up here.
    """
    kept = {name: value for name, value in inherited.items() if not name.startswith("STREAMLIT_")}
    return kept | {"KEDGE_DATABASE_URL": control_url, "DO_NOT_TRACK": "1"}


__all__ = ["APP", "command", "environment"]
