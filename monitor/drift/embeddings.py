"""Embeddings: numbered features that mean something only together, judged as one group."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from monitor.drift.many.method import RATE, FittedMethod, ManyVerdict, get_many_column_method, without_value
from monitor.points import Status
from monitor.sample import TIME

METHODS = ("centroid", "domain_classifier", "mmd")
DEFAULT_METHOD = "mmd"
LEAST_DIMENSIONS = 4
_NUMBERED = re.compile(r"(.*?)[_.\-\[]?(\d+)\]?")
_TELLING = re.compile(r"(^|[_.\-])(e|emb|embed|embedding|embeddings|vec|vector|latent)$", re.IGNORECASE)


def embedding_groups(names: Iterable[str], declared: Sequence[str] = ()) -> dict[str, list[str]]:
    """Features by embedding: those that differ only in a number, under a prefix that says so or is `declared`.

    A prefix says so when it is or ends in e, emb, embed, embedding, vec, vector or latent; four features and more make
    a group.

    >>> embedding_groups(["age", "e0", "e1", "e2", "e3", "x1", "x2", "x3", "x4"])
    {'e': ['e0', 'e1', 'e2', 'e3']}
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and (match[1] in declared or _TELLING.search(match[1])):
            found.setdefault(match[1], []).append((int(match[2]), name))
    return {
        prefix: [name for _, name in sorted(members)]
        for prefix, members in found.items()
        if len(members) >= LEAST_DIMENSIONS
    }


def fit_embeddings(
    reference_rows: pa.Table, groups: Mapping[str, Sequence[str]], method: str = DEFAULT_METHOD
) -> dict[str, FittedMethod]:
    """A fitted method per group; columns that the baseline's sample lacks are left out.

    Raises ConfigError for an unknown method.
    """
    known, member = set(reference_rows.column_names), get_many_column_method(method)
    return {
        group: member.fit(reference_rows.select([name for name in (*names, TIME) if name in known]))
        for group, names in groups.items()
    }


def judge_embeddings(
    fitted: Mapping[str, FittedMethod], current_rows: pa.Table, random: np.random.Generator
) -> dict[str, ManyVerdict]:
    """A verdict per group; p-values are multiplied by the number of groups (Bonferroni)."""
    return {
        group: corrected(method.judge(current_rows, random), len(fitted))
        if current_rows.num_rows
        else without_value("embedding", 0, Status.INSUFFICIENT, "no rows")
        for group, method in fitted.items()
    }


def corrected(verdict: ManyVerdict, looks: int) -> ManyVerdict:
    """The verdict when it is one of so many looks at the same window."""
    if verdict.p_value is None or looks == 1:
        return verdict
    p_value = min(1.0, verdict.p_value * looks)
    return msgspec.structs.replace(verdict, p_value=p_value, breach=verdict.breach and p_value <= RATE)
