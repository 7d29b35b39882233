"""Real streams with a known change: how many windows go by before it is found, without a false alarm before it?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.detection.detectors import DETECTORS, Alibi, Detector
from benchmarks.detection.samples import Rows

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Stream:
    """A file in time order: the first `reference` rows are the baseline, the change is at row `onset`."""

    file: str
    reference: int
    onset: int
    rows: int
    columns: tuple[str, ...]


STREAMS = (
    Stream("car_loan_dq_synthetic", 50_000, 75_000, 100, ("car_value", "salary_range", "debt_to_income_ratio",
           "loan_length", "repaid_loan_on_prev_car", "size_of_downpayment", "driver_tenure")),
    Stream("credit_card_multiclass_synthetic", 60_000, 90_000, 100, ("acq_channel", "app_behavioral_score",
           "requested_credit_limit", "app_channel", "credit_bureau_score", "stated_income", "is_customer")),
    Stream("bank_marketing", 6_000, 12_357, 100, ("contact",)),
    Stream("electricity", 8_640, 17_424, 96, ("vicprice", "vicdemand", "transfer")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delay:
    """Windows until the change is found, by detector, None if it never is; `calm` windows before it set the limits."""

    stream: Stream
    calm: int
    after: int
    windows: dict[str, int | None]

    def waited(self, name: str) -> int:
        """Windows that went by without an alarm, and the one with it: all of them if it never came."""
        found = self.windows[name]
        return self.after if found is None else found


def measure_delays() -> list[Delay]:
    """Every stream whose file is there; the files don't come with Kedge (docs/benchmarks.md)."""
    return [_delay(stream) for stream in STREAMS if (DATA / f"{stream.file}.parquet").exists()]


def delay_ratio(delays: list[Delay]) -> float | None:
    """Kedge's delays over those of the best single peer, summed over the streams; None without streams."""
    if not delays:
        return None
    totals = {name: sum(delay.waited(name) for delay in delays) for name in DETECTORS}
    return totals["Kedge"] / min(total for name, total in totals.items() if name != "Kedge")


def _delay(stream: Stream) -> Delay:
    table = pd.read_parquet(DATA / f"{stream.file}.parquet", columns=list(stream.columns))
    columns = {name: _numbers(table[name]) for name in stream.columns}
    calm = range(stream.reference, stream.onset - stream.rows + 1, stream.rows)
    after = range(stream.onset, min(len(table), stream.onset + 300 * stream.rows) - stream.rows + 1, stream.rows)
    found: dict[str, int | None] = {}
    for name, make in DETECTORS.items():
        detectors = {
            column: _made(make, values[: stream.reference], kind, stream.rows)
            for column, (values, kind) in columns.items()
        }
        before = [_score(detectors, columns, at, stream.rows) for at in calm]
        limit = max(before)
        over = (n for n, at in enumerate(after, 1) if _score(detectors, columns, at, stream.rows) > limit)
        found[name] = next(over, None)
    return Delay(stream, len(calm), len(after), found)


def _made(make: type[Detector], reference: Rows, categorical: bool, rows: int) -> Detector:
    blocks = [] if make is Alibi else np.array_split(reference, reference.size // rows)
    return make(reference, categorical, blocks)


def _score(detectors: dict[str, Detector], columns: dict[str, tuple[Rows, bool]], at: int, rows: int) -> float:
    return max(detectors[name].score(values[at : at + rows]) for name, (values, _) in columns.items())


def _numbers(column: pd.Series) -> tuple[Rows, bool]:
    """Values as numbers and whether they are categories; a missing value is a category, or the column's median."""
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > 10:
        values = column.astype(float)
        return values.fillna(values.median()).to_numpy(), False
    return pd.factorize(column.astype("string").fillna("missing"))[0].astype(np.float64), True
