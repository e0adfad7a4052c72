"""What is stored about somebody."""

import json as json_
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer.audience import addresses, choices, consent, erasure, subscribers
from mailer.audience.confirmations import Confirmation, ConfirmationState
from mailer.audience.consent import Entry, Wording
from mailer.audience.subscribers import Membership
from mailer.cli.bulk import write_whole
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output, errors, plain
from mailer.cli.subscriber.common import Address, app, print_memberships

_OPEN = (ConfirmationState.ASKED, ConfirmationState.MAILED)


@app.command("history")
def history(address: Address, json: JsonOption = False) -> None:
    """Show the log of consent of an address: who agreed to what, when, where, on which basis.

    After an erasure too: what it has left is found by the address's hash.

    Example: [bold]mailer subscriber history ana@example.org[/]"""
    out = Output(json)
    with reading() as (_, tx):
        normal = addresses.normalise(address)
        entries = consent.history(tx.subscribers, normal)
        waiting = [one for one in tx.confirmations.of_address(normal) if one.state in _OPEN]
        person = tx.subscribers.find_subscriber(normal)
        found = tx.subscribers.memberships(person) if person else ()
        why = tx.subscribers.suppression_reason(normal)
    if json:
        out.json(
            {
                "address": normal,
                "entries": [_entry(one) for one in entries],
                "waiting": waiting,
                "memberships": found,
                "suppressed": why,
            }
        )
        return
    out.table(
        entries,
        {"when": "", "act": "", "list": "", "source": "", "basis": "", "wording": "", "detail": ""},
        [
            (
                one.at,
                one.act,
                one.list,
                one.source,
                one.basis or "",
                _version(one.wording),
                one.detail,
            )
            for one in entries
        ],
        empty=f"the log of consent holds nothing of {normal}",
    )
    for shown in dict.fromkeys(one.wording for one in entries if one.wording):
        out.record(shown, f"\nwording {_version(shown)} ({shown.language}): {shown.text}")
    for asked in waiting:
        out.record(asked, _waiting(asked))
    if person:
        print_memberships(out, found)
    if why:
        out.note(f"must not be mailed: {why}")


def _entry(one: Entry) -> dict[str, Any]:
    shown = one.wording
    return {
        "at": one.at,
        "act": one.act,
        "list": one.list,
        "address": one.address,
        "source": one.source,
        "basis": one.basis,
        "wording": {"version": _version(shown), "language": shown.language, "text": shown.text}
        if shown
        else None,
        "detail": one.detail,
    }


def _version(shown: Wording | None) -> str:
    """As much of a wording's hash as tells it from others."""
    return shown.key[:12] if shown else ""


def _waiting(asked: Confirmation) -> str:
    what = ", ".join(asked.wishes.lists) or "a new address"
    return f"not answered yet: {what}, asked {asked.asked_at:%Y-%m-%d %H:%M} UTC ({asked.source})"


@app.command("data")
def data(
    address: Address,
    file: Annotated[Path | None, typer.Argument(help="Where to; else stdout.")] = None,
) -> None:
    """Write down all that is stored about somebody, as JSON: the answer to a request for access.

    Example: [bold]mailer subscriber data ana@example.org ana.json[/]"""
    with reading() as (_, tx):
        held = erasure.everything(tx.subscribers, subscribers.get(tx.subscribers, address))
    text = json_.dumps(plain(held), ensure_ascii=False, indent=2) + "\n"
    if file is None:
        Output().text(text)
        return
    write_whole(file, lambda out: out.write(text))
    errors.print(f"written to {file}")


@app.command("erase")
def erase(
    address: Address,
    may_return: Annotated[
        bool, typer.Option("--may-return", help="Keep no hash that stops a new sign-up.")
    ] = False,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take out all that is stored of an address, and of those that its owner had before.

    A keyed hash of each stays, and stops mail to it.

    Example: [bold]mailer subscriber erase ana@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        now = mailer.clock()
        known = erasure.erase(tx.subscribers, address, now, may_return=may_return)
        said = "all that was stored of it is erased" if known else "no subscriber had it"
        out.record({"known": known}, said if may_return else f"{said}; it must not be mailed")


@app.command("merge")
def merge(
    gone: Annotated[str, typer.Argument(help="The address that is no longer used.")],
    kept: Annotated[str, typer.Argument(help="The address that stays.")],
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make one person of two. Links in mails to the address that goes lead to the one that stays.

    On a list that both are on, what happened last counts: who left it last has left.

    Example: [bold]mailer subscriber merge ana@old.example ana@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        people = tx.subscribers
        first, second = subscribers.get(people, gone), subscribers.get(people, kept)
        theirs = {one.list: one for one in people.memberships(first)}
        own = {one.list: one for one in people.memberships(second)}
        why = people.suppression_reason(first.address)
        person = choices.merge_people(people, first, second, mailer.clock())
        became = {one.list: one for one in people.memberships(person)}
        lists = [
            {"list": slug, "gone": theirs.get(slug), "kept": own.get(slug), "became": one}
            for slug, one in became.items()
        ]
        if json:
            out.json({"subscriber": person, "gone": first.address, "lists": lists})
            return
        out.record(person, f"{first.address} is {person.address} from now on")
        out.table(
            lists,
            {"list": "", first.address: "", person.address: "", "became": ""},
            [
                (slug, _standing(theirs.get(slug)), _standing(own.get(slug)), _standing(one))
                for slug, one in became.items()
            ],
            empty="on no list",
        )
        if why:
            out.note(f"{first.address} still must not be mailed: {why}")


def _standing(one: Membership | None) -> str:
    if one is None:
        return "not on it"
    return f"{one.state}, {', '.join(one.topics) or 'all topics'}, {one.frequency}"
