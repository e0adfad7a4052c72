"""Letting an edition go, stopping it, and trying again."""

from typing import Annotated

import typer

from mailer import editions, outbox
from mailer.app import leaving
from mailer.audience.lists import check_line
from mailer.cli.edition.common import Number, app
from mailer.cli.options import By, DryRunOption, JsonOption, actor, local_time, writing
from mailer.cli.output import Output, moment
from mailer.editions import SendTime
from mailer.errors import UsageError


@app.command("approve")
def approve(
    number: Number,
    seen: Annotated[
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
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = mailer.approve(tx, known, actor(by), comment=comment, seen=seen)
        given = edition.approval
        said = f"edition {number} approved by {given.approver if given else ''}: "
        out.record(edition, said + edition.content_hash[:12])


@app.command("submit")
def submit(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Ask for an edition's approval: it is composed and checked, and its approvers are told.

    Example: [bold]mailer edition submit 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        edition, composition = mailer.composed(tx, editions.get(tx.editions, number))
        edition = editions.submit(tx.editions, edition, mailer.clock(), actor=actor(by))
        for warning in composition.warnings if composition else ():
            out.note(f"note: {warning}")
        out.record(edition, f"edition {number} is in review: {edition.content_hash[:12]}")


@app.command("schedule")
def schedule(
    number: Number,
    at: Annotated[str, typer.Option("--at", help="The local time: '2026-12-18 09:00'.")],
    zone: Annotated[str, typer.Option(help="An IANA zone; else the office's own.")] = "",
    send_time: Annotated[
        SendTime, typer.Option(help="By the clock of that zone, or by each reader's own.")
    ] = SendTime.OFFICE,
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Give an edition a time: the worker asks for its approval, and sends it then.

    Example: [bold]mailer edition schedule 3 --at '2026-12-18 09:00'[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        name = zone or mailer.settings.defaults.time_zone
        wall = local_time(at, "--at")
        when = mailer.appointment(tx, wall, name, send_time)
        edition = editions.appoint(tx.editions, known, when, mailer.clock(), actor=actor(by))
        said = f"edition {number} ({edition.state}) is to be sent {wall:%a %d %b %Y %H:%M} {name}"
        out.record(edition, f"{said}, {moment(when.moment)}")


@app.command("unschedule")
def unschedule(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Take away an edition's time; its approval stays.

    Example: [bold]mailer edition unschedule 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = editions.appoint(tx.editions, known, None, mailer.clock(), actor=actor(by))
        out.record(edition, f"edition {number} ({edition.state}) has no time to be sent")


@app.command("reopen")
def reopen(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Put an edition that is held, in review or approved back to draft.

    A held one goes on by itself from there: it is composed again, and its approval asked for. Any
    other loses its time; `mailer edition schedule` gives it one again.

    Example: [bold]mailer edition reopen 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = editions.reopen(tx.editions, known, mailer.clock(), actor=actor(by))
        said = f"edition {number} is a draft again"
        if edition.appointment:
            said += ", and goes on by the calendar"
        elif known.appointment:
            said += f", without a time: mailer edition schedule {number} --at …"
        out.record(edition, said)


@app.command("pause")
def pause(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop an edition at the gate: from now on nothing more of it goes out.

    Example: [bold]mailer edition pause 3 --reason "wrong picture"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        reason = check_line(reason, "--reason", required=False)
        edition = editions.pause(tx.editions, known, mailer.clock(), reason=reason, actor=actor(by))
        out.record(edition, f"edition {number} is paused")


@app.command("resume")
def resume(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Let a paused edition go on; then `mailer send` it.

    Example: [bold]mailer edition resume 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        leaving.check_not_killed(tx, known)
        edition = editions.resume(tx.editions, known, mailer.clock(), actor=actor(by))
        out.record(edition, f"edition {number} may go on: mailer send {number}")


@app.command("cancel")
def cancel(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop an edition for good. Unsent, its stories go back to the digest.

    Example: [bold]mailer edition cancel 3 --reason superseded[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        reason = check_line(reason, "--reason", required=False)
        edition = mailer.cancel(tx, known, reason=reason, actor=actor(by))
        out.record(edition, f"edition {number} is cancelled")


@app.command("retry")
def retry(
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
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        count = outbox.retry(tx, known, mailer.clock(), actor=actor(by))
        said = f"{count} queued again" + (f": mailer send {number}" if count else "")
        out.record({"edition": number, "queued": count}, said)
