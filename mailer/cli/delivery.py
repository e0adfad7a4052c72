"""``mailer delivery``: single deliveries, one edition to one address each."""

import sys
from collections.abc import Iterator
from csv import writer
from typing import Annotated

import typer

from mailer import editions, outbox
from mailer.cli.edition import Number
from mailer.cli.options import By, DryRunOption, JsonOption, actor, reading, writing
from mailer.cli.output import Output, moment
from mailer.delivery.owner import is_dead
from mailer.intake.sheets import safe
from mailer.outbox import Delivery, DeliveryState

app = typer.Typer(no_args_is_help=True, help="Deliveries: one edition to one address each.")
in_doubt = typer.Typer(
    no_args_is_help=True,
    help="Deliveries of which we don't know whether the relay took them: the link was lost, or the "
    "sender died, after the message and before its reply was on disk. An edition whose rule is to "
    "resend them does so by itself when it is sent again.",
)
app.add_typer(in_doubt, name="in-doubt")


@app.command("list")
def list_all(
    number: Number,
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="Repeatable; none means any.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV on stdout, all of them.")] = False,
    json: JsonOption = False,
) -> None:
    """List an edition's deliveries: whom, in which state, and what the relay said.

    Example: [bold]mailer delivery list 3 --state failed --csv > refused.csv[/]"""
    with reading() as (_, tx):
        known = editions.get(tx.editions, number)
        if csv:
            _write(tx.outbox.each(known, state or ()))
            return
        found = tx.outbox.deliveries(known, state or (), limit)
        out = Output(json)
        out.table(
            found,
            {"address": "", "state": "", "tries": "right", "changed": "", "reply": ""},
            [(one.address, one.state, one.attempt, moment(one.updated_at), one.reply)
             for one in found],
            empty="no such delivery",
        )  # fmt: skip
        if len(found) == limit:
            out.note(f"the first {limit}: --limit shows more, --csv all")


def _write(found: Iterator[Delivery]) -> None:
    out = writer(sys.stdout, lineterminator="\n")
    out.writerow(["address", "state", "tries", "changed_at", "next_try_at", "reply"])
    for one in found:
        due = one.next_attempt_at.isoformat() if one.state is DeliveryState.QUEUED else ""
        changed = one.updated_at.isoformat()
        out.writerow([safe(one.address), one.state, one.attempt, changed, due, safe(one.reply)])


@in_doubt.command("list")
def list_(
    number: Annotated[
        int | None, typer.Argument(help="An edition's number; else all.", min=1, max=2**63 - 1)
    ] = None,
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: JsonOption = False,
) -> None:
    """List deliveries in doubt, and why. Example: [bold]mailer delivery in-doubt list 3[/]"""
    with reading() as (_, tx):
        known = editions.get(tx.editions, number) if number else None
        found = tx.outbox.deliveries(known, [DeliveryState.IN_DOUBT], limit)
        Output(json).table(
            found,
            {"edition": "right", "address": "", "tries": "right", "since": "", "why": ""},
            [(one.edition_id, one.address, one.attempt, one.updated_at, one.reply)
             for one in found],
            empty="nothing is in doubt",
        )  # fmt: skip
        dead = {one.id for one in tx.senders.senders() if is_dead(one.name)}
        if lost := sum(n for sender, n in tx.outbox.on_wire(known).items() if sender in dead):
            Output(json).note(
                f"{lost} more were on the wire of a sender that died: the next `mailer send` "
                "counts them, and does what their edition's rule says"
            )


@in_doubt.command("resend")
def resend(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Queue an edition's deliveries in doubt again, whatever its rule says; then `mailer send` it.
    Some of these people may get it twice.

    Example: [bold]mailer delivery in-doubt resend 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        count = outbox.resend(tx, known, mailer.clock(), actor=actor(by))
        said = f"{count} queued again" + (f": mailer send {number}" if count else "")
        out.record({"edition": number, "queued": count}, said)


@in_doubt.command("assume-sent")
def assume_sent(
    number: Number, by: By = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Take an edition's deliveries in doubt for sent: none of them goes again. Some of these people
    may not have got it.

    Example: [bold]mailer delivery in-doubt assume-sent 3[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = editions.get(tx.editions, number)
        count = outbox.assume_sent(tx, known, mailer.clock(), actor=actor(by))
        out.record({"edition": number, "assumed": count}, f"{count} taken for sent")
