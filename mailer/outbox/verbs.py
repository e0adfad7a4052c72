"""Verbs of staff for deliveries that are deferred, failed, expired, diverted or are in doubt."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer import addresses, editions
from mailer.actor import Actor
from mailer.errors import NextStep, Refused
from mailer.model.deliveries import RETRY_DELAYS, DeliveryState
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DoubtChoice:
    """The deliveries in doubt that a person has chosen by their addresses: their `ids`, the
    `states` of the chosen addresses that are not in doubt, and the addresses that are `unknown`,
    since the edition has no delivery to them."""

    ids: tuple[int, ...]
    states: Mapping[str, DeliveryState]
    unknown: tuple[str, ...]


MAX_IDS = 10_000
"""Maximum number of deliveries in one statement. SQLite takes 32,766 parameters."""


def retry_failed_deliveries(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    now: datetime,
    *,
    left_ids: Collection[int] = (),
) -> int:
    """Queue an edition's failed and expired deliveries again, except those with `left_ids`, and
    return their number. An edition in the state sent returns to sending. Raises Refused if it has
    not started or was cancelled."""
    return _queue_again(
        tx, actor, edition, (DeliveryState.FAILED, DeliveryState.EXPIRED), now, left_ids
    )


def retry_diverted_deliveries(
    tx: Transaction, actor: Actor, edition: Edition, now: datetime
) -> int:
    """Queue an edition's diverted deliveries again, and return their number. While safe mode is on,
    the gate diverts again those to anyone else than its recipients."""
    return _queue_again(tx, actor, edition, (DeliveryState.DIVERTED,), now)


def choose_in_doubt(
    tx: Transaction, actor: Actor, edition: Edition, recipients: Iterable[str]
) -> DoubtChoice:
    """Find the deliveries in doubt to these addresses, for a decision about them alone. Raises
    InputError for a text that is not an address."""
    normal_addresses = [addresses.normalise_address(recipient) for recipient in recipients]
    deliveries = tx.outbox.find_states_by_address(edition, normal_addresses)
    return DoubtChoice(
        ids=tuple(
            delivery_id
            for delivery_id, state in deliveries.values()
            if state is DeliveryState.IN_DOUBT
        ),
        states={
            address: state
            for address, (_, state) in deliveries.items()
            if state is not DeliveryState.IN_DOUBT
        },
        unknown=tuple(
            dict.fromkeys(address for address in normal_addresses if address not in deliveries)
        ),
    )


def send_in_doubt_again(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    now: datetime,
    *,
    chosen_ids: Sequence[int] | None = None,
) -> int:
    """Queue an edition's deliveries in doubt (only `chosen_ids`, if given) again, whatever its rule
    says and however often they were in doubt, and return their number."""
    return _queue_again(tx, actor, edition, (DeliveryState.IN_DOUBT,), now, only_ids=chosen_ids)


def make_deliveries_due(tx: Transaction, actor: Actor, edition: Edition) -> int:
    """Make an edition's deferred deliveries due at once, and return their number."""
    return tx.outbox.make_deliveries_due(edition)


def resolve_in_doubt_as_sent(
    tx: Transaction,
    actor: Actor,
    edition: Edition,
    now: datetime,
    *,
    chosen_ids: Sequence[int] | None = None,
) -> int:
    """Assume that the relay accepted an edition's deliveries in doubt (only `chosen_ids`, if
    given), and return their number. They are not sent again."""
    _check_begun(edition)
    count = tx.outbox.mark_in_doubt_sent(
        edition, f"assumed to be accepted, by {actor.name}", chosen_ids
    )
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
    left_ids: Collection[int] = (),
    only_ids: Sequence[int] | None = None,
) -> int:
    _check_begun(edition)
    if supersession := tx.outbox.explain_supersession(edition):
        raise Refused(f"edition {edition.id} is not sent again: {supersession}")
    chosen_ids = only_ids
    if left_ids:
        chosen_ids = [
            delivery_id
            for delivery_id, _ in tx.outbox.list_failed_replies(edition.id)
            if delivery_id not in left_ids
        ]
    if chosen_ids is not None:
        count = sum(
            tx.outbox.return_to_queue(edition.id, states, chosen_ids[start : start + MAX_IDS])
            for start in range(0, len(chosen_ids), MAX_IDS)
        )
    else:
        count = tx.outbox.return_to_queue(edition.id, states)
    if count:
        words = " and ".join(state.replace("_", " ") for state in states)
        detail = f"{count} {words} queued again"
        if left_ids:
            detail += f", {len(left_ids)} left whose addresses are dead or may not be mailed"
        tx.editions.add_event(edition, "retry", detail, now, actor)
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
    """Return how long a delivery waits if its attempt number `attempt`, counted from 1, was
    deferred."""
    return RETRY_DELAYS[min(attempt, len(RETRY_DELAYS)) - 1]
