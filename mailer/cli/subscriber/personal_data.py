"""Showing, exporting, merging and erasing what is stored about a person."""

import json as json_
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import addresses
from mailer.actor import Actor
from mailer.audience import consent, erasure, preferences, subscribers
from mailer.cli.bulk import write_file_atomically
from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output, error_console
from mailer.cli.subscriber.group import STORED_DATA, Address, app
from mailer.cli.subscriber.people import print_memberships
from mailer.cli.transactions import load_settings, open_for_reading, open_for_writing
from mailer.model.signup import Confirmation, ConfirmationState
from mailer.model.subscribers import ConsentEntry, Membership, Wording
from mailer.plain_data import to_plain_data

_OPEN_STATES = (ConfirmationState.ASKED, ConfirmationState.MAILED)


@app.command("history", rich_help_panel=STORED_DATA)
def show_history(address: Address, json: JsonOption = False) -> None:
    """Show an address's log of consent: who agreed to what, when, where and on which basis.

    This works even after an erasure: the remaining entries are found by the address's hash.

    Example: mailer subscriber history ana@example.org"""
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
        {
            "time": "",
            "act": "",
            "list": "",
            "by": "",
            "source": "",
            "basis": "",
            "wording": "",
            "detail": "",
        },
        [
            (
                entry.at,
                entry.act,
                entry.list,
                entry.actor_key,
                entry.source,
                entry.basis or "",
                _shorten_hash(entry.wording),
                _describe_detail(entry),
            )
            for entry in entries
        ],
        empty=f"the log of consent has no entry for {normal_address}",
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
        "actor": entry.actor_key,
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


def _describe_detail(entry: ConsentEntry) -> str:
    reason = entry.reason.value.replace("_", " ") if entry.reason else ""
    return ": ".join(filter(None, (reason, entry.detail)))


def _shorten_hash(wording: Wording | None) -> str:
    """Return the beginning of a wording's hash, long enough to tell wordings apart."""
    return wording.key[:12] if wording else ""


def _describe_pending(confirmation: Confirmation) -> str:
    list_names = ", ".join(confirmation.wishes.lists) or "a new address"
    requested_at = f"{confirmation.asked_at:%Y-%m-%d %H:%M} UTC"
    return f"not answered yet: {list_names}, asked {requested_at} ({confirmation.source})"


@app.command("data", rich_help_panel=STORED_DATA)
def export_data(
    address: Address,
    file: Annotated[Path | None, typer.Argument(help="The file to write; default: stdout.")] = None,
) -> None:
    """Export everything that is stored about a person as JSON, to answer a request for access.

    Example: mailer subscriber data ana@example.org ana.json"""
    with open_for_reading() as (_, tx):
        stored_data = erasure.collect_personal_data(tx, subscribers.get_subscriber(tx, address))
    text = json_.dumps(to_plain_data(stored_data), ensure_ascii=False, indent=2) + "\n"
    if file is None:
        Output().print_text(text)
        return
    write_file_atomically(file, lambda out: out.write(text))
    error_console.print(f"written to {file}")


@app.command("merge", rich_help_panel=STORED_DATA)
def merge_subscribers(
    unused_address: Annotated[str, typer.Argument(help="The address that is no longer used.")],
    remaining_address: Annotated[str, typer.Argument(help="The address that stays.")],
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Merge two subscribers into one person.

    Links in mails to the unused address then lead to the merged person. If both subscribers were on
    the same list, the latest event counts.

    Example: mailer subscriber merge ana@old.example ana@example.org"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        gone_subscriber, remaining_subscriber = (
            subscribers.get_subscriber(tx, unused_address),
            subscribers.get_subscriber(tx, remaining_address),
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
            tx, actor, gone_subscriber, remaining_subscriber, mailer.clock()
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
    topics = ", ".join(membership.topics) or "all topics"
    return f"{membership.state}, {topics}, {membership.frequency}"


@app.command("erase", rich_help_panel=STORED_DATA)
def erase_subscriber(
    address: Address,
    may_return: Annotated[
        bool,
        typer.Option("--may-return", help="Keep no hash, so that the person may sign up again."),
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Erase everything that is stored about an address and its owner's earlier addresses.

    A keyed hash of each address stays, so that the address is never mailed again.

    Example: mailer subscriber erase ana@example.org"""
    out = Output(json)
    actor = resolve_actor(by)
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        now = mailer.clock()
        was_known = erasure.erase_person(tx, actor, address, now, may_return=may_return)
        message = (
            "everything stored about the address is erased"
            if was_known
            else "no subscriber has this address"
        )
        out.print_record(
            {"known": was_known}, message if may_return else f"{message}; it must not be mailed"
        )
    if not dry_run:
        _clear_search_index(actor)


def _clear_search_index(actor: Actor) -> None:
    """Clear the index of searches now, since the worker might not run."""
    from mailer.app import open_mailer

    with open_mailer(load_settings()) as mailer:
        has_more = True
        while has_more:
            with mailer.store.begin() as tx:
                has_more = erasure.clear_search_index(tx, actor)
