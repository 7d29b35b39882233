"""Prints the constants of test_nannyml_default.py. Run it where nannyml 0.13.1 is: it is no dependency here."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd


def frames(shift: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference of ten chunks of 100 rows and 7 rows more, and one chunk that is `shift` away from it."""
    random = np.random.default_rng(42)

    def side(rows: int, moved: float, shares: list[float]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "amount": random.normal(moved, 1, rows),
                "price": random.lognormal(0, 2, rows),
                "count": random.poisson(3 + moved, rows),
                "plan": random.choice(list("abcd"), rows, p=shares),
                "active": random.random(rows) < 0.3 + moved / 10,
                "gaps": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
            }
        )

    return side(1007, 0.0, [0.5, 0.3, 0.2, 0.0]), side(100, shift, [0.4, 0.3, 0.25, 0.05])


def constants(shift: float) -> dict[str, Any]:
    import nannyml

    reference, current = frames(shift)
    calculator = nannyml.UnivariateDriftCalculator(column_names=list(reference), chunk_size=100).fit(reference)
    result = calculator.calculate(current).filter(period="analysis").to_df()
    columns = {name: result[(name, "jensen_shannon")] for name in reference}
    return {
        name: (float(of["value"].iloc[0]), float(of["upper_threshold"].iloc[0]), bool(of["alert"].iloc[0]))
        for name, of in columns.items()
    }


if __name__ == "__main__":
    print(json.dumps({shift: constants(shift) for shift in (0.5, 3.0)}, indent=1))
