"""``mailer contact``: media contacts, and the press office's records about them."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer.audience import contacts, subscribers
from mailer.audience.consent import check_basis
from mailer.audience.subscribers import STAFF_SOURCE
from mailer.cli.basis import print_basis_note
from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import (
    MAX_NUMBER,
    ByOption,
    DryRunOption,
    JsonOption,
    LimitOption,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.paging import print_next_page
from mailer.cli.table_options import (
    DatesOption,
    EncodingOption,
    IgnoreOption,
    MapOption,
    SheetOption,
    StatusOption,
    TableFileArgument,
    TopicNamesOption,
    build_choices,
    parse_topic_names,
    print_unknown_topics,
)
from mailer.cli.transactions import load_settings, open_for_reading, open_for_writing
from mailer.errors import UsageError
from mailer.model.contacts import Contact, ContactQuery, FollowUp, Trust
from mailer.model.imports import RowResult, RowState
from mailer.model.subscribers import Evidence, LawfulBasis, Person

app = CommandGroup(help="Media contacts: journalists and what they cover.")

Address = Annotated[str, typer.Argument(help="The contact's mail address.")]
Outlet = Annotated[str | None, typer.Option(help="The outlet that the contact writes for.")]
Beats = Annotated[
    list[str] | None,
    typer.Option(
        "--beat",
        help="A subject that the contact covers; repeatable; replaces the earlier subjects.",
    ),
]
TrustedOption = Annotated[
    bool | None,
    typer.Option(
        "--trusted/--untrusted", help="Trust the contact with embargoed releases, or not."
    ),
]
FollowUpOption = Annotated[
    bool | None,
    typer.Option(
        "--follow-up/--no-follow-up",
        help="Allow asking the contact about a release afterwards, or not.",
    ),
]
Note = Annotated[str | None, typer.Option(help="A note for colleagues.")]
BATCH_SIZE = 200
"""Rows that an import saves in one transaction."""


@app.command("add")
def add_contact(
    address: Address,
    list_slug: Annotated[
        str, typer.Option("--list", help="The private list that the contact is added to.")
    ],
    outlet: Outlet = None,
    beat: Beats = None,
    trusted: TrustedOption = None,
    follow_up: FollowUpOption = None,
    note: Note = None,
    name: Annotated[str, typer.Option(help="The contact's name.")] = "",
    language: Annotated[str, typer.Option(help="The language that the contact reads.")] = "",
    country: Annotated[str, typer.Option(help="The two-letter country code, such as GB.")] = "",
    time_zone: Annotated[str, typer.Option(help="An IANA time zone, such as Europe/London.")] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(LawfulBasis)}.")
    ] = LawfulBasis.UNKNOWN,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Add a journalist to a private list.

    Example: mailer contact add ana@example.org --list press --outlet "The Example" \\
    --beat migration --trusted"""
    out = Output(json)
    actor = resolve_actor(by)
    lawful_basis = check_basis(basis)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        contact, _ = contacts.add_contact(
            tx,
            actor,
            Person(address, name, language, country, time_zone),
            contacts.get_private_list(tx, list_slug),
            _read_changes(outlet, beat, trusted, follow_up, note),
            mailer.clock(),
            evidence=Evidence(source=STAFF_SOURCE, basis=lawful_basis),
        )
        out.print_record(contact, f"{_describe_contact(contact)} is on {list_slug!r}")
        print_basis_note(out, lawful_basis)


def _read_changes(
    outlet: str | None,
    beat: list[str] | None,
    trusted: bool | None,
    follow_up: bool | None,
    note: str | None,
) -> dict[str, Any]:
    """Return the fields of a profile that options state."""
    options = {
        "outlet": outlet,
        "beats": None if beat is None else tuple(beat),
        "trust": _choose_trust(trusted),
        "follow_up": None
        if follow_up is None
        else (FollowUp.WELCOME if follow_up else FollowUp.NEVER),
        "note": note,
    }
    return {name: value for name, value in options.items() if value is not None}


def _choose_trust(trusted: bool | None) -> Trust | None:
    if trusted is None:
        return None
    return Trust.TRUSTED if trusted else Trust.UNTRUSTED


def _describe_contact(contact: Contact) -> str:
    beats = f" ({', '.join(contact.profile.beats)})" if contact.profile.beats else ""
    is_trusted = contact.profile.trust is Trust.TRUSTED
    trust = "trusted with embargoes" if is_trusted else "not trusted with embargoes"
    outlet = f" of {contact.profile.outlet}" if contact.profile.outlet else ""
    return f"{contact.subscriber.address}{outlet}{beats}, {trust},"


