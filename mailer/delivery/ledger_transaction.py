"""The work of one ledger transaction: its batch, the order of its steps, and their results.

1. Update the worker's heartbeat. If another worker has declared this one dead, no other step runs,
   except that messages accepted by a relay are settled. If the database has lost what it had
   confirmed (``history.py``), the transaction is rolled back.
2. Settle the messages that connections have reported.
3. Withhold embargoed messages.
4. Gate the next messages, and gate again those that have waited too long to be sent. A message that
   the gate refuses is not sent.
5. Claim more deliveries.

Each step can be repeated with the same result, so a batch is run again if the database became
unreachable before it answered the commit.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer import editions
from mailer.actor import DELIVERY
from mailer.delivery.dispatch_scheduler import ConnectionWindow, PickedMessage
from mailer.delivery.event_loop import WakeEvent
from mailer.delivery.history import HistoryWatch
from mailer.delivery.outcomes import GatedMessage
from mailer.delivery.refusal_tracker import PauseCause, RefusalTracker
from mailer.message import MessageTemplate
from mailer.model.deliveries import Claim, DeliveryState, Settlement
from mailer.model.edition_states import EditionKind, EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction

ACTOR = "delivery"
"""The name of the actor in events, if delivery pauses an edition."""


@dataclass(slots=True)
class ActiveEdition:
    """An edition that is being delivered, with a message template for each language.

    `in_flight_count` counts its messages that passed the gate and are not settled. `recheck_at` is
    when to claim again after nothing was due, and `waits_until` is the end of the wait of messages
    for a throttled domain (both in seconds of the monotonic clock). `completion_checked` is True if
    the database was asked whether the edition is finished since the edition last had deliveries."""

    edition: Edition
    templates: Mapping[str, MessageTemplate]
    refusals: RefusalTracker = field(init=False)
    recheck_at: float = 0.0
    waits_until: float = 0.0
    in_flight_count: int = 0
    completion_checked: bool = False

    def __post_init__(self) -> None:
        may_pause = self.edition.kind is EditionKind.MAILING
        self.refusals = RefusalTracker(self.edition.pause_signatures, may_pause=may_pause)


class SendGrant(NamedTuple):
    """Messages that a connection may send, or the answer about one `rechecked_message`."""

    messages: list[GatedMessage]
    rechecked_message: GatedMessage | None = None
    may_send: bool = False


@dataclass(eq=False, slots=True)
class ConnectionSlot(ConnectionWindow):
    """A connection, as the ledger sees it.

    The ledger puts grants into `inbox` and triggers `wake_event`. None in the inbox means that no
    more grants will come."""

    inbox: deque[SendGrant | None] = field(default_factory=deque)
    wake_event: WakeEvent = field(default_factory=WakeEvent)

    def put_grant(self, grant: SendGrant | None) -> None:
        """Hand a grant to the connection, from the ledger's thread."""
        self.inbox.append(grant)
        self.wake_event.trigger_event()


@dataclass(slots=True)
class LedgerBatch:
    """The work of one transaction and, from `heartbeat` on, its results.

    `claim_requests` says how many deliveries to claim of which edition; `postponed` says which
    claims go back to the queue for how many seconds. `stopped_editions` are the stopped editions
    with a message that is settled in this batch. `heartbeat` is None, and `is_fenced` True, if
    another worker has declared this one dead. `requeued_count` counts failed deliveries that were
    queued again; `refused_count` and `diverted_count` those that the gate refused permanently, the
    second because of safe mode; `pause_reasons` holds the reasons of the editions that were paused
    in this batch."""

    settlements: list[Settlement]
    picks: list[tuple[ConnectionSlot, PickedMessage]]
    rechecks: list[tuple[ConnectionSlot, GatedMessage]]
    claim_requests: list[tuple[int, int]]
    postponed: list[tuple[int, float]]
    stopped_editions: Mapping[int, ActiveEdition]
    heartbeat: int | None = None
    passed_ids: set[int] = field(default_factory=set)
    refused_count: int = 0
    diverted_count: int = 0
    edition_states: dict[int, EditionState] = field(default_factory=dict)
    claims_by_edition: dict[int, list[Claim]] = field(default_factory=dict)
    requeued_count: int = 0
    pause_reasons: dict[int, str] = field(default_factory=dict)

    @property
    def is_fenced(self) -> bool:
        return self.heartbeat is None

    @property
    def is_idle(self) -> bool:
        return not (
            self.settlements or self.picks or self.rechecks or self.claim_requests or self.postponed
        )


