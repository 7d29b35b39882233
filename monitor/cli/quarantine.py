"""`kedge quarantine`: what was refused and why, and what to do with it."""

from __future__ import annotations

import dataclasses
import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import Progress

from collectors.inbox import Inbox
from monitor import queries
from monitor.app import quarantine as actions
from monitor.app.control import clock, open_database
from monitor.app.files import Outcome, flush_inbox
from monitor.app.stores import open_stores
from monitor.cli.output import (
    FINDING,
    LARGEST_ID,
    UNAVAILABLE,
    JsonFlag,
    err,
    fail,
    out,
    print_json,
    print_rows,
)
from monitor.cli.settings import read_settings
from monitor.db.database import Database
from monitor.db.quarantine import Selection, count_selected, drop_refusals
from monitor.errors import InvalidValue
from monitor.records import check_model_name
from monitor.windows import EPOCH, parse_size

app = typer.Typer(no_args_is_help=True, help="What was refused, and why: list, show, replay or drop it.")
NOTHING = "nothing is in quarantine"

Ids = Annotated[
    list[int] | None,
    typer.Argument(
        min=1,
        max=LARGEST_ID,
        metavar="[ID]...",
        help="Their numbers, as `kedge quarantine list --all` shows them.",
    ),
]
Model = Annotated[str | None, typer.Option(help="Only records that name this model.")]
Reason = Annotated[str | None, typer.Option(help="Only records whose reason has this text in it.")]
Source = Annotated[str | None, typer.Option(help="Only records from this source.")]
Since = Annotated[
    str | None, typer.Option(help="Only records received since then: 24h, 7d, or a time such as 2026-03-04T12:00Z.")
]
Everything = Annotated[bool, typer.Option("--all", help="All records in quarantine.")]


