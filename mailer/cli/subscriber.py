"""``mailer subscriber``: people, and their membership of lists."""

import csv
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mailer.app import Mailer, open_mailer
from mailer.audience import choices, erasure, lists, subscribers
from mailer.audience.consent import Basis, Evidence, check_basis
from mailer.audience.rows import Column, RowOutcome, RowResult
from mailer.audience.subscribers import STAFF, Person
from mailer.cli.options import DryRunOption, JsonOption, pairs, reading, settings, writing
from mailer.cli.output import Output, errors
from mailer.errors import InputError, PartlyDone, UsageError
from mailer.intake import table
from mailer.store import Transaction

app = typer.Typer(no_args_is_help=True, help="Subscribers, and their membership of lists.")

Address = Annotated[str, typer.Argument(help="Their mail address.")]
NAMED = 20
"""How many rows are named on the terminal; the report file has them all."""
KEPT = 1000
"""How many rows are named in JSON: memory does not grow with the file."""
_NAMED = (RowOutcome.REFUSED, RowOutcome.SKIPPED)


@app.command()
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


@app.command()
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
        out.table(
            found,
            {"list": "", "state": "", "topics": "", "language": "", "joined": "", "left": ""},
            [
                (m.list, m.state, m.topics or "all", m.language, m.joined_at, m.left_at)
                for m in found
            ],
            empty="on no list",
        )
        if why:
            out.note(f"must not be mailed: {why}")


@app.command()
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


@app.command()
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


@app.command()
def erase(
    address: Address,
    may_return: Annotated[
        bool, typer.Option("--may-return", help="Keep no hash that stops a new sign-up.")
    ] = False,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take out all that is stored of an address; a keyed hash stays, and stops mail to it.

    Example: [bold]mailer subscriber erase ana@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        now = mailer.clock()
        known = erasure.erase(tx.subscribers, address, now, may_return=may_return)
        said = "all that was stored of it is erased" if known else "no subscriber had it"
        out.record({"known": known}, said if may_return else f"{said}; it must not be mailed")


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


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header.")],
    to: Annotated[str, typer.Option("--list", help="The list to put them on.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help=f"HEADER=COLUMN, where COLUMN is {', '.join(Column)}."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of each line to this CSV file.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where these people come from.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Import people from a CSV file onto a list, a thousand rows a transaction.

    Known people are updated where the file tells more; nobody who left or must not be mailed is
    brought back. Refused rows are named by line (exit code 4).

    Example: [bold]mailer subscriber import people.csv --list news --map "E-Mail 1=address"[/]"""
    out = Output(json)
    counts: dict[RowOutcome, int] = dict.fromkeys(RowOutcome, 0)
    named: list[RowResult] = []
    with ExitStack() as stack:
        writer = _report(stack, report)
        with reading() as (_, tx):
            list_ = lists.get_list(tx.lists, to)
            topics = frozenset(topic.slug for topic in tx.lists.topics())
        bar = stack.enter_context(_bar())
        task = bar.add_task("importing", total=file.stat().st_size if file.is_file() else None)
        mailer = stack.enter_context(open_mailer(settings()))
        dry = stack.enter_context(_one_transaction(mailer, out)) if dry_run else None
        for batch in table.batches(file, pairs(mapping, "--map"), topics):
            with nullcontext(dry) if dry else mailer.store.begin() as tx:
                results = tx.rows.bring_in(
                    batch.rows, list_, source or f"import of {file.name}", mailer.clock()
                )
            for one in sorted([*batch.refused, *results], key=lambda result: result.line):
                counts[one.outcome] += 1
                if one.outcome in _NAMED and len(named) < KEPT:
                    named.append(one)
                if writer:
                    writer.writerow([one.line, one.outcome.value, one.address, one.reason])
            bar.update(task, completed=batch.bytes_read)
    data: dict[str, Any] = {outcome.value: count for outcome, count in counts.items()}
    data["named"] = named
    said = ", ".join(f"{outcome} {count}" for outcome, count in counts.items())
    out.record(data, said)
    for one in named[:NAMED]:
        out.note(f"line {one.line}: {one.outcome}: {one.address} {one.reason}".rstrip())
    more = sum(counts[outcome] for outcome in _NAMED) - NAMED
    if more > 0:
        out.note(f"… and {more} more lines; --report FILE writes them all down")
    if counts[RowOutcome.REFUSED]:
        raise PartlyDone(
            f"{counts[RowOutcome.REFUSED]} rows were refused",
            where=str(file),
            hint="the others are in; mend these and import the file again",
        )


@contextmanager
def _one_transaction(mailer: Mailer, out: Output) -> Iterator[Transaction]:
    """All batches of a dry run in one transaction, undone at its end."""
    try:
        with mailer.store.begin() as tx:
            yield tx
            raise _UndoError
    except _UndoError:
        out.note("dry run: nothing was written")


class _UndoError(Exception):
    """Leaves the transaction of a dry run."""


def _report(stack: ExitStack, path: Path | None) -> Any:
    if path is None:
        return None
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise InputError(f"it can't be written ({error.strerror})", where=str(path)) from error
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["line", "outcome", "address", "reason"])
    return writer


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; else stdout.")] = None,
    of: Annotated[str, typer.Option("--list", help="Only this list's, with their topics.")] = "",
) -> None:
    """Export people as CSV that `import` reads back.

    Example: [bold]mailer subscriber export news.csv --list news[/]"""
    with reading() as (_, tx):
        wanted = lists.get_list(tx.lists, of) if of else None
        people = tx.subscribers.each(wanted)
        if file is None:
            table.write(people, sys.stdout)
            return
        part = file.with_name(f".{file.name}.part")
        try:
            with part.open("w", encoding="utf-8", newline="") as out:
                count = table.write(people, out)
            part.replace(file)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InputError(f"it can't be written ({error.strerror})", where=str(file)) from error
        errors.print(f"{count} written to {file}")
