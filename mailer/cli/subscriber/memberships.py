"""Unsubscribing people, and pausing and resuming their mail."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import IO, Annotated

import typer

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience import lists, preferences, subscribers, unsubscribe_mail
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.subscriber.group import ONE_PERSON, Address, app
from mailer.cli.transactions import open_for_writing
from mailer.errors import InputError
from mailer.regular_files import open_regular_file

MAX_MESSAGE_BYTES = 1 << 20
"""Bytes of a message that are read. The subject is near the beginning."""

OnlyListOption = Annotated[
    str, typer.Option("--list", help="Only this list; default: all lists of the person.")
]


@app.command("unsubscribe", rich_help_panel=ONE_PERSON)
def unsubscribe_member(
    address: Address,
    list_slug: Annotated[
        str, typer.Option("--list", help="The list to unsubscribe the person from.")
    ],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Unsubscribe a person from a list. The person gets no more mail of this list.

    Example: mailer subscriber unsubscribe ana@example.org --list news"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        mailing_list = lists.get_list(tx, list_slug)
        membership = subscribers.unsubscribe_person(
            tx, actor, subscriber, mailing_list, mailer.clock()
        )
        out.print_record(membership, f"{subscriber.address} is no longer on {mailing_list.slug!r}")


@app.command("unsubscribe-mail", rich_help_panel=ONE_PERSON)
def unsubscribe_by_mail(
    file: Annotated[Path | None, typer.Argument(help="The message; default: stdin.")] = None,
    *,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Read a message to sender.unsubscribe_address, and unsubscribe the person.

    A token in the subject identifies the person and the list. A mail server can pipe messages to
    this command, by a line such as this in /etc/aliases: leave: "|mailer --config FILE subscriber
    unsubscribe-mail"

    Example: mailer subscriber unsubscribe-mail message.eml"""
    out = Output(json)
    message = _read_message(file)
    actor = SUBSCRIBER  # a mail server runs this command: the sender of the message acts
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        subscriber, mailing_list, was_unsubscribed = unsubscribe_mail.unsubscribe_by_mail(
            tx, actor, mailer.link_keys.load_keys(tx), message, mailer.clock()
        )
        masked_address = addresses.mask_address(subscriber.address) if subscriber else ""
        slug = mailing_list.slug if mailing_list else ""
        summary = f"{masked_address} is no longer on {slug!r}" + (
            " already" if was_unsubscribed else ""
        )
        if not masked_address or not slug:
            summary = "the subscriber no longer exists" if slug else "there is no such list"
        out.print_record(
            {"address": masked_address, "list": slug, "before": was_unsubscribed}, summary
        )


def _read_message(file: Path | None) -> bytes:
    """Read the beginning of a message. A piped message is read to its end, because a mail server
    reports an error if the reader stops early."""
    try:
        if file is not None:
            with open_regular_file(file) as raw:
                return raw.read(MAX_MESSAGE_BYTES)
        piped: IO[bytes] = sys.stdin.buffer
        message = piped.read(MAX_MESSAGE_BYTES)
        while piped.read(MAX_MESSAGE_BYTES):
            pass
        return message
    except OSError as error:
        raise InputError(
            f"the message can't be read ({error.strerror})", where=str(file or "stdin")
        ) from error


@app.command("pause", rich_help_panel=ONE_PERSON)
def pause_memberships(
    address: Address,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="The number of weeks.")],
    list_slug: OnlyListOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Pause mail to a person for some weeks, including editions being sent now.

    Example: mailer subscriber pause ana@example.org --weeks 4"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        paused_lists = preferences.get_active_lists(tx, subscriber, list_slug)
        now = mailer.clock()
        until = preferences.pause_memberships(
            tx, actor, subscriber, paused_lists, timedelta(weeks=weeks), now
        )
        slugs = [mailing_list.slug for mailing_list in paused_lists]
        message = (
            f"{subscriber.address} gets nothing of {', '.join(slugs)} until {format_moment(until)}"
        )
        out.print_record({"lists": slugs, "paused_until": until}, message)


@app.command("resume", rich_help_panel=ONE_PERSON)
def resume_memberships(
    address: Address,
    list_slug: OnlyListOption = "",
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """End a pause at once.

    Example: mailer subscriber resume ana@example.org"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        resumed_lists = preferences.get_active_lists(tx, subscriber, list_slug)
        preferences.pause_memberships(tx, actor, subscriber, resumed_lists, None, mailer.clock())
        slugs = [mailing_list.slug for mailing_list in resumed_lists]
        out.print_record({"lists": slugs}, f"{subscriber.address} gets {', '.join(slugs)} again")
