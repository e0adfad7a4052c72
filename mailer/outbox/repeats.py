"""Send a finished edition to one reader again, or for the first time, because the reader did not
get it.

A message that is known to be accepted is never sent again by itself. A repeat is another message,
which a person asked for: an edition of its own with one delivery, with the actor in its events and
in the reader's log of consent. The report of the repeated edition does not count it.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from mailer import addresses
from mailer.actor import Actor
from mailer.audience.sendable_stories import find_sendable_bits
from mailer.audience.subscribers import find_membership, log_consent_action
from mailer.errors import NextStep, Refused
from mailer.model.deliveries import (
    UNFINISHED_STATES,
    Delivery,
    DeliveryState,
    EditionReader,
    RecipientStatus,
)
from mailer.model.edition_states import EditionKind, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.subscribers import ConsentAction, MembershipState, Subscriber
from mailer.model.transaction import Transaction
from mailer.outbox.explanation import explain_outcome
from mailer.outbox.readers import find_reader

REPEAT_EVENT = "sent again"
"""The event of an edition that was repeated for one reader."""


@dataclass(frozen=True, slots=True)
class QueuedRepeat:
    """A repeat in the outbox: its own edition, the edition that it repeats, the reader, and its
    number among the reader's repeats of that edition, from 1. `was_accepted`: a relay had accepted
    the edition for the reader before. `left_out` are the slugs of the reader's stories that may not
    be sent again."""

    mail: Edition
    edition: Edition
    reader: EditionReader
    number: int
    was_accepted: bool
    left_out: tuple[str, ...] = ()


def repeat_edition(
    tx: Transaction, actor: Actor, edition: Edition, address: str, now: datetime
) -> QueuedRepeat:
    """Put a sent edition into the outbox for one reader, due at once. The gate checks the message
    as any other: membership, suppression, embargoes, kills and safe mode. Stories that were
    withdrawn or corrected since, or are embargoed, are left out.

    Raises Refused, which says why, if the edition is not sent or was taken back, if the address is
    not that of a reader of it, if no story is left for the reader, and if an earlier message of it
    to the address is not settled."""
    _check_edition(tx, edition)
    address = addresses.normalise_address(address)
    status = tx.outbox.get_recipient_status(edition, address)
    subscriber = tx.subscribers.find_subscriber(address)
    if subscriber is None:
        raise Refused(explain_outcome(tx, edition, address))
    _check_membership(tx, edition, subscriber, now)
    if status.delivery is None:
        _check_eligible(edition, address, status)
    earlier_repeats = tx.outbox.list_repeats(edition, address)
    deliveries = [*([status.delivery] if status.delivery else []), *earlier_repeats]
    for delivery in deliveries:
        _check_settled(delivery)
    reader = replace(
        find_reader(tx, edition, address),
        subscriber_id=subscriber.id,
        name=subscriber.person.name,
        delivery_id=0,
        fields=json.dumps(dict(subscriber.person.fields)),
    )
    reader, left_out = _leave_out_stories(tx, edition, reader, now)
    mail = tx.outbox.queue_repeat(edition, reader, now, actor)
    number = len(earlier_repeats) + 1
    tx.editions.add_event(edition, REPEAT_EVENT, f"to one reader, as edition {mail.id}", now, actor)
    log_consent_action(
        tx,
        actor,
        subscriber,
        ConsentAction.SENT_AGAIN,
        now,
        source=f"edition {edition.id}",
        mailing_list=edition.list,
        detail=f"request {number}, as edition {mail.id}",
    )
    was_accepted = any(delivery.state is DeliveryState.SENT for delivery in deliveries)
    return QueuedRepeat(mail, edition, reader, number, was_accepted, left_out)


def _leave_out_stories(
    tx: Transaction, edition: Edition, reader: EditionReader, now: datetime
) -> tuple[EditionReader, tuple[str, ...]]:
    """Leave out the stories that may not be sent again. Returns (the reader with the others, the
    slugs of those left out). Raises Refused if no story is left."""
    sendable = find_sendable_bits(tx, edition, now)
    left_out = tuple(
        sorted(
            slug
            for slug, bit in tx.editions.fetch_story_bits(edition).items()
            if reader.stories >> bit & 1 and slug not in sendable
        )
    )
    stories = reader.stories & sum(1 << bit for bit in sendable.values())
    if not stories:
        raise Refused(
            f"edition {edition.id} has no story left for {reader.address}: {', '.join(left_out)} "
            "can't be sent again, being withdrawn, corrected or embargoed since"
        )
    return replace(reader, stories=stories), left_out


def _check_edition(tx: Transaction, edition: Edition) -> None:
    if edition.kind is not EditionKind.MAILING or edition.role is not EditionRole.PLAIN:
        raise Refused(
            f"edition {edition.id} is not a digest's or list's own edition: mails of releases, "
            "notices and test mails are not sent again one by one"
        )
    if edition.state is not EditionState.SENT:
        raise Refused(
            f"edition {edition.id} is {edition.state.words}: only a sent edition is sent again",
            next_steps=[NextStep("show_edition", edition=edition.id)],
        )
    if supersession := tx.outbox.explain_supersession(edition):
        raise Refused(f"edition {edition.id} is not sent again: {supersession}")


def _check_membership(
    tx: Transaction, edition: Edition, subscriber: Subscriber, now: datetime
) -> None:
    address = subscriber.address
    if reason := tx.subscribers.find_suppression_reason(address):
        raise Refused(f"{address} must not be mailed ({reason})")
    membership = find_membership(tx, subscriber, edition.list)
    if membership is None or membership.state is not MembershipState.ACTIVE:
        state = membership.state.value if membership else "not a member"
        raise Refused(f"{address} is {state} on the list {edition.list!r}, and gets no mail of it")
    if membership.paused_until and membership.paused_until > now:
        raise Refused(
            f"{address} has paused the mails of {edition.list!r} until "
            f"{membership.paused_until:%Y-%m-%d %H:%M} UTC",
            next_steps=[NextStep("resume_subscriber", address=address)],
        )
    safe_mode = tx.outbox.find_safe_mode()
    if safe_mode and not safe_mode.is_recipient(address):
        raise Refused(f"{address} gets no mail in safe mode ({safe_mode.words})")


def _check_eligible(edition: Edition, address: str, status: RecipientStatus) -> None:
    """Check that a member without a delivery would be a reader of the edition today."""
    reason = ""
    if status.is_for_others:
        reason = f"they chose another frequency ({status.frequency})"
    elif not status.in_segment:
        reason = f"they are not in the segment {edition.segment!r}"
    elif not status.stories and status.received_stories:
        reason = "they have got its stories in other editions of the list"
    elif not status.stories:
        reason = "none of its stories is about a topic that they chose"
    if reason:
        raise Refused(f"{address} is not a reader of edition {edition.id}: {reason}")


def _check_settled(delivery: Delivery) -> None:
    if delivery.state in UNFINISHED_STATES:
        raise Refused(
            f"edition {delivery.edition_id} to {delivery.address} is {delivery.state}: it is "
            "already on its way"
        )
    if delivery.state is DeliveryState.IN_DOUBT:
        raise Refused(
            f"edition {delivery.edition_id} to {delivery.address} is in doubt, and may have come",
            hint="decide about that delivery first",
            next_steps=[NextStep("list_in_doubt", edition=delivery.edition_id)],
        )
