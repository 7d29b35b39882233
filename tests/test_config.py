"""Settings: environment over file over default; what is wrong is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from monitor.config import (
    ChannelSettings,
    CollectorSettings,
    JobSettings,
    MonitoringSettings,
    OutgoingSettings,
    ResponseSettings,
    Settings,
    config_file,
    load_settings,
    resolve_secret,
)
from monitor.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory and an environment without a word about Kedge."""
    for name in [name for name in os.environ if name.upper().startswith("KEDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "kedge.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_without_a_file_everything_has_its_default() -> None:
    settings = load_settings()
    assert (settings.port, settings.collector.flush_rows, settings.monitoring.window) == (8600, 100_000, "1h")
    assert (settings.channels, settings.responses) == ({}, {})


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "port = 1\ndashboard_port = 2\nhost = 'file'\n")
    monkeypatch.setenv("KEDGE_PORT", "3")
    monkeypatch.setenv("KEDGE_HOST", "environment")
    settings = load_settings(host="command line", port=None)
    assert (settings.port, settings.dashboard_port, settings.host) == (3, 2, "command line")


def test_a_section_may_be_set_in_parts_by_file_and_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "[collector]\nflush_rows = 10\nmax_records = 20\n[monitoring]\nwindow = '5m'\n")
    monkeypatch.setenv("KEDGE_COLLECTOR__FLUSH_ROWS", "11")
    collector = load_settings().collector
    assert (collector.flush_rows, collector.max_records, collector.max_features) == (11, 20, 2000)
    assert load_settings().monitoring.window == "5m"


def test_channels_and_responses_are_tables_that_carry_their_plug_ins_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        folder,
        "[channels.ops]\nkind = 'slack'\nurl = 'env:SLACK'\n"
        "[responses.back]\nkind = 'rollback'\ncooldown_seconds = 5\nalias = 'champion'\n",
    )
    monkeypatch.setenv("KEDGE_CHANNELS__PAGER__KIND", "webhook")
    settings = load_settings()
    assert settings.channels["ops"].options == {"url": "env:SLACK"}
    assert settings.channels["pager"].kind == "webhook"
    assert settings.responses["back"].options == {"alias": "champion"}
    assert settings.responses["back"].cooldown_seconds == 5


def test_the_file_may_be_elsewhere_and_must_then_exist(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "port = 5\n", "other.toml")
    monkeypatch.setenv("KEDGE_CONFIG", str(folder / "other.toml"))
    assert load_settings().port == 5
    for absent in (folder / "gone.toml", folder):
        monkeypatch.setenv("KEDGE_CONFIG", str(absent))
        with pytest.raises(ConfigError, match=r"KEDGE_CONFIG names .* which is not a file"):
            load_settings()
    monkeypatch.setenv("KEDGE_CONFIG", "")
    assert config_file() == Path("kedge.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 8600\n", "prot: there is no such setting; did you mean 'port'"),
        (
            "[collector]\nflush_second = 1\n",
            r"collector\.flush_second: there is no such setting; did you mean 'flush_seconds'",
        ),
        ("port = 70000\n", "port: Input should be less than or equal to 65535"),
        ("port = 'http'\n", "port: Input should be a valid integer"),
        ("[monitoring]\nwindow = 'soon'\n", r"monitoring\.window: .*'soon' is not usable; accepted"),
        ("[monitoring]\nbaseline_rows = 5\n", r"monitoring\.baseline_rows: .*greater than or equal to 100"),
        ("[channels.ops]\nurl = 'x'\n", r"channels\.ops\.kind: Field required"),
        ("[responses.x]\nkind = 'reboot'\n", r"responses\.x\.kind: .*accepted: retrain, rollback"),
        ("collector = 3\n", "collector: "),
        ("port = \n", r"kedge\.toml.*: Invalid value"),
        ("[collector\n", r"kedge\.toml"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(folder: Path, text: str, said: str) -> None:
    write(folder, text)
    with pytest.raises(ConfigError, match=said):
        load_settings()


def test_a_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / "kedge.toml").write_bytes(b"port = 1\n\xff\xfe")
    with pytest.raises(ConfigError, match=r"kedge\.toml"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "KEDGE_COLLECTOR__FLUSH_SECOND",
            "1",
            r"collector\.flush_second: there is no such setting; did you mean 'flush_seconds'",
        ),
        ("KEDGE_COLLECTOR__FLUSH_SECONDS", "soon", r"collector\.flush_seconds: Input should be a valid number"),
        ("KEDGE_CHANNELS", "slack", "channels"),
        ("KEDGE_PORT", "-1", "port: Input should be greater than or equal to 0"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        load_settings()


def test_several_problems_are_told_at_once(folder: Path) -> None:
    write(folder, "prot = 1\nport = 'x'\n")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert "prot" in str(caught.value)
    assert "port" in str(caught.value)


def test_secrets_are_looked_up_when_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    write(folder, "  from a file\n", "token")
    assert resolve_secret("env:TOKEN") == "s3cret"
    assert resolve_secret(f"file:{folder / 'token'}") == "from a file"
    assert resolve_secret("https://example.org/hook") == "https://example.org/hook"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("env:NOT_SET", "environment variable 'NOT_SET' is not set"),
        ("env:EMPTY", "environment variable 'EMPTY' is not set"),
        ("file:gone", "secret file 'gone' can't be read: No such file"),
        ("file:.", r"secret file '\.' can't be read: Is a directory"),
        ("file:binary", "secret file 'binary' can't be read: it is not UTF-8 text"),
        ("file:blank", "secret file 'blank' is empty"),
    ],
)
def test_a_secret_that_is_not_there_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, secret: str, said: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    (folder / "blank").write_text("\n")
    (folder / "binary").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match=said):
        resolve_secret(secret)


def test_stores_are_in_the_data_folder_unless_told_otherwise(folder: Path) -> None:
    settings = load_settings(data_dir=folder / "data")
    assert settings.inbox_path == folder / "data" / "inbox.sqlite"
    assert settings.control_url == f"sqlite:///{folder / 'data' / 'control.sqlite'}"
    assert settings.lake_root == str(folder / "data" / "lake")
    elsewhere = load_settings(database_url="postgresql://db/kedge", lake_url="s3://bucket")
    assert (elsewhere.control_url, elsewhere.lake_root) == ("postgresql://db/kedge", "s3://bucket")


@pytest.mark.parametrize(
    "section",
    [
        Settings,
        CollectorSettings,
        JobSettings,
        MonitoringSettings,
        OutgoingSettings,
        ChannelSettings,
        ResponseSettings,
    ],
)
def test_every_setting_is_described(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        is_section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        described = field.annotation.__doc__ if is_section else field.description
        assert described, f"{section.__name__}.{name} has no description"
        assert described.endswith("."), f"{section.__name__}.{name}: {described}"


def test_the_defaults_are_acceptable_values() -> None:
    for section in (CollectorSettings, JobSettings, MonitoringSettings, OutgoingSettings):
        assert section.model_validate(section().model_dump()) == section()
    assert Settings().collector == CollectorSettings()
