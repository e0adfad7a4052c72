"""``mailer contact``: media contacts, and what the press office knows about them."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.audience import contacts, lists, subscribers
from mailer.audience.consent import check_basis
from mailer.audience.imports.rows import RowOutcome, RowResult
from mailer.audience.subscribers import STAFF_SOURCE
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.transactions import load_settings, open_for_reading, open_for_writing
from mailer.errors import InputError, NextStep, Refused
from mailer.model.contacts import Contact, ContactProfile, ContactQuery, FollowUp, Trust
from mailer.model.lists import MailingList, Visibility
from mailer.model.subscribers import Evidence, LawfulBasis, MembershipState, Person

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.intake.contacts import ContactRow
    from mailer.store import SqlTransaction

app = CommandGroup(help="Media contacts: journalists and what they cover.")

Address = Annotated[str, typer.Argument(help="The contact's mail address.")]
Outlet = Annotated[str | None, typer.Option(help="The outlet that they write for.")]
Beats = Annotated[
    list[str] | None, typer.Option("--beat", help="A subject that they cover; repeatable.")
]
TrustedOption = Annotated[
    bool | None,
    typer.Option("--trusted/--untrusted", help="Trust them with embargoed releases, or not."),
]
FollowUpOption = Annotated[
    bool | None,
    typer.Option(
        "--follow-up/--no-follow-up", help="Allow asking them about a release afterwards, or not."
    ),
]
Note = Annotated[str | None, typer.Option(help="A note for colleagues.")]
BATCH_SIZE = 200
"""Rows that an import saves in one transaction."""


@app.command("add")
def add_contact(
    address: Address,
    list_slug: Annotated[str, typer.Option("--list", help="The private list to add them to.")],
    outlet: Outlet = None,
    beat: Beats = None,
    trusted: TrustedOption = None,
    follow_up: FollowUpOption = None,
    note: Note = None,
    name: Annotated[str, typer.Option(help="The contact's name.")] = "",
    language: Annotated[str, typer.Option(help="The language that they read.")] = "",
    country: Annotated[str, typer.Option(help="The two-letter country code, such as GB.")] = "",
    time_zone: Annotated[str, typer.Option(help="An IANA time zone, such as Europe/London.")] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(LawfulBasis)}.")
    ] = LawfulBasis.LEGITIMATE_INTERESTS,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a journalist to a private list.

    Example: mailer contact add ana@example.org --list press --outlet "The Example" \\
    --beat migration --trusted"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        mailing_list = _get_private_list(tx, list_slug)
        subscriber, _ = subscribers.subscribe_person(
            tx,
            resolve_actor(""),
            Person(address, name, language, country, time_zone),
            mailing_list,
            lists.get_topics(tx, _find_chosen_topics(tx, address, list_slug)),
            mailer.clock(),
            evidence=Evidence(source=STAFF_SOURCE, basis=check_basis(basis)),
        )
        current_contact = tx.subscribers.find_contact(subscriber)
        profile = _change_profile(
            current_contact.profile if current_contact else ContactProfile(),
            outlet,
            beat,
            trusted,
            follow_up,
            note,
        )
        contact, _ = contacts.save_contact(
            tx, resolve_actor(""), subscriber, profile, mailer.clock()
        )
        out.print_record(contact, f"{_describe_contact(contact)} is on {list_slug!r}")


def _get_private_list(tx: "SqlTransaction", list_slug: str) -> MailingList:
    mailing_list = lists.get_list(tx, list_slug)
    if mailing_list.visibility is not Visibility.PRIVATE:
        raise Refused(
            f"{list_slug!r} is a public list, which anyone may join",
            hint="add media contacts to a private list",
            next_steps=[NextStep("add_private_list")],
        )
    return mailing_list


def _find_chosen_topics(tx: "SqlTransaction", address: str, list_slug: str) -> tuple[str, ...]:
    """Return the topics that a subscriber has chosen on a list, which an import keeps."""
    subscriber = tx.subscribers.find_subscriber(address.strip().lower())
    if subscriber is None:
        return ()
    return next(
        (
            membership.topics
            for membership in tx.subscribers.list_memberships(subscriber)
            if membership.list == list_slug
        ),
        (),
    )


def _change_profile(
    profile: ContactProfile,
    outlet: str | None,
    beat: list[str] | None,
    trusted: bool | None,
    follow_up: bool | None,
    note: str | None,
) -> ContactProfile:
    return ContactProfile(
        outlet=profile.outlet if outlet is None else outlet,
        beats=profile.beats if beat is None else tuple(beat),
        trust=profile.trust if trusted is None else (Trust.TRUSTED if trusted else Trust.UNTRUSTED),
        follow_up=profile.follow_up
        if follow_up is None
        else (FollowUp.WELCOME if follow_up else FollowUp.NEVER),
        note=profile.note if note is None else note,
    )


def _describe_contact(contact: Contact) -> str:
    beats = f" ({', '.join(contact.profile.beats)})" if contact.profile.beats else ""
    outlet = f" of {contact.profile.outlet}" if contact.profile.outlet else ""
    return f"{contact.subscriber.address}{outlet}{beats}, {contact.profile.trust} with embargoes,"


@app.command("import")
def import_contacts(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header.")],
    list_slug: Annotated[str, typer.Option("--list", help="The private list to add them to.")],
    source: Annotated[str, typer.Option(help="Where the addresses come from, for the log.")] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(LawfulBasis)}.")
    ] = LawfulBasis.LEGITIMATE_INTERESTS,
    report: Annotated[
        Path | None, typer.Option(help="Write the outcome of each line to this CSV file.")
    ] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import media contacts from a CSV file.

    Columns: email, name, outlet, beats, country, language, time zone, trusted, do not follow up,
    note. Separate beats by semicolons: health; work. The columns trusted and do not follow up hold
    yes or no; empty means no. If the file lacks a column, that field stays as it is. If two lines
    have the same address, the first counts. People who left the list stay off it.

    Example: mailer contact import journalists.csv --list press --dry-run"""
    from mailer.app import open_mailer
    from mailer.cli.bulk import RowTally, get_file_size, open_progress_bar, open_transactions
    from mailer.intake.contacts import find_unknown_columns, read_contacts

    out = Output(json)
    evidence = Evidence(source=source or STAFF_SOURCE, basis=check_basis(basis))
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(load_settings()))
        with mailer.store.read() as tx:
            _get_private_list(tx, list_slug)
            topics = frozenset(topic.slug for topic in tx.lists.list_topics())
        tally = RowTally(
            stack,
            report,
            (
                RowOutcome.ADDED, RowOutcome.UPDATED, RowOutcome.UNCHANGED, RowOutcome.SKIPPED,
                RowOutcome.REFUSED,
            ),
        )  # fmt: skip
        begin_transaction = stack.enter_context(open_transactions(mailer, out, dry_run=dry_run))
        progress_bar = stack.enter_context(open_progress_bar(get_file_size(file), "reading"))
        pending_rows: list[ContactRow | RowResult] = []
        tally.add_results([], {f"the column {head!r}": 0 for head in find_unknown_columns(file)})
        lines_by_address: dict[str, int] = {}

        def import_pending() -> None:
            with begin_transaction() as tx:
                tally.add_results(
                    [
                        _import_row(mailer, tx, list_slug, parsed_row, evidence, lines_by_address)
                        for parsed_row in pending_rows
                    ],
                    {},
                )
            pending_rows.clear()
            progress_bar.update_progress(tally.row_count, f"{tally.row_count} lines")

        for parsed_row in read_contacts(file, topics):
            pending_rows.append(parsed_row)
            if len(pending_rows) == BATCH_SIZE:
                import_pending()
        import_pending()
    tally.print_summary(out, file, dry_run=dry_run)


