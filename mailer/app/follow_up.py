"""Who turns out to have got a release after all."""

from datetime import datetime, timedelta

from mailer import editions
from mailer.editions import Edition, EditionState
from mailer.outbox import EXPIRE_AFTER
from mailer.store import Transaction

LATE_FOR = EXPIRE_AFTER + timedelta(days=1)
"""How long it may take until it is known who has got what: as long as a relay is tried."""


def follow_up(tx: Transaction, now: datetime) -> list[tuple[Edition, int]]:
    """See to it that corrections, kills and releases reach whom they should by what is known now: a
    message that was on the wire when its edition was stopped may have got there, or not. The
    editions that deliveries were added to, and how many."""
    found = []
    for one in tx.editions.begun_releases(now - LATE_FOR):
        if count := tx.plans.extend(one):
            if one.state is EditionState.SENT:
                fresh = editions.get(tx.editions, one.id)
                tx.editions.set_state(fresh, EditionState.SENDING, now)
            found.append((one, count))
    return found


def is_late(tx: Transaction, now: datetime) -> bool:
    """Whether :func:`follow_up` may find somebody."""
    return any(tx.plans.is_late(one) for one in tx.editions.begun_releases(now - LATE_FOR))
