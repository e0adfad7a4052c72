"""``mailer contact``: journalists, and what the press office knows of them."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from mailer.app import Mailer, open_mailer
from mailer.audience import contacts, lists, subscribers
from mailer.audience.consent import Basis, Evidence, check_basis
from mailer.audience.contacts import Contact, FollowUp, Query, Standing, Trust
from mailer.audience.lists import MailingList, Visibility
from mailer.audience.rows import RowOutcome, RowResult
from mailer.audience.subscribers import STAFF, MembershipState, Person
from mailer.cli.bulk import Tally, bar, size_of, transactions
from mailer.cli.options import DryRunOption, JsonOption, reading, settings, writing
from mailer.cli.output import Output
from mailer.errors import InputError, Refused
from mailer.intake.contacts import ContactRow, rows, unnamed
from mailer.store import Transaction

app = typer.Typer(no_args_is_help=True, help="Media contacts: who writes, for whom, about what.")

Address = Annotated[str, typer.Argument(help="Whose.")]
Outlet = Annotated[str | None, typer.Option(help="For whom they write.")]
Beats = Annotated[
    list[str] | None, typer.Option("--beat", help="What they write about; repeatable.")
]
Trusted = Annotated[
    bool | None,
    typer.Option("--trusted/--untrusted", help="Whether they get embargoed releases early."),
]
Followed = Annotated[
    bool | None,
    typer.Option("--follow-up/--no-follow-up", help="Whether they want to be asked afterwards."),
]
Note = Annotated[str | None, typer.Option(help="For colleagues.")]
BATCH = 200


@app.command("add")
def add(
    address: Address,
    to: Annotated[str, typer.Option("--list", help="The private list to put them on.")],
    outlet: Outlet = None,
    beat: Beats = None,
    trusted: Trusted = None,
    follow_up: Followed = None,
    note: Note = None,
    name: Annotated[str, typer.Option()] = "",
    language: Annotated[str, typer.Option(help="What they read.")] = "",
    country: Annotated[str, typer.Option(help="Two letters, such as GB.")] = "",
    time_zone: Annotated[str, typer.Option(help="Such as Europe/London.")] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(Basis)}.")
    ] = Basis.LEGITIMATE_INTERESTS,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put a journalist on a private list.

    Example: [bold]mailer contact add ana@example.org --list press --outlet "The Example" \\
    --beat migration --trusted[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        list_ = _private(tx, to)
        person, _ = subscribers.subscribe(
            tx.subscribers,
            Person(address, name, language, country, time_zone),
            list_,
            lists.get_topics(tx.lists, _topics(tx, address, to)),
            mailer.clock(),
            evidence=Evidence(source=STAFF, basis=check_basis(basis)),
        )
        known = tx.contacts.find(person)
        standing = _changed(
            known.standing if known else Standing(), outlet, beat, trusted, follow_up, note
        )
        made, _ = contacts.save(tx.contacts, person, standing, mailer.clock())
        out.record(made, f"{_said(made)} is on {to!r}")


def _private(tx: Transaction, slug: str) -> MailingList:
    list_ = lists.get_list(tx.lists, slug)
    if list_.visibility is not Visibility.PRIVATE:
        raise Refused(
            f"{slug!r} is a public list, which anybody may join",
            hint="media contacts stand on a private one: mailer list add press --name Press "
            "--visibility private",
        )
    return list_


def _topics(tx: Transaction, address: str, to: str) -> tuple[str, ...]:
    """The topics that somebody has chosen on a list: they stay."""
    known = tx.subscribers.find_subscriber(address.strip().lower())
    if known is None:
        return ()
    return next((one.topics for one in tx.subscribers.memberships(known) if one.list == to), ())


def _changed(
    known: Standing,
    outlet: str | None,
    beat: list[str] | None,
    trusted: bool | None,
    follow_up: bool | None,
    note: str | None,
) -> Standing:
    return Standing(
        outlet=known.outlet if outlet is None else outlet,
        beats=known.beats if beat is None else tuple(beat),
        trust=known.trust if trusted is None else (Trust.TRUSTED if trusted else Trust.UNTRUSTED),
        follow_up=known.follow_up
        if follow_up is None
        else (FollowUp.WELCOME if follow_up else FollowUp.NEVER),
        note=known.note if note is None else note,
    )


def _said(one: Contact) -> str:
    beats = f" ({', '.join(one.standing.beats)})" if one.standing.beats else ""
    outlet = f" of {one.standing.outlet}" if one.standing.outlet else ""
    return f"{one.subscriber.address}{outlet}{beats}, {one.standing.trust} with embargoes,"


@app.command("list")
def list_(
    of: Annotated[str, typer.Option("--list", help="Only of this list.")] = "",
    outlet: Annotated[str, typer.Option(help="Only of this outlet.")] = "",
    beat: Annotated[str, typer.Option(help="Only those who write about this.")] = "",
    trusted: Trusted = None,
    json: JsonOption = False,
) -> None:
    """List media contacts, by outlet. Example: [bold]mailer contact list --beat migration[/]"""
    trust = None if trusted is None else (Trust.TRUSTED if trusted else Trust.UNTRUSTED)
    with reading() as (_, tx):
        wanted = Query(of, outlet, contacts.beat(beat) if beat else "", trust)
        found = tx.contacts.matching(wanted)
        Output(json).table(
            found,
            {
                "outlet": "", "name": "", "address": "", "beats": "", "country": "",
                "language": "", "embargoes": "", "follow up": "",
            },
            [
                (
                    one.standing.outlet, one.subscriber.person.name, one.subscriber.address,
                    one.standing.beats, one.subscriber.person.country,
                    one.subscriber.person.language, one.standing.trust, one.standing.follow_up,
                )
                for one in found
            ],
            empty="no media contact here: mailer contact add ADDRESS --list press --outlet …",
        )  # fmt: skip


@app.command("show")
def show(address: Address, json: JsonOption = False) -> None:
    """Show a media contact. Example: [bold]mailer contact show ana@example.org[/]"""
    with reading() as (_, tx):
        known = contacts.get(tx.contacts, subscribers.get(tx.subscribers, address))
        out = Output(json)
        if json:
            out.json(known)
            return
        out.record(known.subscriber.person)
        out.record(known.standing)


@app.command("edit")
def edit(
    address: Address,
    outlet: Outlet = None,
    beat: Beats = None,
    trusted: Trusted = None,
    follow_up: Followed = None,
    note: Note = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change what is known of a media contact. Who is not trusted any more gets no advance copy
    from now on, also of those that are being sent.

    Example: [bold]mailer contact edit ana@example.org --untrusted[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        known = contacts.get(tx.contacts, subscribers.get(tx.subscribers, address))
        wanted = _changed(known.standing, outlet, beat, trusted, follow_up, note)
        made, _ = contacts.save(tx.contacts, known.subscriber, wanted, mailer.clock())
        out.record(made, _said(made).rstrip(","))


@app.command("remove")
def remove(address: Address, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Forget what is known of somebody as a journalist; they stay on their lists.

    Example: [bold]mailer contact remove ana@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (_, tx):
        known = contacts.remove(tx.contacts, subscribers.get(tx.subscribers, address))
        out.record(known, f"{address} is no media contact any more")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header.")],
    to: Annotated[str, typer.Option("--list", help="The private list to put them on.")],
    source: Annotated[str, typer.Option(help="Where the addresses are from, for the log.")] = "",
    basis: Annotated[
        str, typer.Option(help=f"Lawful basis: {', '.join(Basis)}.")
    ] = Basis.LEGITIMATE_INTERESTS,
    report: Annotated[Path | None, typer.Option(help="Write what became of each line.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Bring in media contacts from a CSV file: email, name, outlet, beats, country, language,
    time zone, trusted, do not follow up, note.

    Several beats stand between semicolons: [bold]health; work[/]. Trusted and do not follow up are
    yes or no; empty is no. What the file has no column for stays as it is known. Of two lines with
    one address the first counts. Whoever has left the list stays off it.

    Example: [bold]mailer contact import journalists.csv --list press --dry-run[/]"""
    out = Output(json)
    evidence = Evidence(source=source or STAFF, basis=check_basis(basis))
    with ExitStack() as stack:
        mailer = stack.enter_context(open_mailer(settings()))
        with mailer.store.read() as tx:
            _private(tx, to)
            topics = frozenset(one.slug for one in tx.lists.topics())
        tally = Tally(
            stack,
            report,
            (
                RowOutcome.ADDED, RowOutcome.UPDATED, RowOutcome.UNCHANGED, RowOutcome.SKIPPED,
                RowOutcome.REFUSED,
            ),
        )  # fmt: skip
        begin = stack.enter_context(transactions(mailer, out, dry_run=dry_run))
        shown = stack.enter_context(bar(size_of(file), "reading"))
        waiting: list[ContactRow | RowResult] = []
        tally.add([], {f"the column {head!r}": 0 for head in unnamed(file)})
        seen: dict[str, int] = {}

        def bring_in() -> None:
            with begin() as tx:
                tally.add([_row(mailer, tx, to, one, evidence, seen) for one in waiting], {})
            waiting.clear()
            shown.show(tally.rows, f"{tally.rows} lines")

        for one in rows(file, topics):
            waiting.append(one)
            if len(waiting) == BATCH:
                bring_in()
        bring_in()
    tally.tell(out, file, dry_run=dry_run)


