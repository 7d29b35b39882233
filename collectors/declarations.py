"""Declared features: what a log says of a model's columns registers the model before its first prediction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import msgspec

from collectors.registration import register
from collectors.wire import DeclaredFeatures
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.records import Scalar
from monitor.schemas import FeatureKind

_DECODER = msgspec.msgpack.Decoder(DeclaredFeatures)
_VALUE_OF_KIND: dict[FeatureKind, Scalar] = {
    FeatureKind.NUMERIC: 0.0,
    FeatureKind.CATEGORICAL: "",
    FeatureKind.BOOLEAN: False,
}


def move_declared(
    writing: Callable[[], AbstractContextManager[sqlite3.Connection]],
    db: Database,
    limits: CollectorSettings,
    now: datetime,
) -> int:
    """Move what waits in the inbox to the control database; how many declarations that were. `writing` gives the
    inbox's connection in a transaction of its own. Killed in between, the next call does it again, to no effect."""
    moved = 0
    while True:
        with writing() as connection:
            through, declared = read_declared(connection)
        if not declared:
            return moved
        declare(db, declared, limits, now)
        with writing() as connection:
            forget_declared(connection, through)
        moved += len(declared)


def read_declared(connection: sqlite3.Connection, most: int = 1000) -> tuple[int, list[DeclaredFeatures]]:
    """The id of the last waiting declaration that was read (0: none waits), and what they say, the oldest first."""
    rows = connection.execute("SELECT id, payload FROM declared ORDER BY id LIMIT ?", (most,)).fetchall()
    return rows[-1][0] if rows else 0, [_DECODER.decode(payload) for _, payload in rows]


def forget_declared(connection: sqlite3.Connection, through: int) -> None:
    """Delete the declarations up to this id: the control database knows them."""
    connection.execute("DELETE FROM declared WHERE id <= ?", (through,))


def declare(db: Database, declared: Sequence[DeclaredFeatures], limits: CollectorSettings, now: datetime) -> None:
    """Register these models and those of their features that are new; a known feature keeps its kind.

    There is none for a model beyond max_models: its predictions will be refused one by one, with the reason.
    """
    for model, kinds in _by_model(declared).items():
        # A row that holds a value of each kind registers what a first prediction would have.
        features = {name: _VALUE_OF_KIND[kind] for name, kind in kinds.items()}
        register(db, model, [features], limits, now)


def _by_model(declared: Sequence[DeclaredFeatures]) -> dict[str, dict[str, FeatureKind]]:
    """The first kind that was declared of each feature."""
    kinds: dict[str, dict[str, FeatureKind]] = {}
    for each in declared:
        of_model = kinds.setdefault(each.model, {})
        for name, kind in each.kinds.items():
            of_model.setdefault(name, kind)
    return kinds
