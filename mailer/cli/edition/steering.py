"""Letting an edition go, stopping it, and trying again."""

from typing import Annotated

import typer

from mailer import editions, outbox
from mailer.audience.lists import check_line
from mailer.cli.edition.common import Number, app
from mailer.cli.options import (
    By,
    DryRunOption,
    JsonOption,
    open_for_writing,
    parse_local_time,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.errors import UsageError
from mailer.model.edition_states import SendTimeBasis


@app.command("approve")
def approve_edition(
    number: Number,
    seen_hash: Annotated[
        str, typer.Option("--hash", help="The hash that the preview showed, or its beginning.")
    ] = "",
    comment: Annotated[str, typer.Option()] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Let an edition go as it is now; any later change voids it.

    Example: [bold]mailer edition approve 3 --hash 4be1c09d22fa[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.approve_edition(
            tx,
            resolve_actor(by),
            current_edition,
            mailer.renderer,
            mailer.clock(),
            comment=comment,
            seen_hash=seen_hash,
        )
        approval = edition.approval
        message = f"edition {number} approved by {approval.approver if approval else ''}: "
        out.print_record(edition, message + edition.content_hash[:12])


@app.command("submit")
def request_approval(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Ask for an edition's approval: it is composed and checked, and its approvers are told.

    Example: [bold]mailer edition submit 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition, composition = editions.compose_edition(
            tx, editions.get_edition(tx, number), mailer.renderer
        )
        edition = editions.request_approval(tx, resolve_actor(by), edition, mailer.clock())
        for warning in composition.warnings if composition else ():
            out.print_note(f"note: {warning}")
        out.print_record(edition, f"edition {number} is in review: {edition.content_hash[:12]}")


@app.command("schedule")
def schedule_edition(
    number: Number,
    at: Annotated[str, typer.Option("--at", help="The local time: '2026-12-18 09:00'.")],
    zone: Annotated[str, typer.Option(help="An IANA zone; else the office's own.")] = "",
    send_time: Annotated[
        SendTimeBasis, typer.Option(help="By the clock of that zone, or by each reader's own.")
    ] = SendTimeBasis.OFFICE,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give an edition a time: the worker asks for its approval, and sends it then.

    Example: [bold]mailer edition schedule 3 --at '2026-12-18 09:00'[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        zone_name = zone or mailer.settings.defaults.time_zone
        wall_time = parse_local_time(at, "--at")
        appointment = editions.make_appointment(tx, wall_time, zone_name, send_time, mailer.clock())
        edition = editions.set_send_time(
            tx, resolve_actor(by), current_edition, appointment, mailer.clock()
        )
        message = f"edition {number} ({edition.state}) is to be sent {wall_time:%a %d %b %Y %H:%M} {zone_name}"
        out.print_record(edition, f"{message}, {format_moment(appointment.moment)}")


@app.command("unschedule")
def clear_send_time(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Take away an edition's time; its approval stays.

    Example: [bold]mailer edition unschedule 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.set_send_time(
            tx, resolve_actor(by), current_edition, None, mailer.clock()
        )
        out.print_record(edition, f"edition {number} ({edition.state}) has no time to be sent")


@app.command("reopen")
def reopen_edition(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Put an edition that is held, in review or approved back to draft.

    A held one goes on by itself from there: it is composed again, and its approval asked for. Any
    other loses its time; `mailer edition schedule` gives it one again.

    Example: [bold]mailer edition reopen 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.reopen_edition(tx, resolve_actor(by), current_edition, mailer.clock())
        message = f"edition {number} is a draft again"
        if edition.appointment:
            message += ", and goes on by the calendar"
        elif current_edition.appointment:
            message += f", without a time: mailer edition schedule {number} --at …"
        out.print_record(edition, message)


@app.command("pause")
def pause_edition(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop an edition at the gate: from now on nothing more of it goes out.

    Example: [bold]mailer edition pause 3 --reason "wrong picture"[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        reason = check_line(reason, "--reason", required=False)
        edition = editions.pause_edition(
            tx, resolve_actor(by), current_edition, mailer.clock(), reason=reason
        )
        out.print_record(edition, f"edition {number} is paused")


@app.command("resume")
def resume_edition(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Let a paused edition go on; then `mailer send` it.

    Example: [bold]mailer edition resume 3[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        editions.check_not_killed(tx, current_edition)
        edition = editions.resume_edition(tx, resolve_actor(by), current_edition, mailer.clock())
        out.print_record(edition, f"edition {number} may go on: mailer send {number}")


@app.command("cancel")
def cancel_edition(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop an edition for good. Unsent, its stories go back to the digest.

    Example: [bold]mailer edition cancel 3 --reason superseded[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        reason = check_line(reason, "--reason", required=False)
        edition = editions.cancel_edition(
            tx, resolve_actor(by), current_edition, mailer.clock(), reason=reason
        )
        out.print_record(edition, f"edition {number} is cancelled")


@app.command("retry")
def retry_deliveries(
    number: Number,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those that the relay refused, or that expired.")
    ] = False,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue deliveries again that failed for good; then `mailer send` the edition.

    Example: [bold]mailer edition retry 3 --failed[/]"""
    if not failed:
        raise UsageError(
            "say which deliveries: --failed",
            hint="for those in doubt there is `mailer delivery in-doubt resend`",
        )
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        count = outbox.retry_failed_deliveries(tx, resolve_actor(by), edition, mailer.clock())
        message = f"{count} queued again" + (f": mailer send {number}" if count else "")
        out.print_record({"edition": number, "queued": count}, message)
