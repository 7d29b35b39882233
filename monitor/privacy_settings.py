"""What of a model's records is kept from the disk: the settings `collector.privacy.MODEL`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

RedactKind = Literal["email", "phone", "card", "iban", "ip"]
_JOINED_BY = "prediction_id"


class PrivacySettings(BaseModel):
    """What is left out, hashed or blacked out before anything is stored. Names may have * and ?, in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drop: tuple[str, ...] = Field((), description="Features and tags to leave out; entity_id too.")
    hash: tuple[str, ...] = Field(
        (), description="Features, tags and entity_id to keep as a keyed hash only; needs collector.privacy_key."
    )
    redact: tuple[RedactKind, ...] = Field(
        (), description="What to black out in texts: email, phone, card, iban, ip. Numbers are not searched."
    )

    @field_validator("drop", "hash")
    @classmethod
    def _names_are_usable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.casefold() == _JOINED_BY:
                raise ValueError(
                    f"{_JOINED_BY} can't be dropped or hashed: labels join by it; send ids that say nothing"
                )
            if not name:
                raise ValueError(
                    "a name is empty; accepted: the name of a feature or tag, in which * stands for any text"
                )
        return names


def protected_names(tables: Mapping[str, PrivacySettings], model: str) -> list[str]:
    """The names that a model's records may not be kept under as they were sent: those to drop and those to hash."""
    return [name for key in ("*", model) if key in tables for name in (*tables[key].drop, *tables[key].hash)]