def _import_row(
    mailer: "Mailer",
    tx: "SqlTransaction",
    list_slug: str,
    parsed_row: "ContactRow | RowResult",
    evidence: Evidence,
    lines_by_address: dict[str, int],
) -> RowResult:
    """Import one line, and return its outcome. `lines_by_address` has the lines before this one."""
    if isinstance(parsed_row, RowResult):
        return parsed_row
    row, now = parsed_row.row, mailer.clock()
    first_line = lines_by_address.setdefault(row.person.address, row.line)
    if first_line != row.line:
        return RowResult(
            row.line, RowOutcome.SKIPPED, row.person.address, f"line {first_line} has this address"
        )
    try:
        with tx.open_savepoint():
            known_subscriber = tx.subscribers.find_subscriber(row.person.address)
            memberships_before = (
                tx.subscribers.list_memberships(known_subscriber) if known_subscriber else ()
            )
            chosen_topics = row.topics or _find_chosen_topics(tx, row.person.address, list_slug)
            subscriber, _ = subscribers.subscribe_person(
                tx,
                resolve_actor(""),
                row.person,
                lists.get_list(tx, list_slug),
                lists.get_topics(tx, chosen_topics),
                now,
                language=row.language,
                evidence=evidence,
            )
            current_contact = tx.subscribers.find_contact(subscriber)
            profile = parsed_row.merge_into(current_contact.profile if current_contact else None)
            _, changed = contacts.save_contact(tx, resolve_actor(""), subscriber, profile, now)
            memberships_after = tx.subscribers.list_memberships(subscriber)
    except Refused as error:
        return RowResult(row.line, RowOutcome.SKIPPED, row.person.address, error.message)
    except InputError as error:
        return RowResult(row.line, RowOutcome.REFUSED, row.person.address, str(error))
    if not any(
        membership.list == list_slug and membership.state is MembershipState.ACTIVE
        for membership in memberships_before
    ):
        outcome = RowOutcome.ADDED
    elif (
        current_contact is None
        or changed
        or (known_subscriber and known_subscriber.person != subscriber.person)
        or memberships_before != memberships_after
    ):
        outcome = RowOutcome.UPDATED
    else:
        outcome = RowOutcome.UNCHANGED
    return RowResult(row.line, outcome, row.person.address)


