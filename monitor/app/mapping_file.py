"""A mapping in a file of its own, for `kedge ingest --mapping`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.config import MappingSettings
from monitor.errors import ConfigError, NotFound


def load_mapping(path: Path) -> MappingSettings:
    """The mapping in a TOML or JSON file, whose keys are those of `collector.mappings.MODEL` in the settings.

    Raises NotFound when the file can't be read, ConfigError naming each key that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotFound(f"mapping file {str(path)!r} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"mapping file {str(path)!r} is not UTF-8 text") from None
    sent = _parsed(text, path)
    try:
        return MappingSettings.model_validate(sent)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {_in_words(each)}" for each in error.errors())
        raise ConfigError(f"mapping file {str(path)!r} is not usable: {problems}") from None


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # both readers' errors are ValueErrors
        raise ConfigError(f"mapping file {str(path)!r} is no TOML and no JSON: {error}") from None


def _in_words(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return f"there is no such key; accepted: {', '.join(MappingSettings.model_fields)}"
    return str(problem["msg"]).removeprefix("Value error, ")
