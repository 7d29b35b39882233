"""The evidence of a verdict as JSON-ready data; docs/architecture.md has its form."""

from __future__ import annotations

import math
from typing import Any

from monitor.evaluation.facts import WindowFacts
from monitor.evaluation.rules import MonitorRule
from monitor.evaluation.thresholds import Bounds
from monitor.metrics import describe


def evidence_of(
    facts: WindowFacts,
    rule: MonitorRule,
    summary: str,
    n: int,
    value: float | None = None,
    bounds: Bounds | None = None,
) -> dict[str, Any]:
    """What every kind of verdict tells; `columns` is filled in by those that are about columns."""
    rows = sum(facts.profile.versions.values())
    return {
        "summary": summary,
        "value": _finite(value),
        "low": _finite(bounds.low) if bounds else None,
        "high": _finite(bounds.high) if bounds else None,
        "n": n,
        "unit": describe(rule.metric).unit,
        "baseline": facts.baseline_name,
        "window": {"start": facts.window.start.isoformat(), "seconds": int(facts.window.size.total_seconds())},
        "columns": [],
        "versions": [
            {"name": name, "share": count / rows}
            for name, count in sorted(facts.profile.versions.items(), key=lambda item: -item[1])
        ],
    }


def _finite(value: float | None) -> float | None:
    """JSON, and so PostgreSQL, knows no infinity."""
    return value if value is not None and math.isfinite(value) else None