def _row(
    mailer: Mailer,
    tx: Transaction,
    to: str,
    one: ContactRow | RowResult,
    evidence: Evidence,
    seen: dict[str, int],
) -> RowResult:
    """What becomes of a line. `seen` are the addresses of those before it."""
    if isinstance(one, RowResult):
        return one
    row, now = one.row, mailer.clock()
    first = seen.setdefault(row.person.address, row.line)
    if first != row.line:
        return RowResult(
            row.line, RowOutcome.SKIPPED, row.person.address, f"line {first} has this address"
        )
    try:
        with tx.savepoint():
            known = tx.subscribers.find_subscriber(row.person.address)
            before = tx.subscribers.memberships(known) if known else ()
            chosen = row.topics or _topics(tx, row.person.address, to)
            person, _ = subscribers.subscribe(
                tx.subscribers,
                row.person,
                lists.get_list(tx.lists, to),
                lists.get_topics(tx.lists, chosen),
                now,
                language=row.language,
                evidence=evidence,
            )
            earlier = tx.contacts.find(person)
            wanted = one.over(earlier.standing if earlier else None)
            _, changed = contacts.save(tx.contacts, person, wanted, now)
            after = tx.subscribers.memberships(person)
    except Refused as error:
        return RowResult(row.line, RowOutcome.SKIPPED, row.person.address, error.what)
    except InputError as error:
        return RowResult(row.line, RowOutcome.REFUSED, row.person.address, str(error))
    if not any(one.list == to and one.state is MembershipState.ACTIVE for one in before):
        outcome = RowOutcome.ADDED
    elif earlier is None or changed or (known and known.person != person.person) or before != after:
        outcome = RowOutcome.UPDATED
    else:
        outcome = RowOutcome.UNCHANGED
    return RowResult(row.line, outcome, row.person.address)
