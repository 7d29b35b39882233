"""Drift that rows show and histograms don't: of many columns together, of embeddings, of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from monitor.drift.many import ManyVerdict
from monitor.drift.many.decide import judge_many_columns
from monitor.drift.text import LOOKS
from monitor.errors import KedgeError
from monitor.evaluation.evidence import evidence_of
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.point_verdict import undecided
from monitor.evaluation.rules import MonitorRule, Verdict
from monitor.evaluation.thresholds import Bounds
from monitor.metrics import describe, format_value
from monitor.points import Point, Status, undefined

_NOTHING = {
    "embedding": "no numbered features look like an embedding; name their prefixes, which need four features each",
    "text": "no column of the baseline's rows looks like text; name columns",
}
_NAMED = 3


def judge_rows(
    rule: MonitorRule, facts: WindowFacts, sample: bytes | None, rows: pa.Table | None
) -> tuple[list[Point], Judgement]:
    """The points and the judgement of a monitor that compares rows; never raises for odd data.

    `sample` is what the baseline keeps of its rows (monitor.sample), `rows` the same of the window; without the one the
    other is not needed. The same rows give the same verdict whenever they are judged.
    """
    served = facts.profile.service.rows
    if sample is None or rows is None:
        why = "the baseline keeps no rows; make a new one" if facts.baseline else "there is no baseline yet"
        return _undecided(rule, facts, Verdict.UNDEFINED, served, why)
    try:
        points, found = judge_many_columns(sample, rows, rule.threshold, int(facts.window.start.timestamp()))
    except KedgeError as error:  # a method that is no longer installed, a sample that can't be read
        return _undecided(rule, facts, Verdict.UNDEFINED, rows.num_rows, str(error))
    looks = list(zip(points, found, strict=True))
    if rule.metric in LOOKS:
        looks = [look for look in looks if look[0].metric == rule.metric]
    if not looks:
        return _undecided(rule, facts, Verdict.UNDEFINED, rows.num_rows, _NOTHING[rule.threshold["kind"]])
    if served < rule.min_rows:
        few = f"{served} rows, {rule.min_rows} needed"
        return points, _undecided(rule, facts, Verdict.INSUFFICIENT, rows.num_rows, few)[1]
    return points, _judged(rule, facts, looks)


def _judged(rule: MonitorRule, facts: WindowFacts, looks: Sequence[tuple[Point, ManyVerdict]]) -> Judgement:
    decided = [look for look in looks if look[0].status is Status.OK]
    if not decided:
        point, found = looks[0]
        few = any(each.status is Status.INSUFFICIENT for each, _ in looks)
        verdict = Verdict.INSUFFICIENT if few else Verdict.UNDEFINED
        return _undecided(rule, facts, verdict, point.n, found.why)[1]
    flagged = sorted((look for look in decided if look[1].breach), key=_chance)
    point, shown = flagged[0] if flagged else min(decided, key=_chance)
    reason = _reason(rule, flagged, len(decided), shown)
    evidence = evidence_of(facts, rule, reason, point.n, point.value, Bounds(high=shown.limit))
    evidence["columns"] = [column for look in flagged for column in _columns(*look)]
    evidence["looks"] = [_look(each, found) for each, found in looks]
    verdict = Verdict.BREACH if flagged else Verdict.OK
    return Judgement(rule, verdict, rule.severity, point.value, None, shown.limit, point.n, reason, evidence)


def _undecided(
    rule: MonitorRule, facts: WindowFacts, verdict: Verdict, n: int, reason: str
) -> tuple[list[Point], Judgement]:
    point = undefined(rule.metric, n, reason)
    whole = rule.threshold.get("kind") == "many_columns"
    return ([point] if whole else []), undecided(rule, verdict, point, reason, facts)


def _chance(look: tuple[Point, ManyVerdict]) -> float:
    return look[1].p_value if look[1].p_value is not None else 1.0


def _reason(rule: MonitorRule, flagged: Sequence[tuple[Point, ManyVerdict]], looked: int, shown: ManyVerdict) -> str:
    """It goes into messages, so it names columns and figures, and quotes no value of a feature."""
    if rule.threshold.get("kind") == "many_columns":
        return f"Features {'differ' if flagged else 'do not differ'} together from the baseline: {shown.why}"
    if not flagged:
        return f"None of {looked} looks at {_noun(rule)} differs from the baseline"
    named = [f"{point.column}: {_figure(point, found)}" for point, found in flagged[:_NAMED]]
    more = f" and {len(flagged) - _NAMED} more" if len(flagged) > _NAMED else ""
    return f"{len(flagged)} of {looked} looks at {_noun(rule)} differ from the baseline: {', '.join(named)}{more}"


def _noun(rule: MonitorRule) -> str:
    return "embeddings" if rule.threshold.get("kind") == "embedding" else "texts"


def _figure(point: Point, found: ManyVerdict) -> str:
    limit = f" (limit {found.limit:.3g})" if found.limit is not None else ""
    name = describe(point.metric).title.lower() if point.metric in LOOKS else found.method
    return f"{name} {format_value(point.metric, point.value)}{limit}"


def _columns(point: Point, found: ManyVerdict) -> list[dict[str, Any]]:
    """The columns behind a look, as evidence lists them: what was looked at, and where it was all, what moved most."""
    names = found.columns or ((point.column,) if point.column else ())
    shared = {"value": found.value, "limit": found.limit, "p_value": found.p_value, "why": found.why}
    return [{"name": name, **shared} for name in names]


def _look(point: Point, found: ManyVerdict) -> dict[str, Any]:
    return {
        "metric": point.metric,
        "name": point.column,
        "method": found.method,
        "value": found.value,
        "limit": found.limit,
        "p_value": found.p_value,
        "breach": found.breach,
        "status": found.status.value,
        "why": found.why,
    }
