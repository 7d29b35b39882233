"""Explanations in sentences a person can act on. They quote medians, shares, factors and category names only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from monitor.drift.words import shown
from monitor.explanation.cause import Cause, sign_of_breakage
from monitor.explanation.ranking import RankedColumn
from monitor.explanation.segments import SegmentFall
from monitor.explanation.spelling import SpellingChange
from monitor.explanation.units import UnitChange
from monitor.metrics import describe, format_value

_OTHERS = 2


def sentence(
    columns: Sequence[RankedColumn],
    moved: int,
    of: int,
    cause: Cause,
    reason: str,
    since: datetime | None,
    fallen: str,
    rows: str,
    answers: bool = False,
    quote: bool = True,
) -> str:
    """What happened, how much it matters, and where to look, the most important first.

    Categories are quoted only with `quote`. `rows` is what is wrong with the rows as a whole, `answers` whether the
    predictions drifted.
    """
    parts = [fallen] if fallen else []
    if columns:
        first = columns[0]
        parts += [_what(first, since, quote), _worth(first), _others(columns, moved, quote)]
        parts.append(_where(columns, cause, reason))
    elif rows:
        parts.append(f"{_sentence_case(rows)}{_since(since)}: look at what sends the rows.")
    elif fallen:
        parts.append(
            f"None of {of} columns moved: the same inputs may now lead to other outcomes. "
            "Check that the labels are right, then retrain."
        )
    elif answers:
        parts.append(f"None of {of} columns moved, so the model answers otherwise: look at what was deployed.")
    else:
        parts.append("Nothing that was looked at explains it.")
    return " ".join(part for part in parts if part)


def fall(metric: str, before: float, after: float, segments: Sequence[SegmentFall]) -> str:
    """Such as "AUC went from 0.86 to 0.62, most of all where region=eu (0.88 → 0.55)."."""
    text = f"{describe(metric).title} went from {format_value(metric, before)} to {format_value(metric, after)}"
    if segments:
        worst = segments[0]
        change = f"{format_value(metric, worst.before)} → {format_value(metric, worst.after)}"
        text += f", most of all where {shown(worst.segment)} ({change})"
    return f"{text}."


def unit_words(unit: UnitChange) -> str:
    """What was done to the values, such as "multiplied by 1.8 and raised by 32"."""
    form = "" if unit.form == "x" else f"turned into {unit.form}"
    if unit.offset and unit.scale == -1:
        change = f"subtracted from {_figure(unit.offset)}"
    else:
        offset = f"{'raised' if unit.offset > 0 else 'lowered'} by {_figure(abs(unit.offset))}" if unit.offset else ""
        change = " and ".join(filter(None, (_scaled(unit.scale), offset)))
    return f"{form} {change}".strip()


def _scaled(scale: float) -> str:
    if scale in (1, -1):
        return "" if scale == 1 else "negated"
    return f"divided by {_figure(1 / scale)}" if abs(scale) < 1 else f"multiplied by {_figure(scale)}"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.5g}"


def _what(column: RankedColumn, since: datetime | None, quote: bool) -> str:
    name, unit = f"`{shown(column.name)}`", column.unit
    why = column.why if quote else column.figures
    if column.spelling is not None:
        return _respelt(name, column.spelling, since, quote)
    if unit is None:
        return f"{name} changed{_since(since)}: {why}."
    change = _kind_of_change(unit)
    match unit.certainty:
        case "almost certainly":
            how = f"{name} looks {unit_words(unit)}{_since(since)}: {change} upstream?"
            return f"{how} That accounts for {_accounted(unit)} of its change."
        case "probably":
            how = f"{name} looks {unit_words(unit)}{_since(since)}: probably {change} upstream."
            return f"{how} That accounts for {_accounted(unit)} of its change."
        case _:
            guess = f"Its values {unit_words(unit)} would look the same, so {change} is possible."
            return f"{name} changed{_since(since)}: {why}. {guess}"


def _respelt(name: str, spelling: SpellingChange, since: datetime | None, quote: bool) -> str:
    share = "all" if spelling.share == 1 else f"{min(spelling.share, 0.99):.0%}"
    example = f" ({shown(spelling.old)} → {shown(spelling.new)})" if quote else ""
    return f"{name} is spelt otherwise{_since(since)}: {share} of its unknown values are known ones{example}."


def _kind_of_change(unit: UnitChange) -> str:
    if unit.form != "x":
        return "a transformation"
    if unit.scale == -1 and not unit.offset:
        return "a change of sign"
    return "a unit change" + (f" ({unit.name})" if "→" in unit.name else "")


def _accounted(unit: UnitChange) -> str:
    return f"{unit.sure:.0%}" if unit.sure < 0.995 else "all"


def _worth(column: RankedColumn) -> str:
    name = f"`{shown(column.name)}`"
    if column.importance is None:
        return ""
    if column.importance < 0.005:
        return f"The model's score hardly depends on {name}."
    return f"{name} explains {column.importance:.0%} of the model's score."


def _others(columns: Sequence[RankedColumn], moved: int, quote: bool) -> str:
    if moved < 2:
        return ""
    named = [_named(column, quote) for column in columns[1 : 1 + _OTHERS]]
    rest = moved - 1 - len(named)
    verb = "changed too"
    if rest > 0:
        return f"{', '.join(named)} and {rest} more {verb}."
    return f"{' and '.join(named)} {verb}."


def _named(column: RankedColumn, quote: bool) -> str:
    """A column that changed too, with what is wrong with it where something is."""
    broken = column.fault and column.fault not in ("out_of_range", "unseen_category")
    return f"`{shown(column.name)}`" + (f" ({column.why if quote else column.figures})" if broken else "")


def _where(columns: Sequence[RankedColumn], cause: Cause, reason: str) -> str:
    broken = next((column for column in columns if sign_of_breakage(column)), columns[0])
    source = f"what fills `{shown(broken.name)}`"
    match cause:
        case Cause.PIPELINE if broken is columns[0] and _is_told(broken):
            return f"Look at {source} before retraining."
        case Cause.PIPELINE:
            return f"It looks like a broken pipeline ({reason}): look at {source} before retraining."
        case Cause.WORLD:
            return f"The world seems to have changed ({reason}): check accuracy as labels come, and retrain if it fell."
        case _:
            return f"It is unclear whether the pipeline broke or the world changed ({reason}): look at {source} first."


def _is_told(column: RankedColumn) -> bool:
    """Whether what the sentence says of the column is what is broken about it."""
    return column.spelling is not None or (column.unit is not None and column.unit.certainty != "possibly")


def _since(since: datetime | None) -> str:
    return f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
