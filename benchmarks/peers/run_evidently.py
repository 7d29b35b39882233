"""Evidently's DataDriftPreset with its defaults. It has no step that prepares a reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import evidently
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from measure import measure


def prepare(reference: pd.DataFrame) -> Callable[[pd.DataFrame], object]:
    def check(current: pd.DataFrame) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Report([DataDriftPreset()]).run(current, reference).dict()

    return check


measure(evidently.__version__, prepare)
