"""What staff do about deliveries that are over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailer.errors import Refused
from mailer.model.deliveries import RETRY_DELAYS, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


def retry_failed_deliveries(
    tx: Transaction, edition: Edition, now: datetime, *, actor: str = ""
) -> int:
    """Queue an edition's failed and expired deliveries once more; how many. One that counted as
    sent goes on sending. Raises Refused for one that has not begun, or was cancelled."""
    return _queue_again(tx, edition, (DeliveryState.FAILED, DeliveryState.EXPIRED), now, actor)


def send_in_doubt_again(
    tx: Transaction, edition: Edition, now: datetime, *, actor: str = ""
) -> int:
    """Queue an edition's deliveries in doubt, whatever its rule says; how many."""
    return _queue_again(tx, edition, (DeliveryState.IN_DOUBT,), now, actor)


def resolve_in_doubt_as_sent(
    tx: Transaction, edition: Edition, now: datetime, *, actor: str = ""
) -> int:
    """Take an edition's deliveries in doubt for accepted; how many. They are not sent again."""
    _check_begun(edition)
    count = tx.outbox.mark_in_doubt_sent(
        edition, f"assumed to be accepted, by {actor or 'somebody'}"
    )
    if count:
        tx.editions.add_event(edition, "in doubt", f"{count} assumed to be accepted", now, actor)
        if edition.state is EditionState.SENDING and not tx.outbox.has_unfinished_deliveries(
            edition
        ):
            tx.editions.set_state(edition, EditionState.SENT, now, actor=actor)
    return count


def _queue_again(
    tx: Transaction, edition: Edition, states: Sequence[DeliveryState], now: datetime, actor: str
) -> int:
    _check_begun(edition)
    if supersession := tx.outbox.explain_supersession(edition):
        raise Refused(f"edition {edition.id} is not sent again: {supersession}")
    count = tx.outbox.return_to_queue(edition.id, states)
    if count:
        words = " and ".join(state.replace("_", " ") for state in states)
        tx.editions.add_event(edition, "retry", f"{count} {words} queued again", now, actor)
        if edition.state is EditionState.SENT:
            tx.editions.set_state(edition, EditionState.SENDING, now, actor=actor)
    return count


def _check_begun(edition: Edition) -> None:
    if edition.planned_at is None or edition.state is EditionState.CANCELLED:
        word = "was cancelled" if edition.planned_at else "has not begun to be sent"
        raise Refused(f"edition {edition.id} {word}", hint="see `mailer edition show`")


def get_retry_delay(attempt: int) -> timedelta:
    """How long to wait after the `attempt`-th deferral, counted from 1."""
    return RETRY_DELAYS[min(attempt, len(RETRY_DELAYS)) - 1]
