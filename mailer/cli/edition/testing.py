"""Test mails of an edition."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer import editions
from mailer.cli.edition.group import LOOKING, app
from mailer.cli.options import ByOption, DryRunOption, EditionNumber, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import load_settings, open_for_writing
from mailer.errors import PartlyDone
from mailer.model.deliveries import DeliveryState

if TYPE_CHECKING:
    from mailer.model.deliveries import Delivery
    from mailer.model.editions import Edition
    from mailer.notices import QueuedTest


@app.command("test", rich_help_panel=LOOKING)
def send_test_mail(
    number: EditionNumber,
    recipients: Annotated[
        list[str],
        typer.Argument(help="Who gets it: approvers, watchers, and [staff] addresses."),
    ],
    as_: Annotated[
        str,
        typer.Option("--as", help="Send this subscriber's mail; default: a mail with every story."),
    ] = "",
    language: Annotated[
        str, typer.Option(help="The mail's language; default: the reader's, or the edition's.")
    ] = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send the mail that a reader would get to members of staff, to try it in their mail programs.

    The subject begins with [Test], and a banner names the reader. Links for unsubscribing,
    preferences and the browser view lead to a page that changes nothing. The edition, its approval
    and its counts stay as they are. The command waits for the relay's reply.

    Example: mailer edition test 3 me@example.org --as reader@example.org --language fr"""
    from mailer import notices

    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailer.guard.check_database()
        mailer.check_relays()
        queued_test = notices.queue_test_mail(
            tx,
            actor,
            editions.get_edition(tx, number),
            recipients,
            mailer.renderer,
            mailer.staff_addresses,
            mailer.clock(),
            hourly_limit=mailer.settings.staff.tests_per_hour,
            reader_address=as_,
            language=language,
        )
    out.print_note(_describe_test(queued_test))
    if dry_run:
        if json:
            out.print_json(_to_plain(queued_test, []))
        return
    deliveries = deliver_at_once(queued_test.mail)
    rows = [(delivery.address, delivery.state, delivery.reply) for delivery in deliveries]
    if json:
        out.print_json(_to_plain(queued_test, deliveries))
    else:
        out.print_table(rows, {"address": "", "state": "", "reply": ""}, rows)
    if any(delivery.state is not DeliveryState.SENT for delivery in deliveries):
        raise PartlyDone(
            "not every test mail was accepted",
            hint="the worker or `mailer send --all` tries those again that are still queued",
        )


def deliver_at_once(mail: "Edition") -> "list[Delivery]":
    """Deliver an edition of a few recipients in the foreground, and return its deliveries. If it is
    interrupted or no relay works, the mail stays in the outbox."""
    from mailer.app import open_mailer
    from mailer.cli.sending import announce_stopping, interrupt_run
    from mailer.cli.signals import stop_on_signal

    with (
        open_mailer(load_settings()) as mailer,
        stop_on_signal(announce_stopping, partial(interrupt_run, mailer.store)) as stop,
    ):
        mailer.deliver_editions([mail], stop)
        with mailer.store.read() as tx:
            return tx.outbox.list_deliveries(mail)


def _describe_test(queued_test: "QueuedTest") -> str:
    reader = queued_test.reader
    reader_words = f"as {reader.address}" if reader.address else "as a reader of every story"
    edition = queued_test.edition
    return (
        f"test of edition {edition.id}, {edition.content_hash[:12]}, {reader_words}, "
        f"in {reader.language}"
    )


def _to_plain(queued_test: "QueuedTest", deliveries: "list[Delivery]") -> dict[str, Any]:
    return {
        "edition": queued_test.edition.id,
        "content_hash": queued_test.edition.content_hash,
        "reader": queued_test.reader,
        "recipients": queued_test.recipients,
        "deliveries": [
            {"address": one.address, "state": one.state, "reply": one.reply} for one in deliveries
        ],
    }
