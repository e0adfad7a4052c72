"""The editions that are being delivered, and the counts of their messages' outcomes."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from mailer.delivery.dispatch_scheduler import DispatchScheduler
from mailer.delivery.ledger_transaction import ActiveEdition, ConnectionSlot
from mailer.delivery.outcomes import (
    STUCK_DELAY,
    DeliveryProgress,
    LostLinkTracker,
    MessageOutcome,
    derive_settlement,
)
from mailer.delivery.refusal_tracker import PUT_OFF_DELAY, RefusalTracker
from mailer.delivery.replies import Verdict
from mailer.model.deliveries import Claim, DeliveryState, Settlement


class ActiveEditions:
    """The editions of a run. Only the ledger's thread writes here; other threads may read.

    `delivering` holds the editions that are being delivered. `stopped` holds those that were paused
    or cancelled, whose remaining messages the connections return."""

    def __init__(self, scheduler: DispatchScheduler, clock: Callable[[], datetime]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._lost_links = LostLinkTracker()
        self._answered_count = 0
        self.delivering: dict[int, ActiveEdition] = {}
        self.stopped: dict[int, ActiveEdition] = {}
        self.progress = DeliveryProgress()

    def find_active_edition(self, claim: Claim) -> ActiveEdition | None:
        return self.delivering.get(claim.edition_id) or self.stopped.get(claim.edition_id)

    def add_edition(self, active_edition: ActiveEdition) -> None:
        edition = active_edition.edition
        if (stopped_edition := self.stopped.pop(edition.id, None)) is not None:
            active_edition.in_flight_count = stopped_edition.in_flight_count
        self.delivering[edition.id] = active_edition
        self._scheduler.add_edition(edition.id, edition.priority.weight)

    def stop_edition(self, edition_id: int) -> None:
        """Stop delivering an edition that was paused or cancelled."""
        self.stopped[edition_id] = self.delivering.pop(edition_id)
        self._scheduler.drop_edition(edition_id)

    def settle_outcomes(
        self, unsettled: Sequence[tuple[ConnectionSlot, MessageOutcome]], now: float
    ) -> tuple[list[Settlement], set[int]]:
        """Turn outcomes into settlements and count them.

        Returns (settlements, ids of the stopped editions among them)."""
        moment = self._clock()
        settlements: list[Settlement] = []
        stopped_edition_ids: set[int] = set()
        answering_relays: set[str] = set()
        accepted_by_relay: Counter[str] = Counter(self.progress.relays)
        accepted_count = 0
        for slot, outcome in unsettled:
            (claim, worker_id, *_), reply = outcome
            self.remove_in_flight(slot, claim)
            if reply.is_answer:
                self._answered_count += 1
                answering_relays.add(slot.relay)
            active_edition = self.delivering.get(claim.edition_id)
            if active_edition is None:
                stopped_edition_ids.add(claim.edition_id)
            if reply.verdict is Verdict.ACCEPTED:
                accepted_count += 1  # a shortcut for the most frequent outcome
                accepted_by_relay[slot.relay] += 1
                settlements.append(Settlement(claim.id, worker_id, DeliveryState.SENT, str(reply)))
            else:
                settlements.append(self._settle_outcome(outcome, moment, now))
        for relay in answering_relays:
            self._scheduler.note_progress(relay, now)
        self.progress.relays = +accepted_by_relay
        self.progress.sent += accepted_count
        self.progress.left = max(self.progress.left - accepted_count, 0)
        return settlements, stopped_edition_ids & self.stopped.keys()

    def _settle_outcome(self, outcome: MessageOutcome, moment: datetime, now: float) -> Settlement:
        """Derive one settlement, and note its consequences for the run."""
        claim, reply = outcome.message.claim, outcome.reply
        active_edition = self.find_active_edition(claim)
        is_stuck = reply.verdict is Verdict.LOST and self._lost_links.is_stuck(
            claim, self._answered_count
        )
        is_poison = reply.verdict is Verdict.LOST and self._lost_links.is_poison(
            claim, self._answered_count
        )
        planned_at = active_edition.edition.planned_at if active_edition else None
        refusals = active_edition.refusals if active_edition else RefusalTracker()
        new_settlement = derive_settlement(
            outcome, moment, planned_at, refusals, is_poison=is_poison
        )
        if is_stuck and not is_poison:
            new_settlement = new_settlement._replace(retry_after=STUCK_DELAY)
            if active_edition:
                active_edition.waits_until = max(active_edition.waits_until, now + STUCK_DELAY)
        self._count_settlement(new_settlement)
        is_due_at_once = (
            new_settlement.state is DeliveryState.QUEUED and not new_settlement.retry_after
        )
        if active_edition and is_due_at_once:
            active_edition.recheck_at = 0.0
        return new_settlement

    def note_requeued(self, count: int) -> None:
        """Count failed deliveries that were queued again because their edition is paused."""
        self.progress.failed = max(self.progress.failed - count, 0)

    def remove_in_flight(self, slot: ConnectionSlot, claim: Claim) -> None:
        """Count a message as no longer in flight, since it was settled or never sent."""
        slot.in_flight_count -= 1
        if self._scheduler.has_throttles:
            self._scheduler.release_throttle(slot, claim)
        if (active_edition := self.find_active_edition(claim)) is not None:
            active_edition.in_flight_count -= 1

    def _count_settlement(self, settlement: Settlement) -> None:
        progress = self.progress
        match settlement.state:
            case DeliveryState.SENT:
                progress.sent += 1
            case DeliveryState.FAILED:
                progress.failed += 1
            case DeliveryState.IN_DOUBT:
                progress.in_doubt += 1
            case _ if settlement.counts_as_attempt or settlement.retry_after == PUT_OFF_DELAY:
                progress.deferred += 1
            case _:
                return
        progress.left = max(progress.left - 1, 0)

    def count_turned_away(self, refused_count: int, diverted_count: int) -> None:
        """Count messages that the gate refused permanently, and those that safe mode diverted."""
        self.progress.turned_away += refused_count
        self.progress.diverted += diverted_count
        self.progress.left = max(self.progress.left - refused_count - diverted_count, 0)
