"""Which of the many things that can be wrong with a window's data are: effect, significance, false discovery rate."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from monitor.baselines import BaselineProfile
from monitor.false_discovery import false_discovery
from monitor.profiles import WindowProfile
from monitor.quality.columns import column_findings
from monitor.quality.finding import QualityFinding, QualityRule
from monitor.quality.rows import row_findings
from monitor.quality.volume import Rhythm, volume_finding

_LOOKS_PER_COLUMN = 4  # missing, of another kind, out of range or unseen, constant
_LOOKS_PER_WINDOW = 4  # repeats, repeated ids, outliers, volume
_LISTED = 3


def judge_quality(
    baseline: BaselineProfile, profile: WindowProfile, rule: QualityRule, rhythm: Rhythm | None = None
) -> list[QualityFinding]:
    """The findings of one window: certain ones first, then by p-value; one bad column never stops the others.

    A share of rows is a finding when it differs from the baseline's by the smallest effect of its kind and its p-value
    survives the correction for having looked at every column in every way. `rhythm` is the usual number of rows.
    """
    found = [*column_findings(baseline, profile, rule), *row_findings(baseline, profile, rule)]
    if rhythm is not None:
        found += volume_finding(profile, rhythm, rule)
    # Looks that saw nothing are looks all the same.
    looks = _LOOKS_PER_COLUMN * len(baseline.whole.columns) + _LOOKS_PER_WINDOW
    p_values = {i: finding.p_value for i, finding in enumerate(found) if finding.p_value is not None}
    unremarkable = {-1 - i: 1.0 for i in range(looks - len(p_values))}
    adjusted = false_discovery({**p_values, **unremarkable})
    corrected = [
        finding if finding.p_value is None else msgspec.structs.replace(finding, p_value=adjusted[i])
        for i, finding in enumerate(found)
    ]
    kept = [finding for finding in corrected if finding.p_value is None or finding.p_value <= rule.rate]
    return sorted(kept, key=_weight)


def _weight(finding: QualityFinding) -> tuple[float, bool, float]:
    """The surest first; among equally sure ones columns before rows, and large changes before small ones."""
    return round(finding.p_value or 0.0, 9), not finding.column, -abs(finding.value - finding.limit)


def quality_summary(findings: Sequence[QualityFinding], columns: int) -> str:
    """Such as "2 of 9 columns look broken: salary_range (missing: 10.1% → 22.3%), size_of_downpayment (…)"."""
    if not findings:
        return f"Nothing is wrong with the data of {columns} columns"
    of_columns = list(dict.fromkeys(finding.column for finding in findings if finding.column))
    listed = [f"{finding.column} ({finding.why})" if finding.column else finding.why for finding in findings[:_LISTED]]
    more = f" and {len(findings) - _LISTED} more" if len(findings) > _LISTED else ""
    text = ", ".join(listed) + more
    if not of_columns:
        return f"The data looks broken: {text}"
    return f"{len(of_columns)} of {max(columns, len(of_columns))} columns look broken: {text}"