@app.command("list")
def list_contacts(
    list_slug: Annotated[str, typer.Option("--list", help="Only members of this list.")] = "",
    outlet: Annotated[str, typer.Option(help="Only contacts of this outlet.")] = "",
    beat: Annotated[str, typer.Option(help="Only contacts who cover this subject.")] = "",
    trusted: TrustedOption = None,
    json: JsonOption = False,
) -> None:
    """List media contacts, by outlet.

    Example: mailer contact list --beat migration"""
    trust = None if trusted is None else (Trust.TRUSTED if trusted else Trust.UNTRUSTED)
    with open_for_reading() as (_, tx):
        query = ContactQuery(
            list_slug, outlet, contacts.normalise_beat(beat) if beat else "", trust
        )
        matching_contacts = tx.subscribers.find_contacts(query)
        Output(json).print_table(
            matching_contacts,
            {
                "outlet": "", "name": "", "address": "", "beats": "", "country": "",
                "language": "", "embargoes": "", "follow up": "",
            },
            [
                (
                    contact.profile.outlet, contact.subscriber.person.name,
                    contact.subscriber.address, contact.profile.beats,
                    contact.subscriber.person.country, contact.subscriber.person.language,
                    contact.profile.trust, contact.profile.follow_up,
                )
                for contact in matching_contacts
            ],
            empty="no such contact; to add one: mailer contact add ADDRESS --list press --outlet …",
        )  # fmt: skip


@app.command("show")
def show_contact(address: Address, json: JsonOption = False) -> None:
    """Show a media contact.

    Example: mailer contact show ana@example.org"""
    with open_for_reading() as (_, tx):
        contact = contacts.get_contact(tx, subscribers.get_subscriber(tx, address))
        out = Output(json)
        if json:
            out.print_json(contact)
            return
        out.print_record(contact.subscriber.person)
        out.print_record(contact.profile)


@app.command("edit")
def edit_contact(
    address: Address,
    outlet: Outlet = None,
    beat: Beats = None,
    trusted: TrustedOption = None,
    follow_up: FollowUpOption = None,
    note: Note = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a media contact.

    A contact who is no longer trusted gets no advance copy from now on, even if one is being sent.

    Example: mailer contact edit ana@example.org --untrusted"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        contact = contacts.get_contact(tx, subscribers.get_subscriber(tx, address))
        profile = _change_profile(contact.profile, outlet, beat, trusted, follow_up, note)
        saved_contact, _ = contacts.save_contact(
            tx, resolve_actor(""), contact.subscriber, profile, mailer.clock()
        )
        out.print_record(saved_contact, _describe_contact(saved_contact).rstrip(","))


@app.command("remove")
def remove_contact(
    address: Address, json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove what is stored about a person as a media contact. They stay on their lists.

    Example: mailer contact remove ana@example.org"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (_, tx):
        contact = contacts.remove_contact(
            tx, resolve_actor(""), subscribers.get_subscriber(tx, address)
        )
        out.print_record(contact, f"{address} is no longer a media contact")
