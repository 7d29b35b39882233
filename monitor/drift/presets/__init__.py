"""Named presets: whole ways to decide which columns of two tables differ, under one interface.

`calibrated` is Kedge's own and the default; the others give the verdicts of well-known tools, for comparison, and
`OneMethod` those of one drift method at a threshold of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from monitor.drift.methods import get_method
from monitor.drift.presets.calibrated import Calibrated
from monitor.drift.presets.evidently_default import EvidentlyDefault
from monitor.drift.presets.nannyml_default import NannymlDefault
from monitor.drift.presets.one_method import OneMethod
from monitor.drift.presets.tables import Table, Tick, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, drifted_share
from monitor.errors import ConfigError

__all__ = [
    "PRESETS",
    "Calibrated",
    "EvidentlyDefault",
    "Finding",
    "NannymlDefault",
    "OneMethod",
    "Preset",
    "PresetVerdict",
    "drifted_share",
    "get_preset",
    "preset_of",
]


class Preset(Protocol):
    """Judges each column of `current` against `reference`, both pandas DataFrames or pyarrow Tables.

    `tick` hears each column's name. Odd data is a finding; only two columns of one name raise InvalidValue.
    """

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]: ...


PRESETS = {"calibrated": Calibrated, "evidently_default": EvidentlyDefault, "nannyml_default": NannymlDefault}


def get_preset(name: str, columns: Sequence[str] | None = None, time_column: str = "event_time") -> Preset:
    """The preset of this name, for all columns or those named, and with the column that has each row's time.

    Raises ConfigError naming the presets there are.
    """
    if name not in PRESETS:
        raise ConfigError(f"drift preset {name!r} is not known; accepted: {', '.join(PRESETS)}")
    preset: Preset = PRESETS[name](columns=columns, time_column=time_column)
    return preset


def preset_of(threshold: Mapping[str, Any], columns: Sequence[str], time_column: str) -> Preset:
    """How a monitor's threshold of kind `preset` or `method` decides. Raises ConfigError for an unknown name."""
    if threshold["kind"] == "method":
        return OneMethod(get_method(threshold["method"]), threshold.get("threshold"), columns, time_column)
    return get_preset(threshold["name"], columns, time_column)