@app.command("import")
def import_contacts(
    file: TableFileArgument,
    list_slug: Annotated[
        str, typer.Option("--list", help="The private list that the contacts are added to.")
    ],
    source: Annotated[str, typer.Option(help="Where the addresses come from, for the log.")] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(LawfulBasis)}.")
    ] = LawfulBasis.UNKNOWN,
    state: Annotated[RowState | None, typer.Option(help="State for rows that give none.")] = None,
    mapping: MapOption = None,
    ignore: IgnoreOption = None,
    status: StatusOption = None,
    dates: DatesOption = None,
    topic: TopicNamesOption = None,
    sheet: SheetOption = "",
    encoding: EncodingOption = "",
    report: Annotated[
        Path | None, typer.Option(help="Write the outcome of each line to this CSV file.")
    ] = None,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import media contacts from a CSV file or a spreadsheet.

    Columns: email, name, outlet, beats, country, language, time zone, trusted, do not follow up,
    note. Separate beats by semicolons: health; work. The columns trusted and do not follow up hold
    yes or no; empty means no. Fields for which the file has no column stay as they are. If two
    lines have the same address, the first counts. People who left the list stay off it. If columns
    say who left, bounced or complained, these people get no mail.

    Example: mailer contact import journalists.csv --list press --dry-run"""
    from mailer.app import open_mailer
    from mailer.audience.imports import contacts as imports
    from mailer.audience.imports.topic_names import index_topics
    from mailer.cli.bulk import RowTally, get_file_size, open_progress_bar, open_transactions
    from mailer.intake.contacts import open_contacts

    out = Output(json)
    lawful_basis = check_basis(basis)
    evidence = Evidence(source=source or STAFF_SOURCE, basis=lawful_basis)
    actor = resolve_actor(by)
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(load_settings()))
        with mailer.store.read() as tx:
            contacts.get_private_list(tx, list_slug)
            own_names = parse_topic_names(tx, topic)
            topics = index_topics(tx.lists.list_topics(), own_names)
        choices = build_choices(mapping, ignore, status, dates, sheet, encoding, topics, state)
        contact_file = stack.enter_context(open_contacts(file, choices))
        tally = RowTally(stack, report)
        begin_transaction = stack.enter_context(open_transactions(mailer, out, dry_run=dry_run))
        progress_bar = stack.enter_context(open_progress_bar(get_file_size(file), "reading"))
        pending_rows: list[imports.ContactRow | RowResult] = []
        unknown_columns = {f"the column {head!r}": 0 for head in contact_file.unknown_columns}
        tally.add_results([], unknown_columns, contact_file.notes)
        lines_by_address: dict[str, int] = {}

        def import_pending() -> None:
            with begin_transaction() as tx:
                results = imports.import_contacts(
                    tx,
                    actor,
                    pending_rows,
                    list_slug,
                    mailer.clock(),
                    evidence=evidence,
                    lines_by_address=lines_by_address,
                )
            tally.add_results(results, {})
            pending_rows.clear()
            progress_bar.update_progress(tally.row_count, f"{tally.row_count} lines")

        for parsed_row in contact_file.iterate_rows():
            pending_rows.append(parsed_row)
            if len(pending_rows) == BATCH_SIZE:
                import_pending()
        import_pending()
    print_basis_note(out, lawful_basis)
    print_unknown_topics(tally, out, "add them with `mailer topic add`")
    tally.print_summary(out, file, dry_run=dry_run)


@app.command("list")
def list_contacts(
    list_slug: Annotated[str, typer.Option("--list", help="Only members of this list.")] = "",
    outlet: Annotated[str, typer.Option(help="Only contacts of this outlet.")] = "",
    beat: Annotated[str, typer.Option(help="Only contacts who cover this subject.")] = "",
    trusted: Annotated[
        bool | None,
        typer.Option(
            "--trusted/--untrusted",
            help="Only contacts trusted with embargoed releases, or only others.",
        ),
    ] = None,
    limit: LimitOption = 100,
    after: Annotated[
        str, typer.Option("--after", metavar="ADDRESS", help="Begin after this contact.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """List media contacts, by outlet. If there are more than --limit, a note gives the command for
    the next ones.

    Example: mailer contact list --beat migration"""
    with open_for_reading() as (_, tx):
        query = ContactQuery(
            list_slug,
            outlet,
            contacts.normalise_beat(beat) if beat else "",
            _choose_trust(trusted),
            contacts.get_contact(tx, subscribers.get_subscriber(tx, after)).subscriber.address
            if after
            else "",
            min(limit + 1, MAX_NUMBER),
        )
        found_contacts = tx.subscribers.find_contacts(query)
        matching_contacts = found_contacts[:limit]
        out = Output(json)
        out.print_table(
            matching_contacts,
            {
                "outlet": "",
                "name": "",
                "address": "",
                "beats": "",
                "country": "",
                "language": "",
                "embargoes": "",
                "follow up": "",
            },
            [
                (
                    contact.profile.outlet,
                    contact.subscriber.person.name,
                    contact.subscriber.address,
                    contact.profile.beats,
                    contact.subscriber.person.country,
                    contact.subscriber.person.language,
                    contact.profile.trust,
                    contact.profile.follow_up,
                )
                for contact in matching_contacts
            ],
            empty="no such contact; to add one: mailer contact add ADDRESS --list press --outlet …",
        )
        if len(found_contacts) > limit:
            print_next_page(out, matching_contacts[-1].subscriber.address)


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
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a media contact.

    A contact who is no longer trusted gets no further advance copy, not even one that is being
    sent.

    Example: mailer contact edit ana@example.org --untrusted"""
    out = Output(json)
    changes = _read_changes(outlet, beat, trusted, follow_up, note)
    if not changes:
        raise UsageError("no change was given", hint="see `mailer contact edit --help`")
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        contact = contacts.edit_contact(
            tx,
            actor,
            subscribers.get_subscriber(tx, address),
            changes,
            mailer.clock(),
        )
        out.print_record(contact, _describe_contact(contact).rstrip(","))


@app.command("remove")
def remove_contact(
    address: Address, *, by: ByOption = "", json: JsonOption = False, dry_run: DryRunOption = False
) -> None:
    """Remove a person's profile as a media contact. The person stays on all their lists.

    Example: mailer contact remove ana@example.org"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (_, tx):
        contact = contacts.remove_contact(tx, actor, subscribers.get_subscriber(tx, address))
        out.print_record(contact, f"{address} is no longer a media contact")
