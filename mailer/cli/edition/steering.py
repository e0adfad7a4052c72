"""Letting an edition go, stopping it, and trying again."""

from typing import Annotated

import typer

from mailer import editions, outbox
from mailer.cli.edition.common import By, Number, actor, app
from mailer.cli.options import DryRunOption, JsonOption, writing
from mailer.cli.output import Output
from mailer.editions import EditionState
from mailer.errors import UsageError


@app.command()
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


@app.command()
def reopen(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Put a held or approved edition back to draft. Example: [bold]mailer edition reopen 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        editions.check_transition(known, EditionState.DRAFT)
        edition = tx.editions.set_state(
            known, EditionState.DRAFT, mailer.clock(), reason="reopened", actor=actor(by)
        )
        out.record(edition, f"edition {number} is a draft again")


@app.command()
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
        edition = editions.pause(tx.editions, known, mailer.clock(), reason=reason, actor=actor(by))
        out.record(edition, f"edition {number} is paused")


@app.command()
def resume(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Let a paused edition go on; then `mailer send` it.

    Example: [bold]mailer edition resume 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        edition = editions.resume(tx.editions, known, mailer.clock(), actor=actor(by))
        out.record(edition, f"edition {number} may go on: mailer send {number}")


@app.command()
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
        edition = mailer.cancel(tx, known, reason=reason, actor=actor(by))
        out.record(edition, f"edition {number} is cancelled")


@app.command()
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
