"""How far each collector's rows are counted: the mark that makes counting happen once.

A collector counts new predictions in one transaction of the control database and deletes them from its inbox in
another, in another file. The mark is moved in the first one: after a crash between the two, rows up to the mark are
known to be counted.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from monitor.db.models import CollectorProgress


def counted_through(session: Session, collector_id: str, model: str, kind: str) -> int:
    """The last inbox row of this collector whose records of this model and kind are counted; 0 when none is."""
    mark = session.get(CollectorProgress, (collector_id, model, kind))
    return mark.counted_through if mark else 0


def set_counted(session: Session, collector_id: str, model: str, kind: str, through: int) -> None:
    """Move the mark on, in the transaction that counts. Only this collector's one flusher moves it."""
    session.merge(CollectorProgress(collector_id=collector_id, model=model, kind=kind, counted_through=through))
    session.flush()
