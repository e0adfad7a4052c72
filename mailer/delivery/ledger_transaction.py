"""A turn of the ledger: what one transaction is to do, in which order, and what it gave.

1. The sender's beat: if it was taken for dead meanwhile, nothing that follows counts, but for news
   of messages that a relay accepted.
2. Settle what was handed over.
3. What is embargoed is kept in.
4. The gate for the next messages, and a second look at those that have waited too long for the
   wire. What the gate refuses was never sent.
5. Claim more.

Each step gives the same when it is repeated, so a turn whose commit was never answered, because
the database went away, is done again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer import editions
from mailer.actor import DELIVERY
from mailer.delivery.dispatch_scheduler import ConnectionWindow, PickedMessage
from mailer.delivery.event_loop import WakeEvent
from mailer.delivery.outcomes import GatedMessage, RepeatedRefusals
from mailer.message import MessageTemplate
from mailer.model.deliveries import Claim, DeliveryState, Settlement
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.model.transaction import Transaction


@dataclass(slots=True)
class ActiveEdition:
    """An edition that is being delivered, with a stencil for each language.

    `out` counts its messages past the gate and not settled. `recheck` is when to claim again,
    after there was nothing due; `waits_until` until when messages wait for their turn in a
    throttled domain (both in seconds of the monotonic clock). `asked`: whether it was asked if it
    is done, since it last had something to do."""

    edition: Edition
    templates: Mapping[str, MessageTemplate]
    repeated_refusals: RepeatedRefusals = field(default_factory=RepeatedRefusals)
    recheck_at: float = 0.0
    waits_until: float = 0.0
    in_flight_count: int = 0
    completion_checked: bool = False


class SendGrant(NamedTuple):
    """Messages let out; or, as the answer to a second look at `again`, whether it may go."""

    messages: list[GatedMessage]
    rechecked_message: GatedMessage | None = None
    may_send: bool = False


@dataclass(eq=False, slots=True)
class ConnectionSlot(ConnectionWindow):
    """A connection at the ledger. What it is let have is put into its `inbox`, and its `bell` rung;
    None there means that there is no more."""

    inbox: deque[SendGrant | None] = field(default_factory=deque)
    wake_event: WakeEvent = field(default_factory=WakeEvent)

    def put_grant(self, grant: SendGrant | None) -> None:
        """From the ledger's thread."""
        self.inbox.append(grant)
        self.wake_event.trigger_event()


@dataclass(slots=True)
class LedgerBatch:
    """What one transaction is to do, and, from `fenced` on, what it gave.

    `need` is how many to claim of which edition; `put_off` sends claims back to the queue for so
    many seconds; `loose` are stopped editions of which something is settled."""

    settlements: list[Settlement]
    picks: list[tuple[ConnectionSlot, PickedMessage]]
    rechecks: list[tuple[ConnectionSlot, GatedMessage]]
    claim_requests: list[tuple[int, int]]
    postponed: list[tuple[int, float]]
    stopped_edition_ids: set[int]
    is_fenced: bool = False
    passed_ids: set[int] = field(default_factory=set)
    refused_count: int = 0
    edition_states: dict[int, EditionState] = field(default_factory=dict)
    claims_by_edition: dict[int, list[Claim]] = field(default_factory=dict)

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
    *,
    waiting_claim_ids: list[int] | None = None,
) -> None:
    """Do the turn. `known`, given when it is done again: the ids of all claims that wait here; an
    attempt before may have claimed others."""
    batch.claims_by_edition, batch.passed_ids, batch.refused_count = {}, set(), 0
    batch.is_fenced = not tx.outbox.update_heartbeat(worker_id)
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
    for edition_id in batch.stopped_edition_ids:
        if tx.outbox.lock_edition_states([edition_id]).get(edition_id) is EditionState.CANCELLED:
            tx.outbox.cancel_unsent_deliveries(edition_id)
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
    """Keep in what is embargoed: the ids of what may not be asked of the gate. An edition of which
    nothing may pass waits as a whole until the embargo ends; of an advance copy, nothing goes to
    those who are not, or no longer, trusted with it; of a correction of one, they get it then."""
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
    new_ids = [pick.claim.id for _, pick in batch.picks if pick.claim.id not in barred_ids]
    recheck_ids = [
        message.claim.id for _, message in batch.rechecks if message.claim.id not in barred_ids
    ]
    if is_retry:  # some may have passed in the attempt before
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
        batch.refused_count += tx.outbox.settle_refused_deliveries(
            worker_id, refused_ids, batch.edition_states
        )


def _stop_if_requested(
    tx: Transaction,
    batch: LedgerBatch,
    worker_id: int,
    active_edition: ActiveEdition,
    now: datetime,
) -> None:
    """Of an edition that somebody has stopped, what is claimed goes back. One that was refused
    alike is stopped here: a relay that refuses everyone for the same reason speaks of us, so what
    it refused is queued again."""
    edition_id = active_edition.edition.id
    state = batch.edition_states.get(edition_id)
    repeated_refusals = active_edition.repeated_refusals
    if state is EditionState.SENDING and repeated_refusals.is_limit_reached:
        tx.outbox.return_to_queue(
            edition_id, [DeliveryState.FAILED], repeated_refusals.delivery_ids
        )
        edition = editions.get_edition(tx, edition_id)
        reason = f"{len(repeated_refusals.delivery_ids)} recipients were refused alike ({repeated_refusals.refusal_text})"
        editions.pause_edition(tx, DELIVERY, edition, now, reason=reason)
        batch.edition_states[edition_id] = state = EditionState.PAUSED
    if state is not EditionState.SENDING:
        tx.outbox.return_claims(edition_id, worker_id)
    if state is EditionState.CANCELLED:
        tx.outbox.cancel_unsent_deliveries(edition_id)
