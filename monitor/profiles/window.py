"""Everything known about one window of one model, as one mergeable value."""

from __future__ import annotations

import msgspec

from monitor.profiles.columns import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.groups import GroupProfile, merge_groups
from monitor.profiles.labelled import LabelledProfile
from monitor.profiles.quality import QualityProfile
from monitor.profiles.scored import ScoredProfile
from monitor.profiles.service import ServiceProfile


class WindowProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Service, columns, predictions and labels of one window.

    `columns` is by feature name and empty until there is a baseline to freeze the bins. `prediction` profiles the score
    (where there is one), else the predicted value or class. `versions` counts the rows each version served.
    """

    service: ServiceProfile = ServiceProfile()
    columns: dict[str, ColumnProfile] = {}
    prediction: ColumnProfile | None = None
    type_errors: dict[str, int] = {}
    labelled: LabelledProfile = LabelledProfile()
    versions: dict[str, int] = {}
    groups: dict[str, GroupProfile] = {}
    quality: QualityProfile = QualityProfile()
    scored: ScoredProfile = ScoredProfile()

    def merge(self, other: WindowProfile) -> WindowProfile:
        """The profile of both windows; columns that only one of them has are kept as they are."""
        return WindowProfile(
            self.service.merge(other.service),
            {
                name: merge_columns(self.columns.get(name), other.columns.get(name))
                for name in {**self.columns, **other.columns}
            },
            None
            if self.prediction is None and other.prediction is None
            else merge_columns(self.prediction, other.prediction),
            _add(self.type_errors, other.type_errors),
            self.labelled.merge(other.labelled),
            _add(self.versions, other.versions),
            merge_groups(self.groups, other.groups),
            quality=self.quality.merge(other.quality),
            scored=self.scored.merge(other.scored),
        )


def merge_columns(a: ColumnProfile | None, b: ColumnProfile | None) -> ColumnProfile:
    """Merge two profiles of one column, either of which may be absent."""
    match a, b:
        case NumericProfile(), NumericProfile():
            return a.merge(b)
        case CategoricalProfile(), CategoricalProfile():
            return a.merge(b)
        case (None, NumericProfile() | CategoricalProfile()):
            return b
        case (NumericProfile() | CategoricalProfile(), None):
            return a
        case _:
            raise TypeError(f"{type(a).__name__} and {type(b).__name__} are not profiles of one column")


def _add(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}
