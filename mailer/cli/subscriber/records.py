"""What is stored about somebody."""

import json as json_
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import addresses
from mailer.audience import consent, erasure, preferences, subscribers
from mailer.cli.bulk import write_file_atomically
from mailer.cli.options import (
    DryRunOption,
    JsonOption,
    open_for_reading,
    open_for_writing,
    resolve_actor,
)
from mailer.cli.output import Output, error_console, to_plain_data
from mailer.cli.subscriber.common import Address, app, print_memberships
from mailer.model.signup import Confirmation, ConfirmationState
from mailer.model.subscribers import ConsentEntry, Membership, Wording

_OPEN_STATES = (ConfirmationState.ASKED, ConfirmationState.MAILED)


@app.command("history")
def show_history(address: Address, json: JsonOption = False) -> None:
    """Show the log of consent of an address: who agreed to what, when, where, on which basis.

    After an erasure too: what it has left is found by the address's hash.

    Example: [bold]mailer subscriber history ana@example.org[/]"""
    out = Output(json)
    with open_for_reading() as (_, tx):
        normal_address = addresses.normalise_address(address)
        entries = consent.list_consent_entries(tx, normal_address)
        open_confirmations = [
            entry
            for entry in tx.sign_ups.list_for_address(normal_address)
            if entry.state in _OPEN_STATES
        ]
        subscriber = tx.subscribers.find_subscriber(normal_address)
        memberships = tx.subscribers.list_memberships(subscriber) if subscriber else ()
        suppression_reason = tx.subscribers.find_suppression_reason(normal_address)
    if json:
        out.print_json(
            {
                "address": normal_address,
                "entries": [_format_entry(entry) for entry in entries],
                "waiting": open_confirmations,
                "memberships": memberships,
                "suppressed": suppression_reason,
            }
        )
        return
    out.print_table(
        entries,
        {"when": "", "act": "", "list": "", "source": "", "basis": "", "wording": "", "detail": ""},
        [
            (
                entry.at,
                entry.act,
                entry.list,
                entry.source,
                entry.basis or "",
                _shorten_hash(entry.wording),
                entry.detail,
            )
            for entry in entries
        ],
        empty=f"the log of consent holds nothing of {normal_address}",
    )
    for wording in dict.fromkeys(entry.wording for entry in entries if entry.wording):
        out.print_record(
            wording, f"\nwording {_shorten_hash(wording)} ({wording.language}): {wording.text}"
        )
    for confirmation in open_confirmations:
        out.print_record(confirmation, _describe_pending(confirmation))
    if subscriber:
        print_memberships(out, memberships)
    if suppression_reason:
        out.print_note(f"must not be mailed: {suppression_reason}")


def _format_entry(entry: ConsentEntry) -> dict[str, Any]:
    wording = entry.wording
    return {
        "at": entry.at,
        "act": entry.act,
        "list": entry.list,
        "address": entry.address,
        "source": entry.source,
        "basis": entry.basis,
        "wording": {
            "version": _shorten_hash(wording),
            "language": wording.language,
            "text": wording.text,
        }
        if wording
        else None,
        "detail": entry.detail,
    }


def _shorten_hash(wording: Wording | None) -> str:
    """As much of a wording's hash as tells it from others."""
    return wording.key[:12] if wording else ""


def _describe_pending(confirmation: Confirmation) -> str:
    list_names = ", ".join(confirmation.wishes.lists) or "a new address"
    return f"not answered yet: {list_names}, asked {confirmation.asked_at:%Y-%m-%d %H:%M} UTC ({confirmation.source})"


@app.command("data")
def export_data(
    address: Address,
    file: Annotated[Path | None, typer.Argument(help="Where to; else stdout.")] = None,
) -> None:
    """Write down all that is stored about somebody, as JSON: the answer to a request for access.

    Example: [bold]mailer subscriber data ana@example.org ana.json[/]"""
    with open_for_reading() as (_, tx):
        stored_data = erasure.collect_personal_data(tx, subscribers.get_subscriber(tx, address))
    text = json_.dumps(to_plain_data(stored_data), ensure_ascii=False, indent=2) + "\n"
    if file is None:
        Output().print_text(text)
        return
    write_file_atomically(file, lambda out: out.write(text))
    error_console.print(f"written to {file}")


@app.command("erase")
def erase_subscriber(
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
    with open_for_writing(dry_run, out) as (mailer, tx):
        now = mailer.clock()
        was_known = erasure.erase_person(tx, resolve_actor(""), address, now, may_return=may_return)
        message = "all that was stored of it is erased" if was_known else "no subscriber had it"
        out.print_record(
            {"known": was_known}, message if may_return else f"{message}; it must not be mailed"
        )


@app.command("merge")
def merge_subscribers(
    gone: Annotated[str, typer.Argument(help="The address that is no longer used.")],
    kept: Annotated[str, typer.Argument(help="The address that stays.")],
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make one person of two. Links in mails to the address that goes lead to the one that stays.

    On a list that both are on, what happened last counts: who left it last has left.

    Example: [bold]mailer subscriber merge ana@old.example ana@example.org[/]"""
    out = Output(json)
    with open_for_writing(dry_run, out) as (mailer, tx):
        gone_subscriber, remaining_subscriber = (
            subscribers.get_subscriber(tx, gone),
            subscribers.get_subscriber(tx, kept),
        )
        gone_memberships = {
            membership.list: membership
            for membership in tx.subscribers.list_memberships(gone_subscriber)
        }
        own_memberships = {
            membership.list: membership
            for membership in tx.subscribers.list_memberships(remaining_subscriber)
        }
        suppression_reason = tx.subscribers.find_suppression_reason(gone_subscriber.address)
        merged_subscriber = preferences.merge_subscribers(
            tx, resolve_actor(""), gone_subscriber, remaining_subscriber, mailer.clock()
        )
        merged_memberships = {
            membership.list: membership
            for membership in tx.subscribers.list_memberships(merged_subscriber)
        }
        lists = [
            {
                "list": slug,
                "gone": gone_memberships.get(slug),
                "kept": own_memberships.get(slug),
                "became": membership,
            }
            for slug, membership in merged_memberships.items()
        ]
        if json:
            out.print_json(
                {"subscriber": merged_subscriber, "gone": gone_subscriber.address, "lists": lists}
            )
            return
        out.print_record(
            merged_subscriber,
            f"{gone_subscriber.address} is {merged_subscriber.address} from now on",
        )
        out.print_table(
            lists,
            {"list": "", gone_subscriber.address: "", merged_subscriber.address: "", "became": ""},
            [
                (
                    slug,
                    _describe_membership(gone_memberships.get(slug)),
                    _describe_membership(own_memberships.get(slug)),
                    _describe_membership(membership),
                )
                for slug, membership in merged_memberships.items()
            ],
            empty="on no list",
        )
        if suppression_reason:
            out.print_note(
                f"{gone_subscriber.address} still must not be mailed: {suppression_reason}"
            )


def _describe_membership(membership: Membership | None) -> str:
    if membership is None:
        return "not on it"
    return f"{membership.state}, {', '.join(membership.topics) or 'all topics'}, {membership.frequency}"
