"""The plan of the ledger's next batch: the outcomes to settle, the messages that go next, and how
many deliveries to claim. Planning writes nothing to the database.
"""

from mailer.delivery.active_editions import ActiveEditions
from mailer.delivery.dispatch_scheduler import DispatchScheduler, PickedMessage
from mailer.delivery.history import HistoryWatch
from mailer.delivery.ledger_transaction import ConnectionSlot, LedgerBatch, SendGrant
from mailer.delivery.thread_queue import ConnectionDemand, Mailbox

MIN_CLAIM_SIZE = 250
"""The least number of deliveries that one claim asks for."""


class BatchPlanner:
    """Plans the batches of a ledger. Only the ledger's thread calls it."""

    def __init__(
        self,
        scheduler: DispatchScheduler,
        mailbox: Mailbox,
        active_editions: ActiveEditions,
        demand: ConnectionDemand,
        history: HistoryWatch,
    ) -> None:
        self._scheduler = scheduler
        self._mailbox = mailbox
        self._active_editions = active_editions
        self._demand = demand
        self._history = history

    def plan_batch(self, now: float, *, is_draining: bool) -> LedgerBatch:
        """Collect the work of the next batch. A draining ledger only settles and answers."""
        unsettled, self._mailbox.unsettled = self._mailbox.unsettled, []
        rechecks, self._mailbox.rechecks = self._mailbox.rechecks, []
        self._history.note_accepted(outcome for _, outcome in unsettled)
        settlements, stopped_edition_ids = self._active_editions.settle_outcomes(unsettled, now)
        stopped_editions = {
            edition_id: self._active_editions.stopped[edition_id]
            for edition_id in stopped_edition_ids
        }
        batch = LedgerBatch(settlements, [], rechecks, [], [], stopped_editions)
        if is_draining:
            return batch
        batch.picks = self._pick_messages(now)
        for claim, delay in self._scheduler.pop_postponed():
            batch.postponed.append((claim.id, delay))
            postponed_edition = self._active_editions.delivering[claim.edition_id]
            postponed_edition.waits_until = max(postponed_edition.waits_until, now + delay)
        claim_limit = max(MIN_CLAIM_SIZE, 2 * sum(slot.window for slot in self._mailbox.open_slots))
        for edition_id, active_edition in self._active_editions.delivering.items():
            if (
                now >= active_edition.recheck_at
                and self._scheduler.count_claims(edition_id) < claim_limit // 2
            ):
                batch.claim_requests.append((edition_id, claim_limit))
        return batch

    def collect_late_outcomes(self) -> None:
        """Take the reports of connections without planning anything: remember what relays have
        accepted, and let no other message go."""
        unsettled, self._mailbox.unsettled = self._mailbox.unsettled, []
        rechecks, self._mailbox.rechecks = self._mailbox.rechecks, []
        self._history.note_accepted(outcome for _, outcome in unsettled)
        for slot, outcome in unsettled:
            self._active_editions.remove_in_flight(slot, outcome.message.claim)
        for slot, message in rechecks:
            self._active_editions.remove_in_flight(slot, message.claim)
            slot.put_grant(SendGrant([], message))
        for slot in self._mailbox.open_slots:
            slot.put_grant(None)

    def withdraw_batch(self, batch: LedgerBatch) -> None:
        """Forget the claims of this worker, and answer the requests of a batch that was not
        written."""
        self._scheduler.forget_claims()
        for slot, pick in batch.picks:
            self._active_editions.remove_in_flight(slot, pick.claim)
        for slot, message in batch.rechecks:
            self._active_editions.remove_in_flight(slot, message.claim)
            slot.put_grant(SendGrant([], message))

    def _pick_messages(self, now: float) -> list[tuple[ConnectionSlot, PickedMessage]]:
        picks: list[tuple[ConnectionSlot, PickedMessage]] = []
        self._scheduler.wake_at = float("inf")
        window = 10
        for slot in self._mailbox.open_slots:
            window = slot.window
            if slot.in_flight_count <= window // 2 and slot.room:
                for pick in self._scheduler.pick_messages(slot, slot.room, now):
                    picks.append((slot, pick))
                    slot.in_flight_count += 1
                    slot.remaining -= 1
                    self._active_editions.delivering[pick.claim.edition_id].in_flight_count += 1
        if ready_count := self._scheduler.ready_count:
            self._demand.set_count(-(-ready_count // max(window // 2, 1)))
        elif not self._mailbox.open_slots and any(
            map(self._scheduler.count_claims, self._active_editions.delivering)
        ):
            self._demand.set_count(1)
        return picks