def write_batch(
    tx: Transaction,
    batch: LedgerBatch,
    worker_id: int,
    active_editions: Mapping[int, ActiveEdition],
    now: datetime,
    history: HistoryWatch,
    *,
    waiting_claim_ids: list[int] | None = None,
) -> None:
    """Run every step of the batch in one transaction. Raises HistoryWentBack.

    If the batch is run again, `waiting_claim_ids` are the ids of all claims that this process
    knows. The earlier attempt may have claimed other deliveries, which are returned to the
    queue."""
    batch.claims_by_edition, batch.passed_ids = {}, set()
    batch.refused_count = batch.diverted_count = 0
    batch.requeued_count, batch.pause_reasons = 0, {}
    batch.heartbeat = tx.outbox.update_heartbeat(worker_id)
    history.check_heartbeat(tx, batch.heartbeat)
    if batch.is_fenced:
        tx.outbox.settle_deliveries(
            [
                settlement
                for settlement in batch.settlements
                if settlement.state is DeliveryState.SENT
            ]
        )
        return
    batch.edition_states = tx.outbox.lock_edition_states(list(active_editions))
    if batch.settlements:
        tx.outbox.settle_deliveries(batch.settlements)
    if waiting_claim_ids is not None:
        keep_ids = [*waiting_claim_ids, *(pick.claim.id for _, pick in batch.picks)]
        for edition_id in active_editions:
            tx.outbox.return_claims(edition_id, worker_id, keep_ids=keep_ids)
    barred_ids = _withhold_embargoed(tx, batch, worker_id, active_editions)
    _gate_messages(tx, batch, worker_id, barred_ids, is_retry=waiting_claim_ids is not None)
    tx.outbox.postpone_deliveries(worker_id, batch.postponed)
    for active_edition in active_editions.values():
        _stop_if_requested(tx, batch, worker_id, active_edition, now)
    for edition_id, stopped_edition in batch.stopped_editions.items():
        state = tx.outbox.lock_edition_states([edition_id]).get(edition_id)
        if state is EditionState.CANCELLED:
            tx.outbox.cancel_unsent_deliveries(edition_id)
        elif state is EditionState.PAUSED:  # perhaps by another worker, for these very refusals
            signatures = stopped_edition.refusals.select_requeued(
                editions.get_edition(tx, edition_id).pause_signatures
            )
            batch.requeued_count += tx.outbox.queue_refused_again(edition_id, signatures)
    for edition_id, limit in batch.claim_requests:
        if batch.edition_states.get(edition_id) is EditionState.SENDING:
            batch.claims_by_edition[edition_id] = tx.outbox.claim_deliveries(
                edition_id, worker_id, limit
            )


def _withhold_embargoed(
    tx: Transaction,
    batch: LedgerBatch,
    worker_id: int,
    active_editions: Mapping[int, ActiveEdition],
) -> set[int]:
    """Withhold embargoed messages, and return the ids of deliveries that must not reach the gate.

    An edition that does not state its embargo waits as a whole until the embargo ends. Advance
    copies go only to trusted contacts. A correction to an untrusted contact waits until the embargo
    ends."""
    barred_ids: set[int] = set()
    for edition_id, block in tx.outbox.find_embargo_blocks(list(active_editions)).items():
        if batch.edition_states.get(edition_id) is not EditionState.SENDING:
            continue
        edition_claims = [
            pick.claim for _, pick in batch.picks if pick.claim.edition_id == edition_id
        ]
        edition_claims += [
            message.claim for _, message in batch.rechecks if message.claim.edition_id == edition_id
        ]
        if not block.states_embargo:
            barred_ids |= {claim.id for claim in edition_claims}
            tx.outbox.defer_edition(edition_id, worker_id, block.until, block.reply)
        elif edition_claims:
            trusted_ids = tx.outbox.find_trusted_subscribers(
                [claim.subscriber_id for claim in edition_claims]
            )
            untrusted_ids = [
                claim.id for claim in edition_claims if claim.subscriber_id not in trusted_ids
            ]
            if block.defers_untrusted:
                tx.outbox.defer_deliveries(worker_id, untrusted_ids, block.until)
            else:
                batch.refused_count += tx.outbox.suppress_untrusted(worker_id, untrusted_ids)
            barred_ids |= {*untrusted_ids}
    return barred_ids


