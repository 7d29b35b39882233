"""How a model's log is read where it leaves things open: the settings `collector.mappings.MODEL`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitor.log_paths import parse_path

MAPPED_FIELDS = (
    *("model", "version", "prediction_id", "event_time", "prediction", "score", "scores", "latency_ms", "status_code"),
    *("error", "entity_id", "sampling_fraction", "request_bytes", "response_bytes", "label", "label_time"),
)
"""Fields of a record that a mapping may place; `tags.NAME` is one more per tag."""


class MappingSettings(BaseModel):
    """How a log that leaves things open is read: where fields are, what nameless columns mean, and in which units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[str, ...] = Field((), description="Names of nameless inputs (arrays, CSV without header), in order.")
    fields: dict[str, str] = Field(
        {}, description="Field of a prediction or label → where it is in a record, as in `out.proba[1]`."
    )
    features: dict[str, str] = Field({}, description="Feature → where its value is in a record.")
    features_at: str = Field("", description="Where the object (or array) of all features is in a record.")
    constants: dict[str, str | int | float] = Field({}, description="Field → the value it has in every record.")
    where: dict[str, str] = Field({}, description="Place in a record → the text it must hold; others are skipped.")
    paths: tuple[str, ...] = Field(
        (), description="Addresses of an access log that are predictions, as in `/predict*`; empty: the usual ones."
    )
    classes: tuple[str, ...] = Field((), description="Names of the classes of a vector of probabilities, in order.")
    positive: str = Field("", description="The class whose probability is `score`.")
    latency_unit: Literal["ns", "us", "ms", "s"] = Field("ms", description="Unit of latencies.")
    time_unit: Literal["s", "ms", "us", "ns"] = Field("s", description="Unit of times that are numbers since 1970.")
    time_zone: str = Field("UTC", description="Zone of times that have none, such as Europe/Berlin.")
    sampling_fraction: float = Field(1.0, gt=0, le=1, description="Share of the traffic that is logged.")

    @field_validator("fields", "constants")
    @classmethod
    def _fields_are_known(cls, named: dict[str, Any]) -> dict[str, Any]:
        for name in named:
            if name not in MAPPED_FIELDS and not (name.startswith("tags.") and len(name) > len("tags.")):
                near = get_close_matches(name, MAPPED_FIELDS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"accepted: {', '.join(MAPPED_FIELDS)}, tags.NAME"
                raise ValueError(f"{name!r} is no field of a prediction or label; {hint}")
        return named

    @field_validator("fields", "features", "features_at")
    @classmethod
    def _paths_are_readable(cls, value: dict[str, str] | str) -> dict[str, str] | str:
        for path in [value] if isinstance(value, str) else [*value.values()]:
            if path:
                parse_path(path)
        return value

    @field_validator("where")
    @classmethod
    def _places_are_readable(cls, where: dict[str, str]) -> dict[str, str]:
        for path in where:
            parse_path(path)
        return where

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"time zone {name!r} is not known; accepted: UTC or a name such as Europe/Berlin"
            ) from None
        return name


NO_MAPPING = MappingSettings.model_construct()
