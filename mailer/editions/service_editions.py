"""Rolling editions of service mails, and test mails, which staff do not see: delivery may pause
them, and they resume by themselves."""

from datetime import datetime, timedelta

from mailer.actor import DELIVERY, Actor
from mailer.editions.transitions import resume_edition
from mailer.model.edition_states import RESUMED_KINDS, EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction

RESUME_DELAY = timedelta(minutes=15)
"""Time after which service mails that delivery has stopped are tried again (it stops them if the
relay rejects the password, for example). Staff do not see their edition and could not resume it."""

MAX_EDITIONS = 500
"""Maximum number of paused editions that are looked at."""


def list_resumable_editions(tx: Transaction, now: datetime) -> list[Edition]:
    """Return the editions of service mails and test mails that are to be resumed now."""
    paused_editions = tx.editions.list_recent_editions(
        [EditionState.PAUSED], MAX_EDITIONS, notices=True
    )
    return [
        edition
        for edition in paused_editions
        if edition.kind in RESUMED_KINDS and _may_resume(tx, edition, now)
    ]


def resume_service_mails(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime
) -> Edition | None:
    """Resume an edition of service mails or a test mail that delivery has paused. Returns None if
    it is not to be resumed now."""
    if edition.state is not EditionState.PAUSED or not _may_resume(tx, edition, now):
        return None
    return resume_edition(tx, actor, edition, now)


def _may_resume(tx: Transaction, edition: Edition, now: datetime) -> bool:
    """Check that the edition was paused by delivery, and long enough ago. An edition that a person
    paused stays paused."""
    pause_events = [
        event
        for event in tx.editions.list_events(edition)
        if event.event_type == EditionState.PAUSED
    ]
    return (
        bool(pause_events)
        and pause_events[-1].actor_key == DELIVERY.key
        and now - pause_events[-1].at >= RESUME_DELAY
    )
