"""``mailer database``: the database and its schema, its backups, and what follows a restoration."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.cli.command_groups import CommandGroup
from mailer.cli.database_copy import copy_database
from mailer.cli.database_upgrade import upgrade_schema
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.signals import exit_on_termination
from mailer.cli.transactions import load_settings, open_for_writing
from mailer.errors import ConfigError, DatabaseUnrecognised, NextStep, Refused, UsageError
from mailer.model.searches import SearchMethod

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.model.recovery import RecoveryReport
    from mailer.model.searches import SearchIndexStatus
    from mailer.store.backup import BackupSummary

app = CommandGroup(help="The database, its schema and its backups.")


@app.command("status")
def show_revision(json: JsonOption = False) -> None:
    """Show where the database is, the revision of its schema, whether mails may be sent from it,
    and what a search for people finds.

    Example: mailer database status"""
    from mailer.config.open_secrets import list_open_secrets
    from mailer.store import Store
    from mailer.store.schema import REVISIONS

    settings = load_settings()
    store = Store(settings.database_url, b"")
    revision = store.read_revision()
    data: dict[str, Any] = {
        "database": store.display_url,
        "revision": revision,
        "wanted": REVISIONS[-1],
        "marker": str(settings.state_folder),
        "refusal": "",
        "safe_mode": None,
        "open_files": [*store.open_files, *list_open_secrets(settings)],
        "events": [],
    }
    lines = [f"{store.display_url}: revision {revision or 'none'}, this program's {REVISIONS[-1]}"]
    if revision == REVISIONS[-1]:
        from mailer.app import Mailer

        if refusal := Mailer(settings, store).guard.find_refusal():
            data["refusal"] = refusal.reason
        with store.read() as tx:
            data["events"] = tx.recovery.list_events()
            data["search"] = search_index = tx.subscribers.describe_search_index()
            data["safe_mode"] = safe_mode = tx.outbox.find_safe_mode()
        lines.append(
            f"nothing is sent from it: {data['refusal']}" if data["refusal"] else "it may send"
        )
        if safe_mode:
            lines.append(f"safe mode is on: {safe_mode.words}")
        lines.append(_describe_search(search_index))
        lines += [
            f"{event.at:%Y-%m-%d %H:%M} UTC  {event.event_type}  {event.actor}  {event.detail}"
            for event in data["events"][-10:]
        ]
    lines += [f"other users can read {file}: chmod 600 {file}" for file in data["open_files"]]
    Output(json).print_record(data, "\n".join(lines))
    store.close()


def _describe_search(search_index: "SearchIndexStatus") -> str:
    if search_index.method is SearchMethod.PARTS:
        return "a search for people finds parts of names and addresses"
    return (
        f"a search for people finds only beginnings: {search_index.reason}; once that has changed: "
        "mailer database upgrade"
    )


app.command("upgrade")(upgrade_schema)


@app.command("backup")
def write_backup_file(
    file: Annotated[str, typer.Argument(help="The backup's file, or - for stdout.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the backup file if it exists.")
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """Write a backup while processes run, and verify it.

    The backup holds the database as it was at one moment. The file gets its name when it is
    complete, and has mode 0600. Copying the file of a SQLite database instead would lose what is in
    its write-ahead log. PostgreSQL needs pg_dump and pg_restore, of the server's version or newer.
    The secret key is not in the backup; keep a copy of the key in another place.

    Example: mailer database backup /srv/backups/mailer-2026-12-01.db"""
    from mailer.app import open_mailer
    from mailer.recovery import record_backup
    from mailer.store.backup import write_backup

    out = Output(json)
    actor = resolve_actor(by)
    if file == "-":
        _check_stdout()
    with exit_on_termination(), open_mailer(load_settings()) as mailer:
        now = mailer.clock()
        if file == "-":
            summary = _stream_backup(mailer)
        else:
            summary = write_backup(mailer.store, Path(file), now, replaces=replace)
        with mailer.store.begin() as tx:
            record_backup(tx, actor, "stdout" if file == "-" else Path(file).name, now)
        _note_generation(mailer, out)
    if file == "-":
        out.print_note(_describe_backup("stdout", summary))
    else:
        out.print_record({"file": file, **_to_plain(summary)}, _describe_backup(file, summary))


def _check_stdout() -> None:
    """Check that stdout leads to a file or a program. Raises UsageError."""
    if sys.__stdout__ is None or sys.stdout.isatty():
        problem = "closed" if sys.__stdout__ is None else "a terminal"
        raise UsageError(
            f"stdout is {problem}, and the backup would be lost",
            hint="redirect it to a file, or name a file",
        )


def _stream_backup(mailer: "Mailer") -> "BackupSummary":
    """Write a backup to stdout, after it was verified in a private folder."""
    from mailer.store.backup import write_backup

    with tempfile.TemporaryDirectory(prefix="mailer-backup-") as folder:
        target = Path(folder) / "backup"
        summary = write_backup(mailer.store, target, mailer.clock())
        with target.open("rb") as backup_file:
            shutil.copyfileobj(backup_file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return summary


def _note_generation(mailer: "Mailer", out: Output) -> None:
    """Begin the next generation, so that the state in the backup counts as older from now on."""
    try:
        mailer.guard.confirm_database()
    except DatabaseUnrecognised as error:
        out.print_note(f"the backup is written, but {error.message}")
    except ConfigError as error:
        out.print_note(f"the backup is written; {error}")


def _to_plain(summary: "BackupSummary") -> dict[str, Any]:
    return {"bytes": summary.bytes, "rows": summary.rows}


def _describe_backup(file: str, summary: "BackupSummary") -> str:
    rows = ", ".join(f"{count} rows of {table}" for table, count in summary.rows.items())
    return f"{file}: {summary.bytes:,} bytes, verified: {rows}"


@app.command("restore")
def restore_database(
    file: Annotated[Path, typer.Argument(help="A file that `mailer database backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the database if it exists.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Restore even if a worker or `mailer send` is running."),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
) -> None:
    """Restore a backup. Nothing is sent from the database until you run `mailer database restored`
    or `mailer database clone`.

    First stop the worker, `mailer send` and `mailer serve`. If a worker or `mailer send` is known
    to run, nothing is restored, since it would go on with what it remembers of the lost database.
    The backup is verified before anything is replaced.
    Afterwards, find out which mails were sent since the backup, and run `mailer database restored`.

    Example: mailer database restore /srv/backups/mailer-2026-12-01.db"""
    from mailer.app import get_utc_now
    from mailer.app.restoration import check_no_worker_runs
    from mailer.store import Store
    from mailer.store.backup import restore_backup

    out = Output(json)
    actor = resolve_actor(by)
    settings = load_settings()
    store = Store(settings.database_url, b"")
    try:
        with exit_on_termination():
            if not anyway:
                check_no_worker_runs(store, settings.delivery.lease)
            summary = restore_backup(store, file, actor, get_utc_now(), replaces=replace)
    finally:
        store.close()
    out.print_record(
        {"file": str(file), **_to_plain(summary)},
        f"restored: {_describe_backup(str(file), summary)}\n"
        "nothing is sent from it until `mailer database restored`, or `mailer database clone`",
    )


@app.command("restored")
def accept_restored(
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Do this even if the database was not recognised as restored."
        ),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Declare that a restored database is the office's own from now on.

    Mails that the restored database lists as unsent may have been sent after the backup. So
    editions that had begun are paused, and their unsent deliveries are in doubt: send them again,
    or assume that they were sent, with `mailer delivery in-doubt`, then resume the edition.
    Scheduled editions are put on hold, and so are occurrences that are due. Sign-ups that waited
    for a mail get no mail.

    A clone, or a copy whose original is still in its place, needs --anyway: if both sent, readers
    would get every mail twice.

    Example: mailer database restored"""
    from mailer.model.recovery import Recognition
    from mailer.recovery import accept_database, is_clone

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        refusal = mailer.guard.find_refusal()
        original_sends = ""
        if is_clone(tx):
            original_sends = "it is a clone"
        elif refusal and refusal.recognition in {Recognition.COPIED, Recognition.MOVED}:
            original_sends = refusal.reason
        if original_sends and not anyway:
            raise Refused(
                f"this is not the office's own database: {original_sends}",
                where=mailer.store.display_url,
                hint="send from the original. If the original is lost or no longer sends, use "
                "--anyway",
            )
        if not refusal and not anyway:
            if mailer.guard.may_join():
                raise _build_join_error(mailer)
            out.print_record(
                {"changed": False}, "nothing to do: this database is recognised, and may send"
            )
            return
        report = accept_database(tx, actor, mailer.build_calendars(tx), mailer.clock())
        out.print_record({"changed": True, **_report_to_plain(report)}, _describe_report(report))
    if not dry_run:
        _save_accepted_marker()


