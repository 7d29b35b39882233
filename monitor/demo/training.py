"""The demo's model: will this flight arrive 15 or more minutes late?

python -m monitor.demo.training --models DIR                               trains versions 1 and 2
python -m monitor.demo.training --models DIR --version 3 --until TIME      retrains on what was known at that time
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.demo.flights import FEATURES, instances, known_by, load_flights, split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ITERATIONS = 120
THRESHOLD = 0.5
_CATEGORICAL = ("weekday", "carrier", "origin", "dest")
_DEPARTURE = FEATURES.index("departure")
# What serving turns the schedule's HHMM into. All versions are trained on minutes after midnight.
_MINUTES_PER_UNIT = {"minutes": 1, "hours": 60}
FAULT = (
    "unit mix-up on purpose, for the demo: serving turns the departure time into hours after midnight, "
    "while the trees were trained on minutes, so every flight looks like one just after midnight"
)


@dataclass(frozen=True)
class FlightModel:
    """One version: gradient-boosted trees and the preprocessing in front of them.

    `departure_unit` is what the preprocessing gives the trees. Version 2's is `hours`, which is its fault (see FAULT):
    nothing fails, the scores are simply low and wrong, as with the unit mix-ups of real deployments.
    """

    version: str
    note: str
    trees: Any
    codes: Mapping[str, Mapping[str, int]]
    departure_unit: str = "minutes"

    def scores(self, rows: Sequence[Mapping[str, Any]]) -> list[float]:
        """The probability of being late, per row."""
        table = matrix(rows, self.codes, self.departure_unit)
        probabilities: list[float] = self.trees.predict_proba(table)[:, 1].tolist()
        return probabilities

    def save(self, folder: Path) -> None:
        """Write the version into the folder, whole or not at all."""
        import joblib

        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{self.version}.partial"
        joblib.dump(vars(self), partial)
        partial.replace(folder / f"{self.version}.joblib")


def load_model(folder: Path, version: str) -> FlightModel:
    import joblib

    return FlightModel(**joblib.load(folder / f"{version}.joblib"))


def versions_in(folder: Path) -> list[str]:
    """The versions that are saved in the folder, in order."""
    return sorted((path.stem for path in folder.glob("*.joblib")), key=lambda version: (len(version), version))


def train(
    rows: pd.DataFrame,
    *,
    version: str = "1",
    note: str = "",
    iterations: int = ITERATIONS,
    departure_unit: str = "minutes",
) -> FlightModel:
    """Fit a version to flights whose outcome is known. Always the same model for the same rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    codes = {name: {value: i for i, value in enumerate(sorted(rows[name].unique()))} for name in _CATEGORICAL}
    trees = HistGradientBoostingClassifier(
        max_iter=iterations,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        l2_regularization=1.0,
        categorical_features=[name in _CATEGORICAL for name in FEATURES],
        early_stopping=False,
        random_state=0,
    )
    trees.fit(matrix(instances(rows), codes), rows["late"].astype(int))
    return FlightModel(version, note, trees, codes, departure_unit)


def score_rows(model: FlightModel, rows: pd.DataFrame) -> list[float]:
    """The model's score of every flight of a table, preprocessed just as the endpoint does it."""
    return model.scores(instances(rows)) if len(rows) else []


def matrix(
    rows: Sequence[Mapping[str, Any]], codes: Mapping[str, Mapping[str, int]], departure_unit: str = "minutes"
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What the trees see: numbers, NaN for what is missing or was never seen. Plain lookups: pandas takes longer."""
    import numpy as np

    table = np.empty((len(rows), len(FEATURES)))
    for row, flight in enumerate(rows):
        for column, name in enumerate(FEATURES):
            value = flight.get(name)
            if name in _CATEGORICAL:
                value = codes[name].get(value)  # type: ignore[arg-type]
            table[row, column] = math.nan if value is None else value
    clock = table[:, _DEPARTURE]
    table[:, _DEPARTURE] = (clock // 100 * 60 + clock % 100) / _MINUTES_PER_UNIT[departure_unit]
    return table


def train_first_versions(
    flights: pd.DataFrame, folder: Path, iterations: int = ITERATIONS, shift: timedelta = timedelta(0)
) -> None:
    """Version 1 with its baseline, and version 2: version 1's trees behind a preprocessing with a fault (see FAULT)."""
    rows, held_out = split(flights)
    first = train(rows, version="1", note="three of every four weeks of January to March", iterations=iterations)
    first.save(folder)
    write_baseline(first, held_out, baseline_path(folder, "1"), shift)
    FlightModel("2", FAULT, first.trees, first.codes, "hours").save(folder)


def retrain(
    flights: pd.DataFrame,
    folder: Path,
    version: str,
    until: datetime,
    iterations: int = ITERATIONS,
    shift: timedelta = timedelta(0),
) -> None:
    """A version from the flights of the last 90 days before `until` whose outcome was known by then.

    As with version 1, every fourth week is held out, scored, and written down as the version's honest baseline.
    """
    rows = known_by(flights, until)
    if rows["late"].nunique() < 2:
        raise ValueError(f"{len(rows)} flights with a known outcome before {until:%Y-%m-%d %H:%M} are too few to train")
    held_out = (rows["scheduled"] - rows["scheduled"].min()).dt.days // 7 % 4 == 3
    if not held_out.any():
        held_out = (rows["scheduled"] - rows["scheduled"].min()).dt.days % 4 == 3
    training = rows[~held_out]
    note = f"retrained on {len(training)} flights whose outcome was known by {until:%Y-%m-%d %H:%M}"
    model = train(training, version=version, note=note, iterations=iterations)
    # The baseline is there before the version is: whoever sees the version finds its baseline.
    write_baseline(model, rows[held_out], baseline_path(folder, version), shift)
    model.save(folder)


def baseline_path(folder: Path, version: str) -> Path:
    return folder / f"baseline-v{version}.parquet"


def write_baseline(model: FlightModel, rows: pd.DataFrame, path: Path, shift: timedelta = timedelta(0)) -> None:
    """Held-out flights with the version's answers and the truth, in the columns `kedge baseline create` reads."""
    scores = score_rows(model, rows)
    table = rows[["prediction_id", *FEATURES]].assign(
        event_time=rows["scheduled"] + shift,
        version=model.version,
        score=scores,
        prediction=[int(score >= THRESHOLD) for score in scores],
        label=rows["late"].astype(int),
    )
    table.to_parquet(path, index=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monitor.demo.training", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder the versions are saved in")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="rounds of boosting")
    parser.add_argument("--version", default="3", help="with --until: the version to save")
    parser.add_argument("--until", type=datetime.fromisoformat, help="learn from what was known at this time (UTC)")
    options = parser.parse_args()
    shift = timedelta(seconds=float(os.environ.get("KEDGE_DEMO_SHIFT_SECONDS", "0")))
    if options.until is None:
        train_first_versions(load_flights(), options.models, options.iterations, shift)
    else:
        until = options.until if options.until.tzinfo else options.until.replace(tzinfo=UTC)
        retrain(load_flights(), options.models, options.version, until, options.iterations, shift)


if __name__ == "__main__":
    main()
