"""Kedge's settings: environment over file over default, checked at the edge, documented under each field.

The file is `kedge.toml` in the working directory, or the one KEDGE_CONFIG names. A setting `collector.flush_seconds`
is KEDGE_COLLECTOR__FLUSH_SECONDS in the environment. Secrets are written `env:NAME` or `file:PATH` and looked up when
they are used, so they are never in the file, in `kedge config show` or in a log.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from monitor.dimensions import Dimension, parse_dimensions
from monitor.errors import ConfigError, did_you_mean
from monitor.mapping_settings import NO_MAPPING as NO_MAPPING
from monitor.mapping_settings import MappingSettings as MappingSettings
from monitor.metrics import KNOWN
from monitor.model_settings import ModelSettings
from monitor.privacy_settings import PrivacySettings
from monitor.slo_settings import SloSettings
from monitor.windows import parse_size

DEFAULT_FILE = "kedge.toml"


class SourceSettings(BaseModel):
    """One log that Kedge reads by itself: `kind` names the plug-in; other keys are the plug-in's own settings."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="Which source plug-in reads it: files, kafka, object_store, … or one you installed.")
    model: str = Field("", description="Model of the records that name none.")
    version: str = Field("", description="Version of the records that name none.")
    format: str = Field("auto", description="Log format; auto recognises each file or message by its first bytes.")
    labels: bool = Field(False, description="The records are labels, not predictions.")
    poll_seconds: float | None = Field(
        None, gt=0, description="How long to wait before looking again when all is read; unset is the kind's own."
    )

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class CollectorSettings(BaseModel):
    """Limits and pace of the collector."""

    model_config = ConfigDict(extra="forbid")

    max_body_bytes: int = Field(
        32 * 2**20, ge=1024, description="Largest request body in bytes, before and after gunzip."
    )
    max_records: int = Field(100_000, ge=1, description="Most records one request may carry.")
    max_record_bytes: int = Field(2**20, ge=1024, description="Largest record in bytes; longer ones are refused.")
    max_future_seconds: float = Field(300, ge=0, description="How far ahead of the clock an event time may lie.")
    max_features: int = Field(2000, ge=1, description="Most features one record may carry.")
    max_models: int = Field(
        1000, ge=1, description="Most models that may appear by themselves; later ones are refused."
    )
    flush_seconds: float = Field(1.0, gt=0, description="Longest wait before the inbox is written to the lake.")
    flush_rows: int = Field(100_000, ge=1, description="Most inbox rows written to the lake at a time.")
    inbox_max_bytes: int = Field(4 * 2**30, ge=2**20, description="Size of the inbox at which new records get 503.")
    join_seconds: float = Field(
        600, gt=0, description="How long a request waits for its response where the two are logged apart."
    )
    mappings: dict[str, MappingSettings] = Field({}, description="How a model's log is read: a table per model.")
    sources: dict[str, SourceSettings] = Field(
        {}, description="Logs that the collector fetches by itself: a table per source."
    )
    privacy: dict[str, PrivacySettings] = Field(
        {}, description="What is kept from the disk: a table per model; that of * holds for every model."
    )
    privacy_key: str = Field(
        "", description="Secret that hashes are keyed with, as `env:NAME` or `file:PATH`; at least 16 characters."
    )
    quarantine_days: float = Field(30, gt=0, description="How long refused records are kept.")
    pause_after_records: int = Field(
        500, ge=1, description="How many records in a row a source must have refused before it is paused."
    )
    pause_after_seconds: float = Field(
        10, ge=0, description="How long a source must have gone without an accepted record before it is paused."
    )
    pause_probe_seconds: float = Field(30, gt=0, description="How often a paused source is tried again.")
    max_lag_seconds: float = Field(
        3600, gt=0, description="Age of the oldest record in the inbox at which new ones get 429."
    )
    min_free_bytes: int = Field(256 * 2**20, ge=0, description="Free disk at which new records get 503.")
    max_requests_in_flight: int = Field(512, ge=1, description="Most requests at a time; later ones get 429.")
    max_bytes_in_flight: int = Field(
        256 * 2**20, ge=2**20, description="Most bytes of bodies in memory at a time; later requests get 429."
    )

    def mapping_of(self, model: str | None) -> MappingSettings:
        """How the log of this model is read; nothing is mapped for a model that has none."""
        return self.mappings.get(model or "", NO_MAPPING)

    @model_validator(mode="after")
    def _hashes_have_a_key(self) -> Self:
        hashing = sorted(model for model, rules in self.privacy.items() if rules.hash)
        if hashing and not self.privacy_key:
            raise ValueError(f"privacy.{hashing[0]}.hash needs privacy_key: name a secret, as env:NAME or file:PATH")
        return self


