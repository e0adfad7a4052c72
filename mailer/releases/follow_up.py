"""Follow-up of a release: recipients whose delivery is confirmed late, and contacts to ask."""

from datetime import datetime, timedelta

from mailer import editions
from mailer.actor import Actor
from mailer.errors import NextStep, NotFound
from mailer.model.contacts import Contact, FollowUp
from mailer.model.deliveries import EXPIRE_AFTER
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction

FOLLOW_UP_PERIOD = EXPIRE_AFTER + timedelta(days=1)
"""The longest time until an outcome is known: the time for which deliveries are tried, and a
day."""


def extend_releases(tx: Transaction, actor: Actor, now: datetime) -> list[tuple[Edition, int]]:
    """Add deliveries to corrections, kills and releases for recipients who are known only now. A
    message that was on the wire when its edition was stopped may have arrived or not.

    Returns the editions that deliveries were added to, with the number of deliveries."""
    extended = []
    for edition in tx.editions.list_begun_releases(now - FOLLOW_UP_PERIOD):
        if count := tx.outbox.extend_plan(edition):
            if edition.state is EditionState.SENT:
                current_edition = editions.get_edition(tx, edition.id)
                editions.change_state(tx, actor, current_edition, EditionState.SENDING, now)
            extended.append((edition, count))
    return extended


def needs_follow_up(tx: Transaction, now: datetime) -> bool:
    """Check whether :func:`extend_releases` may have something to add."""
    return any(
        tx.outbox.has_late_recipients(edition)
        for edition in tx.editions.list_begun_releases(now - FOLLOW_UP_PERIOD)
    )


def list_contacts_to_ask(tx: Transaction, slug: str) -> list[Contact]:
    """Return the contacts to ask about a release: its recipients who may be asked afterwards.
    Raises NotFound for an unknown story."""
    if not tx.embargoes.has_story(slug):
        raise NotFound(f"there is no story {slug!r}", next_steps=[NextStep("list_articles")])
    return [
        contact
        for contact in tx.subscribers.list_release_recipients(slug)
        if contact.profile.follow_up is FollowUp.WELCOME
    ]
