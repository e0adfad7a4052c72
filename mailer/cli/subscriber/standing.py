"""How somebody stands on lists: leaving, pausing, going on."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Annotated

import typer

from mailer.audience import addresses, by_mail, choices, lists, subscribers
from mailer.audience.lists import MailingList
from mailer.audience.subscribers import MembershipState, Subscriber
from mailer.cli.options import DryRunOption, JsonOption, writing
from mailer.cli.output import Output, moment
from mailer.cli.subscriber.common import Address, app
from mailer.errors import InputError, NotFound
from mailer.store import Transaction

MOST_OF_A_MAIL = 1 << 20
"""Bytes of a message that are looked at: its subject is among the first."""

OneList = Annotated[str, typer.Option("--list", help="Only this list; else all of theirs.")]


@app.command("unsubscribe")
def unsubscribe(
    address: Address,
    from_: Annotated[str, typer.Option("--list", help="The list that they leave.")],
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take somebody off a list. Nothing more of it goes out to them.

    Example: [bold]mailer subscriber unsubscribe ana@example.org --list news[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        person = subscribers.get(tx.subscribers, address)
        list_ = lists.get_list(tx.lists, from_)
        left = subscribers.unsubscribe(tx.subscribers, person, list_, mailer.clock())
        out.record(left, f"{person.address} is off {list_.slug!r}")


@app.command("unsubscribe-mail")
def unsubscribe_mail(
    file: Annotated[Path | None, typer.Argument(help="The message; else stdin.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Read a message that came to sender.unsubscribe_address, and take its sender off the list.

    The subject holds the token that says who and which list. For a mail server to pipe to, such as
    by a line in /etc/aliases: leave: "|mailer --config FILE subscriber unsubscribe-mail"

    Example: [bold]mailer subscriber unsubscribe-mail message.eml[/]"""
    out = Output(json)
    message = _message(file)
    with writing(dry_run, out) as (mailer, tx):
        person, list_, before = by_mail.leave(
            tx.subscribers, tx.lists, mailer.store.key, message, mailer.clock()
        )
        who = addresses.masked(person.address) if person else ""
        slug = list_.slug if list_ else ""
        said = f"{who} is off {slug!r}" + (" already" if before else "")
        if not who or not slug:
            said = "there is no longer such a subscriber" if slug else "there is no such list"
        out.record({"address": who, "list": slug, "before": before}, said)


def _message(file: Path | None) -> bytes:
    """The beginning of a message. What a mail server pipes is read to its end: it would take the
    rest for an error."""
    try:
        if file is not None:
            with file.open("rb") as raw:
                return raw.read(MOST_OF_A_MAIL)
        piped: IO[bytes] = sys.stdin.buffer
        message = piped.read(MOST_OF_A_MAIL)
        while piped.read(MOST_OF_A_MAIL):
            pass
        return message
    except OSError as error:
        raise InputError(
            f"it can't be read ({error.strerror})", where=str(file or "stdin"), hint="check it"
        ) from error


@app.command("pause")
def pause(
    address: Address,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="For how long.")],
    of: OneList = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Send somebody nothing for some weeks, also nothing of what is on its way now.

    Example: [bold]mailer subscriber pause ana@example.org --weeks 4[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        person = subscribers.get(tx.subscribers, address)
        some = _active(tx, person, of)
        now = mailer.clock()
        until = choices.pause(tx.subscribers, person, some, timedelta(weeks=weeks), now)
        slugs = [one.slug for one in some]
        said = f"{person.address} gets nothing of {', '.join(slugs)} until {moment(until)}"
        out.record({"lists": slugs, "paused_until": until}, said)


@app.command("resume")
def resume(
    address: Address, of: OneList = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """End a pause at once. Example: [bold]mailer subscriber resume ana@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        person = subscribers.get(tx.subscribers, address)
        some = _active(tx, person, of)
        choices.pause(tx.subscribers, person, some, None, mailer.clock())
        slugs = [one.slug for one in some]
        out.record({"lists": slugs}, f"{person.address} gets {', '.join(slugs)} again")


def _active(tx: Transaction, person: Subscriber, of: str) -> Sequence[MailingList]:
    """The lists that somebody is on, or the one of them that is named. Raises NotFound for none."""
    if of:
        lists.get_list(tx.lists, of)
    found = [
        tx.subscribers.list_named(one.list)
        for one in tx.subscribers.memberships(person)
        if one.state is MembershipState.ACTIVE and (not of or one.list == of)
    ]
    if not found:
        raise NotFound(f"{person.address} is not on {f'the list {of!r}' if of else 'any list'}")
    return found
