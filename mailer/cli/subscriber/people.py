"""Adding, showing, editing and listing people."""

from typing import Annotated, Any

import typer

from mailer.audience import choices, lists, subscribers
from mailer.audience.consent import Basis, Evidence, check_basis
from mailer.audience.subscribers import STAFF, Person
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output
from mailer.cli.subscriber.common import Address, app, print_memberships
from mailer.errors import UsageError


@app.command("add")
def add(
    address: Address,
    to: Annotated[str, typer.Option("--list", help="The list to put them on.")],
    name: Annotated[str, typer.Option()] = "",
    topic: Annotated[list[str] | None, typer.Option(help="Repeatable; none means all.")] = None,
    language: Annotated[str, typer.Option(help="What they read.")] = "",
    country: Annotated[str, typer.Option(help="Two letters, such as GB.")] = "",
    time_zone: Annotated[str, typer.Option(help="Such as Europe/London.")] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Repeatable.")] = None,
    source: Annotated[str, typer.Option(help="Where they agreed, for the log.")] = "",
    basis: Annotated[str, typer.Option(help=f"Lawful basis: {', '.join(Basis)}.")] = "consent",
    rejoin: Annotated[bool, typer.Option("--rejoin", help="They left, and asked back.")] = False,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Put somebody on a list, or change the topics that they get there.

    Example: [bold]mailer subscriber add ana@example.org --list news --topic health[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        list_ = lists.get_list(tx.lists, to)
        chosen = lists.get_topics(tx.lists, topic or [])
        person, membership = subscribers.subscribe(
            tx.subscribers,
            Person(address, name, language, country, time_zone, tuple(tag or ())),
            list_,
            chosen,
            mailer.clock(),
            evidence=Evidence(source=source or STAFF, basis=check_basis(basis)),
            rejoin=rejoin,
        )
        topics = ", ".join(membership.topics) or "all topics"
        said = f"{person.address} is on {list_.slug!r} ({membership.state}) with {topics}"
        out.record({"subscriber": person, "membership": membership}, said)


@app.command("show")
def show(address: Address, json: JsonOption = False) -> None:
    """Show what is known of somebody. Example: [bold]mailer subscriber show ana@example.org[/]"""
    with reading() as (_, tx):
        person = subscribers.get(tx.subscribers, address)
        found = tx.subscribers.memberships(person)
        why = tx.subscribers.suppression_reason(person.address)
        out = Output(json)
        if json:
            out.json({"subscriber": person, "memberships": found, "suppressed": why})
            return
        out.record(person.person)
        print_memberships(out, found)
        if why:
            out.note(f"must not be mailed: {why}")


@app.command("edit")
def edit(
    address: Address,
    new_address: Annotated[str | None, typer.Option("--address", help="Their new one.")] = None,
    name: Annotated[str | None, typer.Option()] = None,
    language: Annotated[str | None, typer.Option()] = None,
    country: Annotated[str | None, typer.Option()] = None,
    time_zone: Annotated[str | None, typer.Option()] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Replaces them; repeatable.")] = None,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change what is known of somebody.

    Example: [bold]mailer subscriber edit ana@example.org --language es[/]"""
    out = Output(json)
    given = {
        "address": new_address, "name": name, "language": language, "country": country,
        "time_zone": time_zone, "tags": tuple(tag) if tag is not None else None,
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change was given", hint="see `mailer subscriber edit --help`")
    with writing(dry_run, out) as (mailer, tx):
        known = subscribers.get(tx.subscribers, address)
        moved = new_address is not None and new_address.strip() != known.address
        if new_address is not None:
            del changes["address"]
            now = mailer.clock()
            known = choices.change_address(tx.subscribers, known, new_address, now)
        person, changed = subscribers.edit(tx.subscribers, known.address, changes)
        changed = changed or moved
        out.record(person, f"{person.address}: {'changed' if changed else 'unchanged'}")


@app.command("list")
def list_(
    of: Annotated[str, typer.Option("--list", help="Only this list's.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: JsonOption = False,
) -> None:
    """List subscribers, the earliest first. Example: [bold]mailer subscriber list --list news[/]"""
    with reading() as (_, tx):
        wanted = lists.get_list(tx.lists, of) if of else None
        found = []
        for pair in tx.subscribers.each(wanted):
            found.append({"subscriber": pair[0], "membership": pair[1]})
            if len(found) == limit:
                break
        Output(json).table(
            found,
            {"address": "", "name": "", "language": "", "country": "", "state": "", "topics": ""},
            [_row(one["subscriber"], one["membership"]) for one in found],
            empty="no subscriber yet: mailer subscriber import FILE --list news",
        )


def _row(subscriber: Any, membership: Any) -> tuple[Any, ...]:
    person = subscriber.person
    state = membership.state if membership else ""
    topics = (membership.topics or "all") if membership else ""
    return person.address, person.name, person.language, person.country, state, topics
