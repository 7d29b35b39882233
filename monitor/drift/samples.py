"""A column's raw values, cleaned: what kind they are, and the rows of each bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.baselines import Bins, NumericBins, category_bins, numeric_bins
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.columns import bin_counts
from monitor.schemas import FeatureKind

_KINDS = {
    "string": FeatureKind.CATEGORICAL,
    "boolean": FeatureKind.BOOLEAN,
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), FeatureKind.NUMERIC),
}
_TIMES = ("datetime", "datetime64", "date")
_DURATIONS = ("timedelta", "timedelta64")


@dataclass(frozen=True, slots=True)
class Sample:
    """The values that are there and finite: float64, booleans or texts, and how many are not.

    `kind` is None when there is none left; `is_time` says that the numbers are days or times.
    """

    kind: FeatureKind | None
    values: NDArray[Any]
    missing: int = 0
    infinite: int = 0
    is_time: bool = False

    @classmethod
    def of(cls, column: ArrayLike) -> Sample:
        """Read numbers, booleans, days, times and durations (as seconds), or texts; a mixture counts as texts."""
        values = as_array(column)
        kind, present, is_time = _read(values)
        infinite = 0
        if kind is FeatureKind.NUMERIC:
            infinite = int(np.isinf(present).sum())
            present = present[np.isfinite(present)]
        return cls(kind if present.size else None, present, values.size - present.size - infinite, infinite, is_time)

    @property
    def texts(self) -> NDArray[Any]:
        """The values as categories are called: booleans as `true` and `false`."""
        if self.kind is FeatureKind.BOOLEAN:
            return np.where(self.values.astype(bool), "true", "false").astype(object)
        return self.values


def bin_samples(reference: Sample, current: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows per bin of both, on the bins that a baseline would freeze from the reference; unseen categories last."""
    counts = None if reference.kind is FeatureKind.NUMERIC else tally(reference)
    bins = numeric_bins(reference.values) if counts is None else category_bins(counts)
    return bin_counts(profile_of(reference, bins, counts)), bin_counts(profile_of(current, bins))


def profile_of(sample: Sample, bins: Bins, counts: Mapping[str, int] | None = None) -> ColumnProfile:
    """The sample's profile on these bins; a sample without a value fits bins of either kind.

    `counts` is the sample's `tally`, where it is known already.
    """
    if isinstance(bins, NumericBins):
        made = NumericProfile.of(sample.values.astype(np.float64), bins.edges)
        return msgspec.structs.replace(made, missing=sample.missing, infinite=sample.infinite)
    counts = tally(sample) if counts is None else counts
    known = tuple(counts.get(name, 0) for name in bins.categories)
    return CategoricalProfile(bins.categories, known, sum(counts.values()) - sum(known), sample.missing)


def as_array(column: ArrayLike) -> NDArray[Any]:
    """The column's values in one dimension; times that know their zone as UTC."""
    dtype = getattr(column, "dtype", None)
    if getattr(dtype, "tz", None) is not None:  # else each row would be an object
        column = column.to_numpy(dtype="datetime64[us]")  # type: ignore[union-attr]
    return np.asarray(column).ravel()


def _read(values: NDArray[Any]) -> tuple[FeatureKind, NDArray[Any], bool]:
    """The kind, what is not missing, and whether it is a time."""
    match values.dtype.kind:
        case "b":
            return FeatureKind.BOOLEAN, values, False
        case "i" | "u" | "f":
            return FeatureKind.NUMERIC, values.astype(np.float64, copy=False), False
        case "M" | "m" as kind:
            return FeatureKind.NUMERIC, _seconds(values[~np.isnat(values)]), kind == "M"
        case _:
            return _read_objects(values.astype(object))


def _read_objects(values: NDArray[Any]) -> tuple[FeatureKind, NDArray[Any], bool]:
    import pandas as pd  # slow to import

    present = values[~np.asarray(pd.isna(values), dtype=bool)]
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred in (*_TIMES, *_DURATIONS):
        try:
            return FeatureKind.NUMERIC, _seconds(_as_times(present, inferred)), inferred in _TIMES
        except (ValueError, OverflowError):  # years that a 64-bit time can't hold
            return FeatureKind.CATEGORICAL, _as_texts(present), False
    kind = _KINDS.get(inferred, FeatureKind.CATEGORICAL)
    if kind is FeatureKind.NUMERIC:
        return kind, present.astype(np.float64), False
    return kind, present if kind is FeatureKind.BOOLEAN or inferred == "string" else _as_texts(present), False


def _as_times(values: NDArray[Any], inferred: str) -> NDArray[Any]:
    """Days, times or durations that came as objects, as numpy has them."""
    import pandas as pd

    if inferred == "date":
        return values.astype("datetime64[D]")
    if inferred in _DURATIONS:
        return pd.to_timedelta(pd.Series(values)).to_numpy()
    return pd.to_datetime(pd.Series(values), utc=True).dt.tz_localize(None).to_numpy()


def _as_texts(values: NDArray[Any]) -> NDArray[Any]:
    return np.array([str(value) for value in values], dtype=object)


def _seconds(times: NDArray[Any]) -> NDArray[np.float64]:
    return times.astype(f"{times.dtype.kind}8[us]").astype(np.int64) / 1e6


def tally(sample: Sample) -> dict[str, int]:
    """How often each text occurs."""
    import pandas as pd

    counts = pd.Series(sample.texts, dtype=object).value_counts()
    return {str(name): int(count) for name, count in counts.items()}
