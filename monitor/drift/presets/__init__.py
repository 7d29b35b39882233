"""Named presets: whole ways to decide which columns of two tables differ, under one interface.

`calibrated` is Kedge's own and the default; the others give the verdicts of well-known tools, for comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from monitor.drift.presets.calibrated import Calibrated
from monitor.drift.presets.evidently_default import EvidentlyDefault
from monitor.drift.presets.nannyml_default import NannymlDefault
from monitor.drift.presets.tables import Table, Tick, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, drifted_share
from monitor.errors import ConfigError

__all__ = [
    "PRESETS",
    "Calibrated",
    "EvidentlyDefault",
    "Finding",
    "NannymlDefault",
    "Preset",
    "PresetVerdict",
    "drifted_share",
    "get_preset",
]


class Preset(Protocol):
    """Judges each column of `current` against `reference`, both pandas DataFrames or pyarrow Tables.

    `tick` hears each column's name. Odd data is a finding; only two columns of one name raise InvalidValue.
    """

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]: ...


PRESETS = {"calibrated": Calibrated, "evidently_default": EvidentlyDefault, "nannyml_default": NannymlDefault}


def get_preset(name: str, columns: Sequence[str] | None = None) -> Preset:
    """The preset of this name, for all columns or those named. Raises ConfigError naming the presets there are."""
    if name not in PRESETS:
        raise ConfigError(f"drift preset {name!r} is not known; accepted: {', '.join(PRESETS)}")
    preset: Preset = PRESETS[name](columns=columns)
    return preset