@app.command("list")
def list_quarantine(
    model: Model = None,
    reason: Reason = None,
    source: Source = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="One row per record, the newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most rows to print.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """What was refused, one row per reason, the most frequent first; and the sources that are paused."""
    database, now = open_database(read_settings()), clock()
    after = _moment(since, now)
    if not as_json:
        _tell_pauses(database, now)
    if not everything:
        counts = queries.quarantine_reasons(database, model, limit, reason=reason, source=source, since=after)
        rows = [dataclasses.asdict(count) for count in counts]
        if not as_json:
            order = ("records", "model", "kind", "source", "first", "latest", "reason")
            rows = [{name: row[name] for name in order} for row in rows]
        print_rows(rows, NOTHING, as_json)
        return
    records = queries.quarantine(database, model, limit, reason=reason, source=source, since=after)
    if as_json:
        print_json([dataclasses.asdict(record) for record in records])
        return
    shown = [
        {"id": r.id, "received": r.received_at, "model": r.model, "kind": r.kind, "source": r.source,
         "reason": r.reason}
        for r in records
    ]  # fmt: skip
    print_rows(shown, NOTHING, False)


def _tell_pauses(database: Database, now: datetime) -> None:
    for each in queries.paused_sources(database, now):
        err.print(
            f"paused since {each.since:%Y-%m-%d %H:%M:%S} UTC: {each.source}; {each.refused} records in a row were "
            f"refused, {each.turned_away} requests turned away; the latest reason: {each.reason}",
            markup=False,
            highlight=False,
        )


@app.command("show")
def show_record(
    record_id: Annotated[
        int,
        typer.Argument(
            min=1, max=LARGEST_ID, metavar="ID", help="Its number, as `kedge quarantine list --all` shows it."
        ),
    ],
    as_json: JsonFlag = False,
) -> None:
    """One refused record: the reason, and what the sender sent."""
    record = queries.quarantine_record(open_database(read_settings()), record_id)
    if as_json:
        print_json(dataclasses.asdict(record))
        return
    out.print(f"refused: {record.reason}", markup=False, highlight=False)
    named = f"model {record.model}" if record.model else "no model named"
    received = f"{record.received_at:%Y-%m-%d %H:%M:%S} UTC"
    written = f", format {record.log_format}" if record.log_format else ""
    out.print(
        f"{record.kind} from {record.source}, {named}, received {received}{written}", markup=False, highlight=False
    )
    size = f"{record.payload_bytes:,} bytes"
    out.print(f"what was sent ({size}{', the beginning' if record.is_cut else ''}):", markup=False, highlight=False)
    typer.echo(record.payload)


@app.command("replay")
def replay(
    ids: Ids = None,
    model: Model = None,
    reason: Reason = None,
    source: Source = None,
    since: Since = None,
    everything: Everything = False,
    as_model: Annotated[str | None, typer.Option(help="Model of the records that name none.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of them; change nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take refused records in again, after what was wrong is mended.

    What is accepted now leaves quarantine; what is refused again stays, with its new reason. Status 1 when some stay.

        kedge quarantine replay --model churn --reason "lies in the future"
    """
    now = clock()
    if as_model is not None:
        check_model_name(as_model)
    selection = _selection(ids, model, reason, source, _moment(since, now), everything, "replay")
    stores = open_stores(read_settings())
    inbox = Inbox(stores.settings.inbox_path, stores.settings.collector.inbox_max_bytes)
    failures: list[str] = []
    try:
        with Progress(console=err, transient=True, disable=as_json or not err.is_terminal) as progress:
            bar = progress.add_task("replaying", total=None)

            def advance(looked_at: int, selected: int) -> None:
                progress.update(bar, completed=looked_at, total=selected)

            done = actions.replay(
                stores.db, inbox, stores.settings.collector, selection, now, getpass.getuser(),
                as_model=as_model, dry_run=dry_run, advance=advance,
            )  # fmt: skip
        if done.taken and not dry_run:
            flushed = flush_inbox(stores, inbox)
            failures = flushed.failures if flushed.outcome is Outcome.FAILED else []
    finally:
        inbox.close()
    if as_json:
        print_json(dataclasses.asdict(done) | {"dry_run": dry_run})
    else:
        _tell(done, dry_run)
    if failures:
        fail(f"the records are safe in the inbox but not in the lake yet: {'; '.join(failures)}", UNAVAILABLE)
    if done.again or done.not_whole:
        raise typer.Exit(FINDING)


def _tell(done: actions.Replayed, dry_run: bool) -> None:
    if not done.selected:
        err.print("nothing in quarantine is meant by this", markup=False)
        return
    would = "would be " if dry_run else ""
    out.print(
        f"{done.taken} of {done.selected} {would}taken in ({done.records} records), {done.again} {would}refused again",
        markup=False,
    )
    if done.not_whole:
        err.print(f"{done.not_whole} can't be replayed: only the beginning of what was sent is kept, or nothing")


@app.command("drop")
def drop(
    ids: Ids = None,
    model: Model = None,
    reason: Reason = None,
    source: Source = None,
    since: Since = None,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete refused records for good."""
    now = clock()
    selection = _selection(ids, model, reason, source, _moment(since, now), everything, "drop")
    database = open_database(read_settings())
    with database.reading() as session:
        meant, _ = count_selected(session, selection)
    if meant and not yes:
        typer.confirm(f"delete {meant} refused record{'s' if meant > 1 else ''} for good?", abort=True, err=True)
    with database.session() as session:
        dropped = drop_refusals(session, selection, now, getpass.getuser())
    if as_json:
        print_json({"dropped": dropped})
    else:
        out.print(f"{dropped} refused record{'' if dropped == 1 else 's'} dropped")


def _selection(
    ids: list[int] | None,
    model: str | None,
    reason: str | None,
    source: str | None,
    since: datetime | None,
    everything: bool,
    what: str,
) -> Selection:
    selection = Selection(tuple(ids or ()), model, reason, source, since)
    if selection.is_everything and not everything:
        fail(f"say what to {what}: numbers of records, --model, --reason, --source, --since, or --all")
    if everything and not selection.is_everything:
        fail("--all means all of quarantine; leave it out, or the other choices")
    return selection


def _moment(text: str | None, now: datetime) -> datetime | None:
    """The moment that --since names: so long ago, or a time (UTC where it has no zone)."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        try:
            return max(now - parse_size(text), EPOCH)
        except (InvalidValue, OverflowError):
            fail(
                f"--since {text!r} is not usable; accepted: a length such as 24h or 7d, or a time as 2026-03-04T12:00Z"
            )
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
