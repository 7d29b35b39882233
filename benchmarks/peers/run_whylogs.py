"""whylogs' profile of the current rows; it compares nothing, so this is its time up to the verdicts only."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import pandas as pd
import whylogs as why
from measure import measure


def prepare(_: pd.DataFrame) -> Callable[[pd.DataFrame], object]:
    return lambda current: why.log(pandas=current).view()


measure(version("whylogs"), prepare)
