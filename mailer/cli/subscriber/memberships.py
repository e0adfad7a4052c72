"""Unsubscribing people, and pausing and resuming their mail."""

from datetime import timedelta
from typing import Annotated

import typer

from mailer.audience import lists, own_preferences, preferences, subscribers
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, format_moment
from mailer.cli.subscriber.group import ONE_PERSON, Address, app
from mailer.cli.transactions import open_for_writing
from mailer.errors import UsageError

OnlyListOption = Annotated[
    str, typer.Option("--list", help="Only this list; default: all lists of the person.")
]


@app.command("unsubscribe", rich_help_panel=ONE_PERSON)
def unsubscribe_member(
    address: Address,
    list_slug: Annotated[
        str, typer.Option("--list", help="The list to unsubscribe the person from.")
    ] = "",
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="All lists that the person is on.")
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Unsubscribe a person from a list, or from all. The person gets no further mail from it, nor
    from an edition that is being sent.

    Example: mailer subscriber unsubscribe ana@example.org --list news"""
    if bool(list_slug) is everywhere:
        raise UsageError("name one list with --list, or all with --everywhere")
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        if everywhere:
            left_lists = own_preferences.unsubscribe_from_all(
                tx, actor, subscriber, mailer.clock(), source=subscribers.STAFF_SOURCE
            )
            slugs = [mailing_list.slug for mailing_list in left_lists]
            message = f"{subscriber.address} is no longer on {', '.join(map(repr, slugs))}"
            out.print_record(
                {"lists": slugs}, message if slugs else f"{subscriber.address} is on no list"
            )
            return
        mailing_list = lists.get_list(tx, list_slug)
        membership = subscribers.unsubscribe_person(
            tx, actor, subscriber, mailing_list, mailer.clock()
        )
        out.print_record(membership, f"{subscriber.address} is no longer on {mailing_list.slug!r}")


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
