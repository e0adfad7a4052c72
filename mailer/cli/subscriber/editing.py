"""Changing one reader: their data, their choices on a list, and their address."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailer.audience import lists, staff_edits, subscribers
from mailer.audience.staff_edits import EditedReader, ReaderChanges
from mailer.audience.subscribers import STAFF_SOURCE, describe_membership
from mailer.cli.options import (
    ByOption,
    DryRunOption,
    JsonOption,
    parse_pairs,
    resolve_actor,
)
from mailer.cli.output import Output
from mailer.cli.subscriber.group import ONE_PERSON, Address, FieldOption, app
from mailer.cli.transactions import open_for_writing
from mailer.errors import UsageError
from mailer.model.lists import Frequency
from mailer.model.subscribers import Subscriber

if TYPE_CHECKING:
    from mailer.actor import Actor
    from mailer.app import Mailer
    from mailer.store import SqlTransaction


@app.command("edit", rich_help_panel=ONE_PERSON)
def edit_subscriber(
    address: Address,
    new_address: Annotated[
        str | None,
        typer.Option("--address", help="The new mail address; its owner gets a mail to confirm."),
    ] = None,
    confirmed: Annotated[
        bool,
        typer.Option(
            "--confirmed", help="Change the address at once: the person asked, as --source says."
        ),
    ] = False,
    name: Annotated[str | None, typer.Option(help="The person's name.")] = None,
    language: Annotated[
        str | None, typer.Option(help="The language that the person reads.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(help="The two-letter country code, such as GB.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="An IANA time zone, such as Europe/London.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A tag for staff; repeatable; the given tags replace the earlier ones."),
    ] = None,
    field: FieldOption = None,
    list_slug: Annotated[
        str, typer.Option("--list", help="The list that the next four options concern.")
    ] = "",
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic on the list; repeatable; replaces the earlier ones."),
    ] = None,
    all_topics: Annotated[
        bool, typer.Option("--all-topics", help="All topics on the list, also later ones.")
    ] = False,
    frequency: Annotated[
        Frequency | None, typer.Option(help="How often the person gets mails of the list.")
    ] = None,
    list_language: Annotated[
        str | None,
        typer.Option(help="The language of the list's mails; empty: the person's own."),
    ] = None,
    source: Annotated[
        str, typer.Option(help="How the person asked for it, for the log of consent.")
    ] = STAFF_SOURCE,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Change a subscriber: their name, language, zone and fields, and their choices on a list.

    `mailer subscriber history` shows what changed and who changed it, without names and values of
    fields. `--field NAME=` removes a value.

    A new address gets a mail, as when readers change their address themselves, and the address
    changes when its owner confirms. With --confirmed and --source it changes at once.

    Example: mailer subscriber edit ana@example.org --list news --topic health --frequency weekly"""
    if topic and all_topics:
        raise UsageError("topics and all topics were both given", hint="give one of them")
    out = Output(json)
    person_options = {
        "name": name,
        "language": language,
        "country": country,
        "time_zone": time_zone,
        "tags": tuple(tag) if tag is not None else None,
    }
    membership_options = {
        "topics": () if all_topics else topic,
        "frequency": frequency,
        "language": list_language,
    }
    changes = ReaderChanges(
        person=_select_given(person_options),
        fields=parse_pairs(field, "--field", allow_empty=True),
        membership=_select_given(membership_options),
    )
    if not (changes.person or changes.fields or changes.membership or new_address):
        raise UsageError("no change was given", hint="see `mailer subscriber edit --help`")
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        mailing_list = lists.get_list(tx, list_slug) if list_slug else None
        lists.get_topics(tx, topic or [])
        subscriber = subscribers.get_subscriber(tx, address)
        edited = staff_edits.edit_reader(
            tx,
            actor,
            subscriber,
            changes,
            mailer.clock(),
            declared_fields=mailer.reader_fields,
            mailing_list=mailing_list,
            source=source,
        )
        current, notes = edited.subscriber, list(edited.changed)
        if new_address:
            current, note = _change_address(
                mailer, tx, actor, current, new_address, source, confirmed=confirmed
            )
            notes += [note] if note else []
        data = {
            "subscriber": current,
            "membership": edited.membership,
            "changed": edited.changed,
        }
        out.print_record(data, f"{current.address}: {_describe_changes(edited, notes)}")


def _select_given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _change_address(
    mailer: "Mailer",
    tx: "SqlTransaction",
    actor: "Actor",
    subscriber: Subscriber,
    new_address: str,
    source: str,
    *,
    confirmed: bool,
) -> tuple[Subscriber, str]:
    """Change the address, or ask its owner to confirm the change. Returns (subscriber, what was
    done)."""
    if confirmed:
        moved = staff_edits.change_confirmed_address(
            tx, actor, subscriber, new_address, mailer.clock(), source=source
        )
        return moved, "address" if moved.address != subscriber.address else ""
    pending_address = staff_edits.request_new_address(
        tx,
        actor,
        subscriber,
        new_address,
        mailer.settings.defaults.language,
        mailer.sign_up_limits.per_address,
        mailer.clock(),
        source=source,
    )
    return subscriber, f"{pending_address} gets a mail to confirm the new address"


def _describe_changes(edited: EditedReader, notes: list[str]) -> str:
    if not notes:
        return "unchanged"
    text = "changed (" + "; ".join(notes) + ")"
    if edited.membership:
        text += f"; on {edited.membership.list}: {describe_membership(edited.membership)}"
    return text
