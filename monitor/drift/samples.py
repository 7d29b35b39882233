"""A column's raw values, cleaned: what kind they are, and the rows of each bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.baselines import category_bins, numeric_bins
from monitor.schemas import FeatureKind

_KINDS = {
    "string": FeatureKind.CATEGORICAL,
    "boolean": FeatureKind.BOOLEAN,
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), FeatureKind.NUMERIC),
}
_TIMES = ("datetime", "datetime64", "date")


@dataclass(frozen=True, slots=True)
class Sample:
    """The values that are there and finite: float64, booleans or texts, and how many are not.

    `kind` is None when there is none left.
    """

    kind: FeatureKind | None
    values: NDArray[Any]
    missing: int = 0
    infinite: int = 0

    @classmethod
    def of(cls, column: ArrayLike) -> Sample:
        """Read a column: numbers, booleans, days and times (as seconds), texts; a mixture of these counts as texts."""
        values = np.asarray(column).ravel()
        kind, present = _read(values)
        infinite = 0
        if kind is FeatureKind.NUMERIC:
            infinite = int(np.isinf(present).sum())
            present = present[np.isfinite(present)]
        return cls(kind if present.size else None, present, values.size - present.size - infinite, infinite)

    @property
    def texts(self) -> NDArray[Any]:
        """The values as categories are called: booleans as `true` and `false`."""
        if self.kind is FeatureKind.BOOLEAN:
            return np.where(self.values.astype(bool), "true", "false").astype(object)
        return self.values


def bin_samples(reference: Sample, current: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows per bin of both, on the bins that a baseline would freeze from the reference; unseen categories last."""
    if reference.kind is FeatureKind.NUMERIC:
        edges = np.array(numeric_bins(reference.values).edges)
        return _count(edges, reference.values), _count(edges, current.values)
    before, after = tally(reference), tally(current)
    categories = category_bins(before).categories
    return _laid_out(categories, before), _laid_out(categories, after)


def _read(values: NDArray[Any]) -> tuple[FeatureKind, NDArray[Any]]:
    match values.dtype.kind:
        case "b":
            return FeatureKind.BOOLEAN, values
        case "i" | "u" | "f":
            return FeatureKind.NUMERIC, values.astype(np.float64, copy=False)
        case "M":
            return FeatureKind.NUMERIC, _seconds(values[~np.isnat(values)])
        case _:
            return _read_objects(values.astype(object))


def _read_objects(values: NDArray[Any]) -> tuple[FeatureKind, NDArray[Any]]:
    import pandas as pd  # slow to import

    present = values[~np.asarray(pd.isna(values), dtype=bool)]
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred in _TIMES:
        try:
            times = pd.to_datetime(pd.Series(present), utc=True).dt.tz_localize(None).to_numpy()
        except (ValueError, OverflowError):  # years that a 64-bit time can't hold
            return FeatureKind.CATEGORICAL, _as_texts(present)
        return FeatureKind.NUMERIC, _seconds(times)
    kind = _KINDS.get(inferred, FeatureKind.CATEGORICAL)
    if kind is FeatureKind.NUMERIC:
        return kind, present.astype(np.float64)
    return kind, present if kind is FeatureKind.BOOLEAN or inferred == "string" else _as_texts(present)


def _as_texts(values: NDArray[Any]) -> NDArray[Any]:
    return np.array([str(value) for value in values], dtype=object)


def _seconds(times: NDArray[Any]) -> NDArray[np.float64]:
    return times.astype("datetime64[us]").astype(np.int64) / 1e6


def _count(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.searchsorted(edges, values, side="left")
    return np.bincount(places, minlength=edges.size + 1).astype(np.float64)


def tally(sample: Sample) -> dict[str, int]:
    """How often each text occurs."""
    import pandas as pd

    counts = pd.Series(sample.texts, dtype=object).value_counts()
    return {str(name): int(count) for name, count in counts.items()}


def _laid_out(categories: tuple[str, ...], counts: dict[str, int]) -> NDArray[np.float64]:
    known = [counts.get(name, 0) for name in categories]
    return np.array([*known, sum(counts.values()) - sum(known)], dtype=np.float64)