def _gate_messages(
    tx: Transaction,
    batch: LedgerBatch,
    worker_id: int,
    barred_ids: set[int],
    *,
    is_retry: bool,
) -> None:
    """Gate the next messages, and gate waiting messages again.

    A message is refused and settled if its recipient has unsubscribed, paused mail or been
    suppressed, if its edition was paused or cancelled, or if safe mode diverts it."""
    new_ids = [pick.claim.id for _, pick in batch.picks if pick.claim.id not in barred_ids]
    recheck_ids = [
        message.claim.id for _, message in batch.rechecks if message.claim.id not in barred_ids
    ]
    if is_retry:  # some messages may have passed the gate in an earlier attempt
        new_ids, recheck_ids = [], new_ids + recheck_ids
    if new_ids:
        batch.passed_ids |= tx.outbox.gate_deliveries(worker_id, new_ids)
    if recheck_ids:
        batch.passed_ids |= tx.outbox.check_gate_again(worker_id, recheck_ids)
    if refused_ids := [
        delivery_id
        for delivery_id in (*new_ids, *recheck_ids)
        if delivery_id not in batch.passed_ids
    ]:
        refusals = tx.outbox.settle_refused_deliveries(worker_id, refused_ids, batch.edition_states)
        batch.refused_count += refusals.turned_away
        batch.diverted_count += refusals.diverted


def _stop_if_requested(
    tx: Transaction,
    batch: LedgerBatch,
    worker_id: int,
    active_edition: ActiveEdition,
    now: datetime,
) -> None:
    """Return the claims of an edition that was stopped, after pausing it if its refusals require
    that."""
    edition_id, refusals = active_edition.edition.id, active_edition.refusals
    state = batch.edition_states.get(edition_id)
    if refusals.single_domain:
        refusals.confirm_single_domain(
            has_other_domains=tx.outbox.has_other_domain(edition_id, refusals.single_domain)
        )
    if state is EditionState.SENDING and refusals.pause is not None:
        edition = editions.get_edition(tx, edition_id)
        batch.requeued_count += pause_for_refusals(tx, edition, refusals.pause, now)
        batch.pause_reasons[edition_id] = refusals.pause.reason
        batch.edition_states[edition_id] = state = EditionState.PAUSED
    if state is not EditionState.SENDING:
        tx.outbox.return_claims(edition_id, worker_id)
    if state is EditionState.CANCELLED:
        tx.outbox.cancel_unsent_deliveries(edition_id)


def pause_for_refusals(tx: Transaction, edition: Edition, cause: PauseCause, now: datetime) -> int:
    """Pause an edition for refusals that speak of this office, and queue their recipients again.

    Returns the number of deliveries that had failed."""
    requeued_count = tx.outbox.queue_refused_again(edition.id, cause.signatures)
    editions.pause_edition(
        tx, DELIVERY, edition, now, reason=cause.reason, signatures=cause.signatures
    )
    return requeued_count


def end_edition(
    tx: Transaction, edition: Edition, active_edition: ActiveEdition, now: datetime
) -> None:
    """Mark an edition as sent if none of its deliveries is unfinished. Pause it if only recipients
    are left whose refusals speak of this office, as trying them again would only repeat that."""
    cause = active_edition.refusals.describe_put_off()
    if (
        edition.state is EditionState.SENDING
        and active_edition.refusals.may_pause
        and cause is not None
        and tx.outbox.has_only_refused_left(edition.id, cause.signatures)
    ):
        pause_for_refusals(tx, edition, cause, now)
        return
    editions.mark_sent_if_finished(tx, DELIVERY, edition, now)


def pause_editions(tx: Transaction, edition_ids: Iterable[int], reason: str, now: datetime) -> None:
    """Pause those of the editions that are being sent."""
    for edition_id in edition_ids:
        edition = editions.get_edition(tx, edition_id)
        if edition.state is EditionState.SENDING:
            editions.pause_edition(tx, DELIVERY, edition, now, reason=reason)


def sign_worker_off(
    tx: Transaction,
    worker_id: int,
    active_editions: Mapping[int, ActiveEdition],
    now: datetime,
) -> None:
    """Remove the row of a worker that ends, and finish the editions that it delivered."""
    # The editions are locked in the same order as in the gate. With different orders, two workers
    # would wait for each other, until PostgreSQL ends one of them after a second.
    editions_by_id = {
        edition_id: editions.get_edition(tx, edition_id) for edition_id in sorted(active_editions)
    }
    tx.outbox.remove_worker(worker_id)
    for edition_id, edition in editions_by_id.items():
        if edition.state is EditionState.CANCELLED:
            tx.outbox.cancel_unsent_deliveries(edition_id)
        else:
            end_edition(tx, edition, active_editions[edition_id], now)