def _build_join_error(mailer: "Mailer") -> Refused:
    return Refused(
        "mails are sent from this database, but not from this host",
        where=mailer.store.display_url,
        hint="start the worker here while another host's runs: it joins within seconds. If no "
        "other host sends from it, use --anyway",
        next_steps=[NextStep("run_worker")],
    )


def _save_accepted_marker() -> None:
    """Save the marker of the database as it is after the commit."""
    from mailer.app import open_mailer

    with open_mailer(load_settings()) as mailer:
        mailer.guard.save_accepted_marker()


def _report_to_plain(report: "RecoveryReport") -> dict[str, Any]:
    return {
        "in_doubt": {str(edition): count for edition, count in report.in_doubt.items()},
        "editions_on_hold": list(report.editions_on_hold),
        "occurrences_on_hold": report.occurrences_on_hold,
        "sign_ups": report.sign_ups,
    }


def _describe_report(report: "RecoveryReport") -> str:
    lines = ["this database is the office's own, and may send"]
    for edition_id, count in report.in_doubt.items():
        lines.append(
            f"edition {edition_id}: {count} deliveries are in doubt: "
            f"mailer delivery in-doubt list {edition_id}"
        )
    lines += [
        f"edition {edition_id} is on hold: mailer edition reopen {edition_id}"
        for edition_id in report.editions_on_hold
    ]
    if report.occurrences_on_hold:
        lines.append(f"{report.occurrences_on_hold} occurrences are on hold: mailer status")
    if report.sign_ups:
        lines.append(f"{report.sign_ups} sign-ups get no mail: their owners may sign up again")
    return "\n".join(lines)


@app.command("clone")
def declare_clone(
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Do this even if the office sends from this database."),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Declare that this database is a copy, for trying things out. From then on it is in safe mode:
    only the recipients in `[safe]` of its settings get mail, or no one if there are none.

    Example: mailer database clone"""
    from mailer import recovery
    from mailer.app.restoration import check_no_worker_runs

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        if not anyway:
            if mailer.guard.is_original():
                raise Refused(
                    "this host has sent from this database: it is the office's own",
                    where=mailer.store.display_url,
                    hint="make a copy and declare that one; --anyway does it in any case",
                )
            if mailer.guard.may_join():
                check_no_worker_runs(mailer.store, mailer.settings.delivery.lease)
        identity = recovery.declare_clone(tx, actor, mailer.clock())
        safe_mode = tx.outbox.find_safe_mode()
        assert safe_mode is not None
        out.print_record(
            {"identity": identity, "safe_recipients": safe_mode.recipients},
            f"safe mode is on: {safe_mode.words}",
        )


app.command("copy")(copy_database)
