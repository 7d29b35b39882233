"""Log formats: one file per format, found through the registry."""

from collectors.formats.registry import (
    WHOLE_BODY,
    Decoded,
    Log,
    LogFormat,
    find_format,
    format_names,
    format_of_media_type,
    sniff_format,
)

__all__ = [
    "WHOLE_BODY",
    "Decoded",
    "Log",
    "LogFormat",
    "find_format",
    "format_names",
    "format_of_media_type",
    "sniff_format",
]
