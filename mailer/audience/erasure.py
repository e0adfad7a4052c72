"""The data stored about a person: a copy of it, and its erasure (GDPR Articles 15, 17 and 20)."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from mailer import addresses
from mailer.actor import Actor
from mailer.audience.membership_counts import count_change, is_active
from mailer.audience.subscribers import STAFF_SOURCE, log_consent_action
from mailer.errors import NotFound
from mailer.model.membership_counts import MembershipChangeKind
from mailer.model.subscribers import ConsentAction, Subscriber
from mailer.model.transaction import Transaction


def collect_personal_data(tx: Transaction, subscriber: Subscriber) -> dict[str, Any]:
    """Return all data stored about a person, as dictionaries and lists with aware moments."""
    return {
        "address": subscriber.address,
        "name": subscriber.person.name,
        "language": subscriber.person.language,
        "country": subscriber.person.country,
        "time_zone": subscriber.person.time_zone,
        "tags": list(subscriber.person.tags),
        "fields": dict(subscriber.person.fields),
        "source": subscriber.source,
        "since": subscriber.created_at,
        "suppressed": tx.subscribers.find_suppression_reason(subscriber.address),
        "press": tx.subscribers.describe_contact(subscriber),
        "lists": [asdict(membership) for membership in tx.subscribers.list_memberships(subscriber)],
        "consent": [
            {
                "at": entry.at,
                "act": entry.act,
                "list": entry.list,
                "address": entry.address,
                "source": entry.source,
                "basis": entry.basis,
                "wording": entry.wording.text if entry.wording else "",
                "detail": entry.detail,
                "reason": entry.reason or "",
                "actor": entry.actor_key,
            }
            for entry in tx.subscribers.list_consent_entries(subscriber.address)
        ],
        "waiting": [
            {
                "at": confirmation.asked_at,
                "kind": confirmation.kind,
                "state": confirmation.state,
                "address": confirmation.address,
                "wishes": confirmation.wishes.to_plain(),
            }
            for confirmation in tx.subscribers.list_open_confirmations(subscriber)
        ],
        "mails": [
            asdict(mailed_edition)
            for mailed_edition in tx.subscribers.list_mailed_editions(subscriber)
        ],
    }


def erase_person(
    tx: Transaction,
    actor: Actor,
    address: str,
    now: datetime,
    *,
    source: str = STAFF_SOURCE,
    may_return: bool = False,
) -> bool:
    """Erase a person: the subscriber, their open requests, and all their addresses, including
    earlier ones, in the log of consent, in suppressions, in deliveries and in test mails.

    A keyed hash of each address stays, which sign-up, import and the gate check. With `may_return`,
    the hashes are not suppressed, so that the person can sign up again. An address that now belongs
    to another person is erased from this person's records only. Afterwards,
    :func:`clear_search_index` clears what the index of searches may still hold.

    Returns whether there was such a subscriber."""
    normal_address = addresses.normalise_address(address)
    own_addresses = {normal_address}
    subscriber = tx.subscribers.find_subscriber(normal_address)
    if subscriber is not None:
        log_consent_action(tx, actor, subscriber, ConsentAction.ERASED, now, source=source)
        _count_erased_memberships(tx, actor, subscriber, now, source)
        for earlier_address in tx.subscribers.list_addresses(subscriber):
            owner = tx.subscribers.find_subscriber(earlier_address)
            if owner is None or owner.id == subscriber.id:
                own_addresses.add(earlier_address)
            else:
                tx.subscribers.erase_address(earlier_address, subscriber)
    for own_address in own_addresses:
        tx.subscribers.erase_address(own_address)
    if subscriber is not None:
        # Nothing proves that these addresses belong to the subscriber.
        tx.subscribers.erase_address_requests(subscriber)
        tx.subscribers.erase_test_mails(subscriber)
        tx.subscribers.remove_subscriber(subscriber)
    if not may_return:
        for own_address in own_addresses:
            tx.subscribers.suppress_address_hash(own_address, now)
    return subscriber is not None


def _count_erased_memberships(
    tx: Transaction, actor: Actor, subscriber: Subscriber, now: datetime, source: str
) -> None:
    for membership in tx.subscribers.list_memberships(subscriber):
        if is_active(membership):
            mailing_list = tx.subscribers.get_list(membership.list)
            count_change(tx, actor, mailing_list, MembershipChangeKind.ERASED, now, source=source)


def clear_search_index(tx: Transaction, actor: Actor) -> bool:
    """Take one step of removing deleted people's names and addresses from the index of searches:
    some databases only mark them as deleted at first. Each step is short, and belongs in a
    transaction of its own. Returns whether there is more to do."""
    return tx.retention.clear_search_terms()


def get_subscriber_by_id(tx: Transaction, subscriber_id: int) -> Subscriber:
    """Return the subscriber that a link names. Raises NotFound if the subscriber was removed."""
    subscriber = tx.subscribers.find_subscriber_by_id(subscriber_id)
    if subscriber is None:
        raise NotFound("there is no such subscriber")
    return subscriber
