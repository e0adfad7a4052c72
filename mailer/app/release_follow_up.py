"""Who turns out to have got a release after all."""

from datetime import datetime, timedelta

from mailer import editions
from mailer.model.deliveries import EXPIRE_AFTER
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import SqlTransaction

FOLLOW_UP_PERIOD = EXPIRE_AFTER + timedelta(days=1)
"""How long it may take until it is known who has got what: as long as a relay is tried."""


def extend_releases(tx: SqlTransaction, now: datetime) -> list[tuple[Edition, int]]:
    """See to it that corrections, kills and releases reach whom they should by what is known now: a
    message that was on the wire when its edition was stopped may have got there, or not. The
    editions that deliveries were added to, and how many."""
    extended = []
    for edition in tx.editions.list_begun_releases(now - FOLLOW_UP_PERIOD):
        if count := tx.outbox.extend_plan(edition):
            if edition.state is EditionState.SENT:
                current_edition = editions.get_edition(tx, edition.id)
                tx.editions.set_state(current_edition, EditionState.SENDING, now)
            extended.append((edition, count))
    return extended


def needs_follow_up(tx: SqlTransaction, now: datetime) -> bool:
    """Whether :func:`extend_releases` may find somebody."""
    return any(
        tx.outbox.has_late_recipients(edition)
        for edition in tx.editions.list_begun_releases(now - FOLLOW_UP_PERIOD)
    )
