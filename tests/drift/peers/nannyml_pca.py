"""Made the constants of test_pca_reconstruction.py: run with NannyML 0.13.1 in an environment of its own.

The frame is generated from one seed, so the test makes the same one.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"


def frame(seed: int, rows: int, moved: bool) -> pd.DataFrame:
    """Five numbers, three of which go together (until `moved`), with missing ones, and two categories."""
    random = np.random.default_rng(seed)
    common = random.normal(size=rows)
    other = random.normal(size=rows) if moved else common
    numbers = {
        "a": common + 0.3 * random.normal(size=rows),
        "b": 100 + 20 * other + 5 * random.normal(size=rows),
        "c": -common + random.normal(size=rows),
        "d": random.lognormal(size=rows),
        "e": random.normal(size=rows),
    }
    numbers["d"][random.random(rows) < 0.05] = np.nan
    colours = random.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1]).astype(object)
    places = random.choice(["north", "south", "east", "west"], rows, p=[0.4, 0.3, 0.2, 0.1]).astype(object)
    colours[random.random(rows) < 0.03] = np.nan
    if moved:
        places[:20] = "nowhere"
    return pd.DataFrame({**numbers, "colour": colours, "place": places})


if __name__ == "__main__":
    import nannyml

    columns = ["a", "b", "c", "d", "e", "colour", "place"]
    calculator = nannyml.DataReconstructionDriftCalculator(column_names=columns, chunk_size=400)
    calculator.fit(frame(1, 2000, moved=False))
    for seed, moved in ((2, False), (3, True)):
        results = calculator.calculate(frame(seed, 800, moved=moved)).filter(period="analysis").to_df()
        print(seed, moved, results[("reconstruction_error", "value")].tolist())
    reference = calculator.result.filter(period="reference").to_df()
    print(reference[("reconstruction_error", "value")].tolist())
