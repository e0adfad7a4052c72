"""Adding, listing and showing people."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.audience import lists, reader_fields, subscribers
from mailer.audience.consent import check_basis
from mailer.audience.subscribers import STAFF_SOURCE
from mailer.cli.basis import print_basis_note
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    JsonOption,
    LimitOption,
    check_number,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.paging import print_next_page
from mailer.cli.subscriber.group import ONE_PERSON, Address, FieldOption, app
from mailer.cli.transactions import open_for_reading, open_for_writing
from mailer.model.searches import SearchMethod
from mailer.model.subscribers import (
    Evidence,
    LawfulBasis,
    ListedSubscriber,
    Membership,
    Person,
)

if TYPE_CHECKING:
    from mailer.app import Mailer


@app.command("add", rich_help_panel=ONE_PERSON)
def add_subscriber(
    address: Address,
    list_slug: Annotated[str, typer.Option("--list", help="The list that the person is added to.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic; repeatable; default: all topics.")
    ] = None,
    language: Annotated[str, typer.Option(help="The language that the person reads.")] = "",
    country: Annotated[str, typer.Option(help="The two-letter country code, such as GB.")] = "",
    time_zone: Annotated[str, typer.Option(help="An IANA time zone, such as Europe/London.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="A tag for staff; repeatable.")] = None,
    field: FieldOption = None,
    source: Annotated[
        str, typer.Option(help="Where the person agreed to get mail, for the log of consent.")
    ] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(LawfulBasis)}.")
    ] = LawfulBasis.UNKNOWN,
    rejoin: Annotated[
        bool,
        typer.Option(
            "--rejoin", help="Add a person who had left, because the person asked to rejoin."
        ),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a person to a list, or change their topics on it.

    Example: mailer subscriber add ana@example.org --list news --topic health"""
    out = Output(json)
    actor = resolve_actor(by)
    lawful_basis = check_basis(basis)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        values = reader_fields.parse_values(mailer.reader_fields, parse_pairs(field, "--field"))
        mailing_list = lists.get_list(tx, list_slug)
        chosen_topics = lists.get_topics(tx, topic or [])
        subscriber, membership = subscribers.subscribe_person(
            tx,
            actor,
            Person(address, name, language, country, time_zone, tuple(tag or ()), values),
            mailing_list,
            chosen_topics,
            mailer.clock(),
            evidence=Evidence(source=source or STAFF_SOURCE, basis=lawful_basis),
            rejoin=rejoin,
        )
        topics = ", ".join(membership.topics) or "all topics"
        message = (
            f"{subscriber.address} is on {mailing_list.slug!r} ({membership.state}) with {topics}"
        )
        out.print_record({"subscriber": subscriber, "membership": membership}, message)
        print_basis_note(out, lawful_basis)


@app.command("list", rich_help_panel=ONE_PERSON)
def list_subscribers(
    list_slug: Annotated[str, typer.Option("--list", help="Only members of this list.")] = "",
    search: Annotated[
        str, typer.Option("--search", help="Only people with these words in name or address.")
    ] = "",
    limit: LimitOption = 50,
    after: Annotated[
        int,
        typer.Option(
            "--after",
            metavar="ID",
            help="Begin after the person with this id.",
            min=0,
            callback=check_number,
        ),
    ] = 0,
    json: JsonOption = False,
) -> None:
    """List subscribers, oldest first.

    A suppressed address has the state suppressed, since it gets no mail.

    --search finds parts of words; a word of one or two letters is found only at the beginning of a
    name's word or of the address. Capitals and accents make no difference. If there are more people
    than --limit, a note gives the command for the next ones.

    Example: mailer subscriber list --list news --search quay"""
    with open_for_reading() as (_, tx):
        mailing_list = lists.get_list(tx, list_slug) if list_slug else None
        page = subscribers.list_subscribers(tx, search, mailing_list, after_id=after, limit=limit)
        records = page.subscribers
        out = Output(json)
        out.print_table(
            records,
            {"address": "", "name": "", "language": "", "country": "", "state": "", "topics": ""},
            [_format_row(record) for record in records],
            empty="no such subscriber"
            if search or after or list_slug
            else "no subscriber yet: mailer subscriber import FILE --list news",
        )
        if page.next_after is not None:
            print_next_page(out, page.next_after)
        if page.method is SearchMethod.BEGINNINGS:
            out.print_note(
                "only beginnings of words were searched: `mailer database status` says why"
            )


def _format_row(record: ListedSubscriber) -> tuple[Any, ...]:
    person, membership = record.subscriber.person, record.membership
    topics = (membership.topics or "all") if membership else ""
    return person.address, person.name, person.language, person.country, record.state, topics


def print_memberships(out: Output, memberships: Sequence[Membership]) -> None:
    """Print the lists of a subscriber."""
    out.print_table(
        memberships,
        {
            "list": "",
            "state": "",
            "topics": "",
            "language": "",
            "frequency": "",
            "paused until": "",
            "joined": "",
            "left": "",
        },
        [
            (
                membership.list,
                membership.state,
                membership.topics or "all",
                membership.language,
                membership.frequency,
                membership.paused_until,
                membership.joined_at,
                membership.left_at,
            )
            for membership in memberships
        ],
        empty="on no list",
    )


@app.command("show", rich_help_panel=ONE_PERSON)
def show_subscriber(address: Address, json: JsonOption = False) -> None:
    """Show a subscriber with their fields and their lists.

    A field that the settings no longer declare is marked: its value stays stored until it is
    erased, and can't be used.

    Example: mailer subscriber show ana@example.org"""
    with open_for_reading() as (mailer, tx):
        subscriber = subscribers.get_subscriber(tx, address)
        memberships = tx.subscribers.list_memberships(subscriber)
        suppression_reason = tx.subscribers.find_suppression_reason(subscriber.address)
        out = Output(json)
        if json:
            out.print_json(
                {
                    "subscriber": subscriber,
                    "memberships": memberships,
                    "suppressed": suppression_reason,
                }
            )
            return
        person = dataclasses.asdict(subscriber.person)
        out.print_record(person | {"fields": _label_values(mailer, subscriber.person)})
        print_memberships(out, memberships)
        if suppression_reason:
            out.print_note(f"must not be mailed: {suppression_reason}")


def _label_values(mailer: "Mailer", person: Person) -> dict[str, str]:
    """Return a person's own fields by their labels in the office's language."""
    declared = mailer.reader_fields
    language = mailer.settings.defaults.language
    return {
        reader_fields.get_label(declared[name], language)
        if name in declared
        else f"{name} (not in the settings)": value
        for name, value in person.fields.items()
    }
