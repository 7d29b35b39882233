"""Files on this machine: a training file becomes a baseline, a log becomes predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from collectors.collector import random_ids
from collectors.deliveries import InboxRow
from collectors.flusher import Flusher
from collectors.formats import Log, LogFormat, find_format, sniff_format
from collectors.inbox import Inbox
from collectors.payloads import label_records, pack, prediction_records
from collectors.privacy import Privacy
from collectors.registration import register
from collectors.validation import Terms, validate
from monitor.app.control import clock
from monitor.db.models import Baseline
from monitor.engines import RowSource
from monitor.errors import Conflict, InvalidValue, NotFound
from monitor.jobs import Stores, create_baseline
from monitor.lake import Kind, labels_table, predictions_table
from monitor.records import LabelRecord, PredictionRecord, check_model_name


@dataclass(frozen=True, slots=True)
class FileRecords:
    """What a file held; `refused` rows are counted, with the first one's reason."""

    predictions: list[PredictionRecord]
    labels: list[LabelRecord]
    refused: int
    reason: str


class Outcome(StrEnum):
    """What became of the records that waited in the inbox; those that are not written wait on."""

    WRITTEN = "written"
    HELD = "held"  # by a running collector, which writes them itself
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Flushed:
    """How a flush ended; `failures` says what could not be written and why."""

    outcome: Outcome
    failures: list[str] = field(default_factory=list)


def choose_format(log: Log, name: str) -> LogFormat:
    """The named format, or with `auto` the one that recognises the log. Raises InvalidValue when none does."""
    if name != "auto":
        return find_format(name)
    found = sniff_format(log)
    if found is None:
        raise InvalidValue(f"no log format recognises {log.path!r}; name one with --format")
    return found


def read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"file {str(path)!r} can't be read: {error.strerror}") from None


def read_records(stores: Stores, model: str, path: Path, format_name: str, now: datetime) -> FileRecords:
    """Every prediction and label of a file, as records of this model."""
    check_model_name(model)
    limits = stores.settings.collector
    log = Log(read_file(path), model=model, path=str(path), at=now, mapping=limits.mapping_of(model))
    log_format = choose_format(log, format_name)
    terms = Terms(now, limits, random_ids, model=model, body_bytes=limits.max_record_bytes, privacy=Privacy.of(limits))
    predictions: list[PredictionRecord] = []
    labels: list[LabelRecord] = []
    refused, reason = 0, ""
    for decoded in log_format.decode(log):
        validated = validate(decoded, terms)
        refused += len(validated.refusals)
        reason = reason or (validated.refusals[0].reason if validated.refusals else "")
        for batch in pack(validated):
            row = InboxRow(0, now, f"file:{path.name}", batch.count, batch.payload)
            if batch.kind is Kind.PREDICTIONS:
                predictions += prediction_records(row)
            else:
                labels += label_records(row)
    return FileRecords(predictions, labels, refused, reason)


def baseline_from_file(
    stores: Stores, model: str, name: str, path: Path, format_name: str, now: datetime
) -> tuple[Baseline, FileRecords]:
    """Freeze a baseline from a training or validation file; the model is registered if it is new.

    The rows go into no lake and no window: they are reference, not traffic.
    """
    records = read_records(stores, model, path, format_name, now)
    if not records.predictions:
        why = f"; the first refused row: {records.reason}" if records.reason else ""
        raise InvalidValue(f"{str(path)!r} has no usable prediction{why}")
    registration = register(stores.db, model, [r.features for r in records.predictions], stores.settings.collector, now)
    if registration is None:
        raise Conflict(f"model {model!r} is new and there are max_models already")
    predictions = RowSource(table=predictions_table(records.predictions, registration.features))
    labels = RowSource(table=labels_table(records.labels))
    origin = f"file {path.name}"
    made = create_baseline(stores, model, name, origin, predictions, None, None, now, labels)
    return made, records


def flush_inbox(stores: Stores, inbox: Inbox) -> Flushed:
    """Write the inbox to the lake, unless a running collector holds it. What fails stays in the inbox; never raises."""
    flusher = Flusher(inbox, stores.lake, stores.db, stores.settings.collector)
    try:
        while (report := flusher.flush(clock())).more and not report.failures:
            pass
    except Conflict:
        return Flushed(Outcome.HELD)
    except Exception as error:  # whatever it is, the records are durable and the next flush begins with them
        return Flushed(Outcome.FAILED, [str(error)])
    finally:
        flusher.close()
    return Flushed(Outcome.FAILED if report.failures else Outcome.WRITTEN, report.failures)
