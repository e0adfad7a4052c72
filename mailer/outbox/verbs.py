"""Verbs of staff for deliveries that failed, expired or are in doubt."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailer import editions
from mailer.actor import Actor
from mailer.errors import NextStep, Refused
from mailer.model.deliveries import RETRY_DELAYS, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


def retry_failed_deliveries(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> int:
    """Queue an edition's failed and expired deliveries again, and return their number. An edition
    in the state sent returns to sending. Raises Refused if it has not started or was cancelled."""
    return _queue_again(tx, actor, edition, (DeliveryState.FAILED, DeliveryState.EXPIRED), now)


def send_in_doubt_again(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> int:
    """Queue an edition's deliveries in doubt again, whatever its rule says, and return their
    number."""
    return _queue_again(tx, actor, edition, (DeliveryState.IN_DOUBT,), now)


def resolve_in_doubt_as_sent(tx: Transaction, actor: Actor, edition: Edition, now: datetime) -> int:
    """Assume that the relay accepted an edition's deliveries in doubt, and return their number.
    They are not sent again."""
    _check_begun(edition)
    count = tx.outbox.mark_in_doubt_sent(edition, f"assumed to be accepted, by {actor.name}")
    if count:
        tx.editions.add_event(edition, "in doubt", f"{count} assumed to be accepted", now, actor)
        editions.mark_sent_if_finished(tx, actor, edition, now)
    return count


def _queue_again(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    states: Sequence[DeliveryState],
    now: datetime,
) -> int:
    _check_begun(edition)
    if supersession := tx.outbox.explain_supersession(edition):
        raise Refused(f"edition {edition.id} is not sent again: {supersession}")
    count = tx.outbox.return_to_queue(edition.id, states)
    if count:
        words = " and ".join(state.replace("_", " ") for state in states)
        tx.editions.add_event(edition, "retry", f"{count} {words} queued again", now, actor)
        if edition.state is EditionState.SENT:
            editions.change_state(tx, actor, edition, EditionState.SENDING, now)
    return count


def _check_begun(edition: Edition) -> None:
    if edition.planned_at is None or edition.state is EditionState.CANCELLED:
        word = "was cancelled" if edition.planned_at else "has not started"
        raise Refused(
            f"edition {edition.id} {word}",
            next_steps=[NextStep("show_edition", edition=edition.id)],
        )


def get_retry_delay(attempt: int) -> timedelta:
    """Return how long to wait after the deferral of attempt number `attempt`, counted from 1."""
    return RETRY_DELAYS[min(attempt, len(RETRY_DELAYS)) - 1]