class JobSettings(BaseModel):
    """Pace of the worker's jobs."""

    model_config = ConfigDict(extra="forbid")

    tick_seconds: float = Field(1.0, gt=0, description="How often windows are planned and messages are sent.")
    settle_seconds: float = Field(
        120, ge=0, description="How long a window waits for stragglers before it is evaluated."
    )
    reopen_seconds: float = Field(
        20, ge=0, description="How long a window that late rows or labels reopened waits for more of them."
    )
    lease_seconds: float = Field(
        120, gt=0, description="How long a worker may hold a window before another takes it over."
    )
    compact_seconds: float = Field(3600, gt=0, description="How often small files of the lake are merged.")


class MonitoringSettings(BaseModel):
    """What a model that nobody configured is watched with."""

    model_config = ConfigDict(extra="forbid")

    window: str = Field("1h", description="Window size of the default monitors: s, m, h, d or w, as in 1h.")
    baseline_rows: int = Field(
        5000, ge=100, description="How many first predictions become the baseline of a new model."
    )
    smallest_drift: float = Field(
        0.05, ge=0, le=1, description="Least Jensen-Shannon distance (0 to 0.83) worth an alarm by default."
    )
    min_rows: int = Field(50, ge=2, description="Windows with fewer rows are `insufficient`, never an alarm.")
    segments: dict[str, list[str]] = Field(
        {},
        description="What windows are sliced by: a list of version, tag:NAME and feature:NAME per model; that of * is "
        "for every other model.",
    )
    most_segments: int = Field(
        20, ge=1, le=1000, description="Most segments per dimension, by volume; the rest is one, called `other`."
    )

    @field_validator("window")
    @classmethod
    def _window_is_a_size(cls, text: str) -> str:
        parse_size(text)
        return text

    @field_validator("segments")
    @classmethod
    def _segments_are_dimensions(cls, segments: dict[str, list[str]]) -> dict[str, list[str]]:
        for texts in segments.values():
            parse_dimensions(texts)
        return segments

    def dimensions(self, model: str) -> tuple[Dimension, ...]:
        """What this model's windows are sliced by."""
        return parse_dimensions(self.segments.get(model, self.segments.get("*", [])))


class OutgoingSettings(BaseModel):
    """Which addresses Kedge's own requests (channels, responses) may reach. Link-local ones never may."""

    model_config = ConfigDict(extra="forbid")

    allow_loopback: bool = Field(False, description="Allow channels and responses on this machine's loopback.")
    allow_private: bool = Field(False, description="Allow private networks such as 10.0.0.0/8.")
    timeout_seconds: float = Field(20, gt=0, le=120, description="Time limit of one outgoing request.")


class ChannelSettings(BaseModel):
    """One channel: `kind` names the plug-in; the other keys are the plug-in's own settings."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="Which channel plug-in delivers: slack, webhook, or one you installed.")

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class ResponseSettings(BaseModel):
    """One response: `kind` is retrain or rollback, `target` the plug-in that runs it; other keys are its settings."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(description="What it does: retrain or rollback.")
    target: str = Field("webhook", description="Which response plug-in runs it.")
    models: list[str] = Field(["*"], description="Names of the models it may act on; * is any.")
    metrics: list[str] = Field([], description="Metrics whose incidents start it; empty is the kind's own list.")
    cooldown_seconds: float = Field(3600, ge=0, description="Least time between two runs for one model.")
    daily_budget: int = Field(4, ge=0, description="Most runs for one model in 24 hours.")
    dry_run: bool = Field(False, description="Plan and record only; call nothing.")
    recent_seconds: float = Field(
        7 * 86400, ge=0, description="Rollback: how old, in event time, a deployment may be to be blamed."
    )

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    @field_validator("kind")
    @classmethod
    def _kind_is_known(cls, kind: str) -> str:
        if kind not in ("retrain", "rollback"):
            raise ValueError(f"response kind {kind!r} is not known; accepted: retrain, rollback")
        return kind


