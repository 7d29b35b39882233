"""What a model's endpoint promises: the settings `slos.NAME`."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.windows import parse_size

SHORTEST_PERIOD = timedelta(days=1)


class SloSettings(BaseModel):
    """One service level objective: a share of calls that must be good over a period."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[str, ...] = Field(
        ("*",), description="Names of the models it is for, in which * stands for any text."
    )
    objective: Literal["availability", "latency"] = Field(
        "availability",
        description="What a good call is: one that the endpoint did not fail (availability), or a fast one (latency).",
    )
    latency_ms: float | None = Field(
        None,
        gt=0,
        description="Latency objective: calls that take longer are bad. Calls without a latency don't count.",
    )
    target: float = Field(0.999, gt=0, lt=1, description="Share of the calls that must be good.")
    period: str = Field("30d", description="Time the target is for: d or w, as in 30d; at least one day.")
    least_failures: int = Field(
        5, ge=1, description="Fewest bad calls within an alert's long window; one failed call at night is no alarm."
    )

    @field_validator("period")
    @classmethod
    def _period_is_long(cls, text: str) -> str:
        if parse_size(text) < SHORTEST_PERIOD:
            raise ValueError(f"period {text!r} is too short; accepted: 1d or longer")
        return text

    @model_validator(mode="after")
    def _latency_has_a_limit(self) -> Self:
        if (self.objective == "latency") != (self.latency_ms is not None):
            raise ValueError(
                f"objective {self.objective!r} with latency_ms = {self.latency_ms}; "
                "accepted: latency with latency_ms, availability without"
            )
        return self

    @property
    def budget_period(self) -> timedelta:
        return parse_size(self.period)

    def is_for(self, model: str) -> bool:
        return any(fnmatchcase(model, pattern) for pattern in self.models)
