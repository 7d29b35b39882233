"""A many-column monitor's look at one window: from stored rows and a threshold to points and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from monitor.drift.embeddings import DEFAULT_METHOD as EMBEDDING_METHOD
from monitor.drift.embeddings import corrected, embedding_groups, fit_embeddings, judge_embeddings
from monitor.drift.many.method import FittedMethod, ManyVerdict, get_many_column_method, without_value
from monitor.drift.text import FittedText, fit_text, text_columns
from monitor.errors import InvalidValue
from monitor.points import Point, Status
from monitor.sample import TIME, decode_sample

DEFAULT_METHOD = "domain_classifier"
KINDS = ("many_columns", "embedding", "text")
_KEPT = 64


def judge_many_columns(
    sample: bytes | None, window_rows: pa.Table, threshold: Mapping[str, Any], seed: int
) -> tuple[list[Point], list[ManyVerdict]]:
    """A point and a verdict per look that `threshold` asks for, in the same order.

    `sample` is the baseline's stored sample, `window_rows` what `Engine.rows` gives for the window (at most 5,000
    rows), and equal seeds give equal verdicts. Thresholds:

    - {"kind": "many_columns", "method": "domain_classifier", "columns": [...]}: one look at these columns, or all
    - {"kind": "embedding", "method": "mmd", "prefixes": ["pixel_"]}: one look per group of numbered features
    - {"kind": "text", "columns": ["note"]}: three looks per text column, these or those that look like text

    With "smallest", a value below it is no breach, however sure the difference is.

    Raises InvalidValue for another kind and ConfigError for an unknown method, never for odd data.
    """
    kind, columns = threshold.get("kind"), tuple(threshold.get("columns", ()))
    if kind not in KINDS:
        raise InvalidValue(f"threshold kind {kind!r} is not known here; accepted: {', '.join(KINDS)}")
    random = np.random.default_rng(seed)
    if kind == "text":
        texts = _texts(sample or b"", columns)
        looks = [(text.column, verdict) for text in texts for verdict in text.judge(window_rows, random)]
        return _points([(verdict.method, column, corrected(verdict, len(texts))) for column, verdict in looks])
    if kind == "embedding":
        groups = _embeddings(
            sample or b"", threshold.get("method", EMBEDDING_METHOD), tuple(threshold.get("prefixes", ()))
        )
        judged = judge_embeddings(groups, window_rows, random)
        return _points([("embedding_drift", group, _worth_it(verdict, threshold)) for group, verdict in judged.items()])
    method = threshold.get("method", DEFAULT_METHOD)
    fitted = _many(sample or b"", method, columns)
    if fitted is None:
        verdict = without_value(method, window_rows.num_rows, Status.UNDEFINED, "the baseline has no sample of rows")
    else:
        verdict = _worth_it(fitted.judge(window_rows, random), threshold)
    return _points([("multivariate_drift", "", verdict)])


def _worth_it(verdict: ManyVerdict, threshold: Mapping[str, Any]) -> ManyVerdict:
    """The verdict, with the smallest value that the threshold says is worth a message."""
    smallest = threshold.get("smallest")
    if smallest is None or verdict.value is None or verdict.limit is None:
        return verdict
    limit, large = max(verdict.limit, float(smallest)), verdict.value >= float(smallest)
    return msgspec.structs.replace(verdict, limit=limit, breach=verdict.breach and large)


def _points(judged: Sequence[tuple[str, str, ManyVerdict]]) -> tuple[list[Point], list[ManyVerdict]]:
    points = [
        Point(
            metric,
            verdict.value,
            verdict.n,
            column,
            status=verdict.status,
            reason="" if verdict.status is Status.OK else verdict.why,
        )
        for metric, column, verdict in judged
    ]
    return points, [verdict for _, _, verdict in judged]


@lru_cache(maxsize=_KEPT)
def _many(sample: bytes, method: str, columns: tuple[str, ...]) -> FittedMethod | None:
    member = get_many_column_method(method)
    return member.fit(_selected(decode_sample(sample), columns)) if sample else None


@lru_cache(maxsize=_KEPT)
def _embeddings(sample: bytes, method: str, prefixes: tuple[str, ...]) -> dict[str, FittedMethod]:
    get_many_column_method(method)
    if not sample:
        return {}
    rows = decode_sample(sample)
    return fit_embeddings(rows, embedding_groups(rows.column_names, prefixes), method)


@lru_cache(maxsize=_KEPT)
def _texts(sample: bytes, columns: tuple[str, ...]) -> tuple[FittedText, ...]:
    if not sample:
        return ()
    rows = decode_sample(sample)
    return tuple(fit_text(rows, column) for column in columns or text_columns(rows) if column in rows.column_names)


def _selected(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    return rows.select([name for name in rows.column_names if name in (*columns, TIME)]) if columns else rows
