"""NannyML's UnivariateDriftCalculator: Jensen-Shannon of every column, its default, on ten chunks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import version

import pandas as pd
from measure import measure
from nannyml.drift.univariate import UnivariateDriftCalculator

warnings.simplefilter("ignore")
CHUNKS = 10


def prepare(reference: pd.DataFrame) -> Callable[[pd.DataFrame], object]:
    calculator = UnivariateDriftCalculator(column_names=list(reference.columns), chunk_number=CHUNKS)
    calculator.fit(reference)
    return lambda current: calculator.calculate(current).to_df()


measure(version("nannyml"), prepare)