class Settings(BaseSettings):
    """Everything Kedge can be told."""

    model_config = SettingsConfigDict(env_prefix="KEDGE_", env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Field(
        Path(".kedge"), description="Folder of the inbox, the default control database and the default lake."
    )
    database_url: str = Field("", description="Control database (SQLite or PostgreSQL); empty is SQLite in data_dir.")
    lake_url: str = Field("", description="Where the Delta tables are; empty is data_dir/lake.")
    host: str = Field("127.0.0.1", description="Address the collector and its API listen on.")
    port: int = Field(8600, ge=0, le=65535, description="Port of the collector and its API.")
    dashboard_port: int = Field(8601, ge=0, le=65535, description="Port of the dashboard.")
    public_url: str = Field("", description="Address of the dashboard as people reach it; links in messages use it.")
    collector: CollectorSettings = CollectorSettings.model_construct()
    jobs: JobSettings = JobSettings.model_construct()
    monitoring: MonitoringSettings = MonitoringSettings.model_construct()
    outgoing: OutgoingSettings = OutgoingSettings.model_construct()
    models: dict[str, ModelSettings] = Field(
        {}, description="What models predict, what mistakes cost and whom they must treat alike: a table per model."
    )
    slos: dict[str, SloSettings] = Field({}, description="What endpoints promise: a table per service level objective.")
    channels: dict[str, ChannelSettings] = Field({}, description="Where messages go: a table per channel.")
    responses: dict[str, ResponseSettings] = Field(
        {}, description="What Kedge may do about an incident: a table per response."
    )

    @model_validator(mode="after")
    def _responses_answer_to_metrics_there_are(self) -> Self:
        custom = {name for model in self.models.values() for name in model.metrics}
        for response, said in self.responses.items():
            for metric in said.metrics:
                if metric not in KNOWN and metric not in custom:
                    hint = did_you_mean(metric, [*KNOWN, *custom])
                    raise ValueError(f"responses.{response}.metrics names {metric!r}, which is no metric{hint}")
        return self

    def model(self, name: str) -> ModelSettings:
        """What is declared of this model; nothing for one that has no table."""
        return self.models.get(name) or ModelSettings.model_construct()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())

    @property
    def inbox_path(self) -> Path:
        return self.data_dir / "inbox.sqlite"

    @property
    def control_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'control.sqlite'}"

    @property
    def lake_root(self) -> str:
        return self.lake_url or str(self.data_dir.absolute() / "lake")


def config_file() -> Path:
    """The file settings are read from; it need not exist unless KEDGE_CONFIG names it."""
    named = os.environ.get("KEDGE_CONFIG")
    if named and not Path(named).is_file():
        raise ConfigError(f"KEDGE_CONFIG names {named!r}, which is not a file")
    return Path(named or DEFAULT_FILE)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` (from the command line) win. Raises ConfigError naming each bad field."""
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(_in_words(each["loc"], each["type"], each["msg"]) for each in error.errors())
        raise ConfigError(f"settings are not usable: {problems}") from None
    except SettingsError as error:
        raise ConfigError(f"settings are not usable: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"settings file {str(config_file())!r} can't be read: {error}") from None


def resolve_secret(text: str) -> str:
    """The secret behind `env:NAME` or `file:PATH`; other text is returned as it is. Raises ConfigError when absent."""
    if text.startswith("env:"):
        value = os.environ.get(text[4:])
        if not value:
            raise ConfigError(f"environment variable {text[4:]!r} is not set")
        return value
    if text.startswith("file:"):
        try:
            secret = Path(text[5:]).read_text().strip()
        except OSError as error:
            raise ConfigError(f"secret file {text[5:]!r} can't be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"secret file {text[5:]!r} can't be read: it is not UTF-8 text") from None
        if not secret:
            raise ConfigError(f"secret file {text[5:]!r} is empty")
        return secret
    return text


def _in_words(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """One problem of the settings: its name, and what is wrong with it."""
    name = ".".join(map(str, place))
    if kind != "extra_forbidden":
        said = message.removeprefix("Value error, ")
        return f"{name}: {said}" if name else said
    group: Any = Settings
    for part in place[:-1]:
        group = group.model_fields[str(part)].annotation
    return f"{name}: there is no such setting{did_you_mean(str(place[-1]), group.model_fields)}"
