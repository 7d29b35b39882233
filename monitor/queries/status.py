"""Where everything stands, in counts."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.db import status as counts
from monitor.db.database import Database


@dataclass(frozen=True, slots=True)
class Status:
    """What has been stored, computed and sent so far."""

    predictions_stored: int
    labels_stored: int
    labels_joined: int
    windows_evaluated: int
    windows_waiting: int
    evaluations: int
    changes_waiting: int
    incidents: dict[str, int]
    notifications: dict[str, int]
    responses: dict[str, int]
    quarantined: int


def status(db: Database) -> Status:
    """The counts, from one snapshot."""
    with db.reading() as session:
        predictions, labels = counts.count_stored(session)
        evaluated, waiting = counts.count_windows(session)
        by_state = counts.count_by_state(session)
        return Status(
            predictions,
            labels,
            counts.count_labels_joined(session),
            evaluated,
            waiting,
            counts.count_evaluations(session),
            counts.count_changes_waiting(session),
            by_state["incidents"],
            by_state["notifications"],
            by_state["responses"],
            by_state["quarantine"]["records"],
        )
