"""Groups of people beside how they were treated: what fairness is computed from."""

from __future__ import annotations

import msgspec

OTHER_GROUP = "other"
MOST_GROUPS = 20


class GroupProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value of a protected attribute: `selected` of `predicted` rows were given the positive class.

    Of the labelled rows, `positives` have it as label and `true_positives` of them were given it; `negatives` don't
    have it and `false_positives` of them were given it all the same.
    """

    predicted: int = 0
    selected: int = 0
    positives: int = 0
    true_positives: int = 0
    negatives: int = 0
    false_positives: int = 0

    def merge(self, other: GroupProfile) -> GroupProfile:
        return GroupProfile(
            self.predicted + other.predicted,
            self.selected + other.selected,
            self.positives + other.positives,
            self.true_positives + other.true_positives,
            self.negatives + other.negatives,
            self.false_positives + other.false_positives,
        )


def merge_groups(a: dict[str, GroupProfile], b: dict[str, GroupProfile]) -> dict[str, GroupProfile]:
    """The groups of both, by "attribute=value"."""
    nothing = GroupProfile()
    return {name: a.get(name, nothing).merge(b.get(name, nothing)) for name in {**a, **b}}
