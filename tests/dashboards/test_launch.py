"""How the dashboard is started."""

from __future__ import annotations

import tomllib

from dashboards.launch import APP, command, environment


def test_the_command_serves_the_app_without_a_browser_and_sends_nothing_home() -> None:
    arguments = command(8601, "0.0.0.0", base_path="kedge")
    assert arguments[1:5] == ["-m", "streamlit", "run", str(APP)]
    assert {"--server.port=8601", "--server.address=0.0.0.0", "--server.baseUrlPath=kedge", "--server.headless=true",
            "--browser.gatherUsageStats=false", "--server.fileWatcherType=none"} <= set(arguments)  # fmt: skip
    assert not any("baseUrlPath" in argument for argument in command(8601))


def test_the_environment_names_the_control_database_and_drops_settings_of_other_apps() -> None:
    found = environment({"PATH": "/bin", "STREAMLIT_SERVER_PORT": "1", "KEDGE_DATABASE_URL": "old"}, "sqlite:///x")
    assert found == {"PATH": "/bin", "KEDGE_DATABASE_URL": "sqlite:///x", "DO_NOT_TRACK": "1"}


def test_the_theme_beside_the_app_has_a_light_and_a_dark_side() -> None:
    settings = tomllib.loads((APP.parent / ".streamlit" / "config.toml").read_text())
    assert settings["browser"]["gatherUsageStats"] is False
    assert set(settings["theme"]["light"]) == set(settings["theme"]["dark"])
