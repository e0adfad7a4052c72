"""Sending a finished edition to one reader again."""

from typing import TYPE_CHECKING, Annotated

import typer

from mailer import editions
from mailer.cli.edition.group import SENDING, app
from mailer.cli.edition.testing import deliver_at_once
from mailer.cli.options import ByOption, DryRunOption, EditionNumber, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_writing
from mailer.errors import PartlyDone
from mailer.model.deliveries import DeliveryState

if TYPE_CHECKING:
    from mailer.outbox import QueuedRepeat


@app.command("resend", rich_help_panel=SENDING)
def send_edition_again(
    number: EditionNumber,
    address: Annotated[str, typer.Argument(help="The reader's mail address.")],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send a sent edition to one reader again, because the reader did not get it.

    The reader must be a member who got it, or would get it today. The message is an edition of its
    own with one delivery: it passes the gate, and the report of the edition does not count it.
    `mailer explain` and `mailer subscriber history` name the person who asked for it. The command
    waits for the relay's reply.

    Example: mailer edition resend 3 ana@example.org"""
    from mailer import outbox

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailer.guard.check_database()
        mailer.check_relays()
        repeat = outbox.repeat_edition(
            tx, actor, editions.get_edition(tx, number), address, mailer.clock()
        )
    out.print_note(_describe_repeat(repeat))
    data = {
        "edition": number,
        "repeat": repeat.mail.id,
        "address": repeat.reader.address,
        "number": repeat.number,
        "was_accepted": repeat.was_accepted,
        "left_out": repeat.left_out,
    }
    if dry_run:
        if json:
            out.print_json(data)
        return
    (delivery,) = deliver_at_once(repeat.mail)
    out.print_record(
        data | {"state": delivery.state, "reply": delivery.reply},
        f"{delivery.address}: {delivery.state.value.replace('_', ' ')} {delivery.reply}".strip(),
    )
    if delivery.state is not DeliveryState.SENT:
        raise PartlyDone(
            "the message was not accepted",
            hint="the worker or `mailer send --all` tries it again if it is still queued",
        )


def _describe_repeat(repeat: "QueuedRepeat") -> str:
    accepted_note = " (a relay had accepted it before)" if repeat.was_accepted else ""
    omission_note = (
        f", without {', '.join(repeat.left_out)} (withdrawn, corrected or embargoed since)"
        if repeat.left_out
        else ""
    )
    return (
        f"edition {repeat.edition.id} to {repeat.reader.address} as edition {repeat.mail.id}, "
        f"in {repeat.reader.language}{accepted_note}{omission_note}"
    )
