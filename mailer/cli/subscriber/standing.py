"""How somebody stands on lists: leaving, pausing, going on."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Annotated

import typer

from mailer import addresses
from mailer.audience import lists, preferences, subscribers, unsubscribe_mail
from mailer.cli.options import DryRunOption, JsonOption, open_for_writing, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.subscriber.common import Address, app
from mailer.errors import InputError, NotFound
from mailer.model.lists import MailingList
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.store import SqlTransaction

MAX_MESSAGE_BYTES = 1 << 20
"""Bytes of a message that are looked at: its subject is among the first."""

OneList = Annotated[str, typer.Option("--list", help="Only this list; else all of theirs.")]


@app.command("unsubscribe")
def unsubscribe_member(
    address: Address,
    list_slug: Annotated[str, typer.Option("--list", help="The list that they leave.")],
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take somebody off a list. Nothing more of it goes out to them.

    Example: [bold]mailer subscriber unsubscribe ana@example.org --list news[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        mailing_list = lists.get_list(tx, list_slug)
        membership = subscribers.unsubscribe_person(
            tx, resolve_actor(""), subscriber, mailing_list, mailer.clock()
        )
        out.print_record(membership, f"{subscriber.address} is off {mailing_list.slug!r}")


@app.command("unsubscribe-mail")
def unsubscribe_by_mail(
    file: Annotated[Path | None, typer.Argument(help="The message; else stdin.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Read a message that came to sender.unsubscribe_address, and take its sender off the list.

    The subject holds the token that says who and which list. For a mail server to pipe to, such as
    by a line in /etc/aliases: leave: "|mailer --config FILE subscriber unsubscribe-mail"

    Example: [bold]mailer subscriber unsubscribe-mail message.eml[/]"""
    out = Output(json)
    message = _read_message(file)
    with open_for_writing(dry_run, out) as (mailer, tx):
        subscriber, mailing_list, was_unsubscribed = unsubscribe_mail.unsubscribe_by_mail(
            tx, resolve_actor(""), mailer.store.key, message, mailer.clock()
        )
        masked_address = addresses.mask_address(subscriber.address) if subscriber else ""
        slug = mailing_list.slug if mailing_list else ""
        summary = f"{masked_address} is off {slug!r}" + (" already" if was_unsubscribed else "")
        if not masked_address or not slug:
            summary = "there is no longer such a subscriber" if slug else "there is no such list"
        out.print_record(
            {"address": masked_address, "list": slug, "before": was_unsubscribed}, summary
        )


def _read_message(file: Path | None) -> bytes:
    """The beginning of a message. What a mail server pipes is read to its end: it would take the
    rest for an error."""
    try:
        if file is not None:
            with file.open("rb") as raw:
                return raw.read(MAX_MESSAGE_BYTES)
        piped: IO[bytes] = sys.stdin.buffer
        message = piped.read(MAX_MESSAGE_BYTES)
        while piped.read(MAX_MESSAGE_BYTES):
            pass
        return message
    except OSError as error:
        raise InputError(
            f"it can't be read ({error.strerror})", where=str(file or "stdin"), hint="check it"
        ) from error


@app.command("pause")
def pause_memberships(
    address: Address,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="For how long.")],
    list_slug: OneList = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send somebody nothing for some weeks, also nothing of what is on its way now.

    Example: [bold]mailer subscriber pause ana@example.org --weeks 4[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        paused_lists = _find_active_lists(tx, subscriber, list_slug)
        now = mailer.clock()
        until = preferences.pause_memberships(
            tx, resolve_actor(""), subscriber, paused_lists, timedelta(weeks=weeks), now
        )
        slugs = [mailing_list.slug for mailing_list in paused_lists]
        message = (
            f"{subscriber.address} gets nothing of {', '.join(slugs)} until {format_moment(until)}"
        )
        out.print_record({"lists": slugs, "paused_until": until}, message)


@app.command("resume")
def resume_memberships(
    address: Address,
    list_slug: OneList = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """End a pause at once. Example: [bold]mailer subscriber resume ana@example.org[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        resumed_lists = _find_active_lists(tx, subscriber, list_slug)
        preferences.pause_memberships(
            tx, resolve_actor(""), subscriber, resumed_lists, None, mailer.clock()
        )
        slugs = [mailing_list.slug for mailing_list in resumed_lists]
        out.print_record({"lists": slugs}, f"{subscriber.address} gets {', '.join(slugs)} again")


def _find_active_lists(
    tx: SqlTransaction, subscriber: Subscriber, list_slug: str
) -> Sequence[MailingList]:
    """The lists that somebody is on, or the one of them that is named. Raises NotFound for none."""
    if list_slug:
        lists.get_list(tx, list_slug)
    active_lists = [
        tx.subscribers.get_list(membership.list)
        for membership in tx.subscribers.list_memberships(subscriber)
        if membership.state is MembershipState.ACTIVE
        and (not list_slug or membership.list == list_slug)
    ]
    if not active_lists:
        raise NotFound(
            f"{subscriber.address} is not on {f'the list {list_slug!r}' if list_slug else 'any list'}"
        )
    return active_lists
