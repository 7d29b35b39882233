"""How far each collector's rows are counted: the mark that makes counting happen once.

A collector counts new predictions in one transaction of the control database and deletes them from its inbox in
another, in another file. The mark is moved in the first one: after a crash between the two, rows up to the mark are
known to be counted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, String, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from monitor.db.database import Database
from monitor.db.types import BigId

_PROGRESS = Table(
    "collector_progress",
    MetaData(),
    Column("collector_id", String(40), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("counted_through", BigId, nullable=False),
)


def prepare(db: Database) -> None:
    """Make the table if it is not there. Safe when several processes start at once."""
    try:
        _PROGRESS.create(db.engine, checkfirst=True)
    except SQLAlchemyError:  # somebody else made it between the check and the statement
        with db.reading() as session:
            session.execute(select(_PROGRESS).limit(1))


def counted_through(session: Session, collector_id: str, model: str, kind: str) -> int:
    """The last inbox row of this collector whose records of this model and kind are counted; 0 when none is."""
    found = session.scalar(
        select(_PROGRESS.c.counted_through).where(
            _PROGRESS.c.collector_id == collector_id, _PROGRESS.c.model == model, _PROGRESS.c.kind == kind
        )
    )
    return found or 0


def set_counted(session: Session, collector_id: str, model: str, kind: str, through: int) -> None:
    """Move the mark on, in the transaction that counts."""
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(
        insert(_PROGRESS)
        .values(collector_id=collector_id, model=model, kind=kind, counted_through=through)
        .on_conflict_do_update(index_elements=["collector_id", "model", "kind"], set_={"counted_through": through})
    )
