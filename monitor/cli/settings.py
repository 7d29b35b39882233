"""The settings as commands read them: whatever is wrong with the file or the environment is one line."""

from __future__ import annotations

from typing import Any

from monitor.config import Settings, config_file, load_settings
from monitor.errors import ConfigError


def read_settings(**overrides: Any) -> Settings:
    """The settings in force; `overrides` are the command's own options. Raises ConfigError."""
    try:
        return load_settings(**overrides)
    except (ValueError, OverflowError, OSError) as error:  # no TOML, no UTF-8, no JSON in a variable, no permission
        where = f"{str(config_file())!r} or a KEDGE_ variable of the environment"
        raise ConfigError(f"settings in {where} can't be read: {error}") from None
