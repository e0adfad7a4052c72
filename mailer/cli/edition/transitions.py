"""Approving an edition, giving it a time, stopping it, and trying deliveries again."""

from typing import Annotated

import typer

from mailer import editions, zones
from mailer.audience.lists import check_line
from mailer.cli.edition.group import SENDING, app
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    EditionNumber,
    JsonOption,
    parse_local_time,
    resolve_actor,
)
from mailer.cli.output import Output, format_moment
from mailer.cli.transactions import open_for_writing
from mailer.errors import UsageError
from mailer.model.edition_states import SendTimeBasis
from mailer.schedules import local_time


@app.command("submit", rich_help_panel=SENDING)
def request_approval(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Submit an edition for approval. It is composed and checked, and the approvers are notified.

    Example: mailer edition submit 3"""
    from mailer.notices import NoticeKind, choose_addresses

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition, composition = editions.compose_edition(
            tx, actor, editions.get_edition(tx, number), mailer.renderer
        )
        edition = editions.request_approval(
            tx,
            actor,
            edition,
            mailer.clock(),
        )
        for warning in composition.warnings if composition else ():
            out.print_note(f"note: {warning}")
        out.print_record(edition, f"edition {number} is in review: {edition.content_hash[:12]}")
        policy = editions.get_policy(tx, edition)
        if choose_addresses(policy, mailer.staff_addresses, NoticeKind.REVIEW):
            out.print_note("the worker sends a mail to the approvers")
        else:
            out.print_note(
                "no mail asks for the approval: neither the digest nor [notices] names approvers"
            )


@app.command("approve", rich_help_panel=SENDING)
def approve_edition(
    number: EditionNumber,
    seen_hash: Annotated[
        str,
        typer.Option("--hash", help="The hash that the preview showed, or the beginning of it."),
    ] = "",
    comment: Annotated[str, typer.Option(help="A comment, for the log.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Approve an edition as it is now. Any later change voids the approval.

    Example: mailer edition approve 3 --hash 4be1c09d22fa"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        for warning in editions.find_warnings(tx, current_edition, mailer.renderer):
            out.print_note(f"note: {warning}")
        edition = editions.approve_edition(
            tx,
            actor,
            current_edition,
            mailer.renderer,
            mailer.clock(),
            comment=comment,
            seen_hash=seen_hash,
        )
        approval = edition.approval
        message = f"edition {number} approved by {approval.approver if approval else ''}: "
        out.print_record(edition, message + edition.content_hash[:12])


@app.command("send-back", rich_help_panel=SENDING)
def send_back_edition(
    number: EditionNumber,
    comment: Annotated[str, typer.Option(help="What to change, for the authors and the log.")],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send an edition in review back to its authors. It is on hold, and keeps its send time.

    Example: mailer edition send-back 3 --comment "the clinic has moved"
    """
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.send_back_edition(
            tx, actor, current_edition, mailer.clock(), comment=comment
        )
        out.print_record(edition, f"edition {number} is on hold: {edition.reason}")


@app.command("schedule", rich_help_panel=SENDING)
def schedule_edition(
    number: EditionNumber,
    at: Annotated[str, typer.Option("--at", help="The local time, such as '2026-12-18 09:00'.")],
    zone: Annotated[str, typer.Option(help="An IANA time zone; default: the office's.")] = "",
    send_time: Annotated[
        SendTimeBasis,
        typer.Option(
            help="Send at this time on clocks in that zone, or on each reader's own clock."
        ),
    ] = SendTimeBasis.OFFICE,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Set the time when the worker sends an edition; the worker asks for approval first.

    Example: mailer edition schedule 3 --at '2026-12-18 09:00'"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        zone_name = zone or mailer.settings.defaults.time_zone
        wall_time = parse_local_time(at, "--at")
        appointment = editions.make_appointment(tx, wall_time, zone_name, send_time, mailer.clock())
        edition = editions.set_send_time(
            tx,
            actor,
            current_edition,
            appointment,
            mailer.clock(),
        )
        local_text = local_time.describe_wall_time(wall_time, zones.get_zone(zone_name))
        message = f"edition {number} ({edition.state}) will be sent {local_text}"
        out.print_record(edition, f"{message} {zone_name}, {format_moment(appointment.moment)}")


@app.command("unschedule", rich_help_panel=SENDING)
def clear_send_time(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Clear the send time of an edition. Its approval stays valid.

    Example: mailer edition unschedule 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.set_send_time(
            tx,
            actor,
            current_edition,
            None,
            mailer.clock(),
        )
        out.print_record(edition, f"edition {number} ({edition.state}) has no send time")


@app.command("reopen", rich_help_panel=SENDING)
def reopen_edition(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Return an edition to draft if it is on hold, in review or approved.

    An edition that was on hold keeps its send time, and the worker composes it again and asks for
    approval. Any other edition loses its send time; `mailer edition schedule` sets a new one.

    Example: mailer edition reopen 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.reopen_edition(
            tx,
            actor,
            current_edition,
            mailer.clock(),
        )
        message = f"edition {number} is a draft again"
        if edition.appointment:
            message += ", and continues by the calendar"
        elif current_edition.appointment:
            message += f", without a time: mailer edition schedule {number} --at …"
        out.print_record(edition, message)


@app.command("pause", rich_help_panel=SENDING)
def pause_edition(
    number: EditionNumber,
    reason: Annotated[str, typer.Option(help="The reason, for the log.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Pause an edition. From now on, no message of the edition passes the gate.

    Example: mailer edition pause 3 --reason "wrong picture"
    """
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        reason = check_line(reason, "reason", required=False)
        edition = editions.pause_edition(
            tx,
            actor,
            current_edition,
            mailer.clock(),
            reason=reason,
        )
        out.print_record(edition, f"edition {number} is paused")


@app.command("resume", rich_help_panel=SENDING)
def resume_edition(
    number: EditionNumber,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Resume a paused edition. `mailer send` or the worker continues it.

    If nothing but deliveries in doubt is left, for example after a restoration, first decide about
    them with `mailer delivery in-doubt`.

    Example: mailer edition resume 3"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        edition = editions.resume_edition(
            tx,
            actor,
            current_edition,
            mailer.clock(),
        )
        out.print_record(edition, f"edition {number} is resumed: mailer send {number}")
        if undecided := tx.outbox.build_report(edition).undecided:
            out.print_note(
                f"{undecided} deliveries stay in doubt until you decide: "
                f"mailer delivery in-doubt list {number}"
            )


@app.command("cancel", rich_help_panel=SENDING)
def cancel_edition(
    number: EditionNumber,
    reason: Annotated[str, typer.Option(help="The reason, for the log.")] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Cancel an edition permanently. If nothing was sent, the digest may choose the stories again.

    Example: mailer edition cancel 3 --reason superseded"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        current_edition = editions.get_edition(tx, number)
        reason = check_line(reason, "reason", required=False)
        edition = editions.cancel_edition(tx, actor, current_edition, mailer.clock(), reason=reason)
        out.print_record(edition, f"edition {number} is cancelled")


@app.command("retry", rich_help_panel=SENDING)
def retry_deliveries(
    number: EditionNumber,
    failed: Annotated[
        bool,
        typer.Option(
            "--failed", help="Retry the deliveries that the relay refused or that expired."
        ),
    ] = False,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Like --failed, and also retry addresses that do not exist or are closed."
        ),
    ] = False,
    diverted: Annotated[
        bool,
        typer.Option("--diverted", help="Retry the deliveries that safe mode diverted."),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Queue failed or diverted deliveries again. `mailer send` or the worker sends them.

    A mailbox that was full is tried again, and so is any refusal that speaks of your office.
    Addresses that do not exist or are closed stay failed unless --all is given: many refusals of
    that kind cost your office its reputation. Addresses that are suppressed, have left the list or
    pause mail stay failed in any case.

    Example: mailer edition retry 3 --failed"""
    from mailer.delivery.retries import RetryResult, retry_failed
    from mailer.outbox import retry_diverted_deliveries

    if diverted is (failed or every):
        raise UsageError(
            "say which deliveries to retry: give --failed, --all or --diverted",
            hint=f"for deliveries in doubt, use `mailer delivery in-doubt resend {number}`",
        )
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        edition = editions.get_edition(tx, number)
        now = mailer.clock()
        if diverted:
            result = RetryResult(retry_diverted_deliveries(tx, actor, edition, now))
        else:
            result = retry_failed(tx, actor, edition, now, includes_refused_recipients=every)
        message = f"{result.queued} queued again" + (
            f": mailer send {number}" if result.queued else ""
        )
        if result.left:
            message += (
                f"\n{result.left} left, since their addresses do not exist or are closed: "
                f"`mailer edition retry {number} --all` tries them too, and `mailer suppression "
                "add ADDRESS` stops mail to an address"
            )
        if result.settled:
            message += (
                f"\n{result.settled} left, since their addresses are suppressed, have left the "
                "list or pause mail"
            )
        out.print_record(
            {
                "edition": number,
                "queued": result.queued,
                "left": result.left,
                "settled": result.settled,
            },
            message,
        )
