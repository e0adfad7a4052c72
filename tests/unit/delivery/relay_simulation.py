"""A delivery run without sockets and database: a relay that refuses by rules, several connections,
the settlements of ``outcomes.py`` and the pauses of ``refusal_tracker.py``.

The queue follows ``store/outbox``: rows that are due go first, the longest due before the others; a
pause queues its refusals again; a person resumes a paused edition after fixing the cause.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mailer.delivery.outcomes import GatedMessage, MessageOutcome, derive_settlement
from mailer.delivery.refusal_tracker import PauseCause, RefusalTracker
from mailer.delivery.replies import Phase, Reply, Verdict, judge_reply
from mailer.model.deliveries import Claim, DeliveryState
from tests.unit.samples import NOW

ACCEPTED = judge_reply(Phase.DOT, 250, "2.0.0 queued")
GREYLISTED = judge_reply(Phase.RCPT, 450, "4.2.0 greylisted")


@dataclass
class SimulatedRow:
    """A delivery, and what the relay did with it."""

    number: int
    address: str
    state: DeliveryState = DeliveryState.QUEUED
    attempt: int = 0
    due: float = 0.0
    signature: str = ""
    requeued_for: str = ""
    accepted_count: int = 0
    refused_count: int = 0


@dataclass
class SimulatedRelay:
    """A relay: `dead` recipients are refused with their reply, `greylisted` ones are deferred so
    many times. From `policy_from` messages on, `policy` refuses the others while it is in force."""

    dead: Mapping[int, Reply] = field(default_factory=dict)
    greylisted: dict[int, int] = field(default_factory=dict)
    policy: Callable[[int], Reply] | None = None
    policy_from: int = 0
    seen_count: int = 0
    policy_refusals: int = 0

    def answer_message(self, row: SimulatedRow) -> Reply:
        self.seen_count += 1
        if self.policy is not None and self.seen_count > self.policy_from:
            self.policy_refusals += 1
            return self.policy(self.seen_count)
        if self.greylisted.get(row.number, 0):
            self.greylisted[row.number] -= 1
            return GREYLISTED
        return self.dead.get(row.number, ACCEPTED)


class SimulatedEdition:
    """An edition that is sent until it ends, by as many runs as it takes."""

    def __init__(
        self, addresses: list[str], relay: SimulatedRelay, seed: int, connections: int = 4
    ) -> None:
        self.rows = [SimulatedRow(number, address) for number, address in enumerate(addresses)]
        self.relay = relay
        self.connections = connections
        self.random = random.Random(seed)
        self.pause_signatures: list[str] = []
        self.pauses: list[str] = []
        self.refusals_before_pause: list[int] = []
        self.now = 0.0

    def send(self, on_pause: Callable[[], object] = lambda: None, max_runs: int = 400) -> None:
        """Send until nothing is left, and resume after each pause, once `on_pause` was called."""
        for _ in range(max_runs):
            refused_before = self.relay.policy_refusals
            if self._run_once():
                self.refusals_before_pause.append(self.relay.policy_refusals - refused_before)
                on_pause()
            elif not (queued := [row.due for row in self.rows if self._is_queued(row)]):
                if not self._pause_if_nothing_accepted():
                    return
                on_pause()
            else:
                self.now = max(self.now, min(queued))
        raise AssertionError("the edition does not end")

    def retry_failed(self) -> None:
        """Queue the failed deliveries again, as a person does."""
        for row in self.rows:
            if row.state is DeliveryState.FAILED:
                row.state, row.requeued_for = DeliveryState.QUEUED, row.signature
                row.attempt, row.due = row.attempt - 1, self.now

    def count_states(self) -> Counter[DeliveryState]:
        return Counter(row.state for row in self.rows)

    def _run_once(self) -> bool:
        """Run until nothing is due. Returns True if the edition is paused."""
        tracker = RefusalTracker(tuple(self.pause_signatures))
        unsettled: list[tuple[SimulatedRow, MessageOutcome]] = []
        while True:
            due_rows = sorted(
                (row for row in self.rows if self._is_queued(row) and row.due <= self.now),
                key=lambda row: (row.due, row.number),
            )[: 10 * self.connections]
            for row in due_rows:
                row.state = DeliveryState.ON_WIRE
                row.attempt += 1
            in_flight = list(due_rows)
            while in_flight:
                # Any connection may be the next to hear from the relay.
                row = in_flight.pop(self.random.randrange(min(self.connections, len(in_flight))))
                if tracker.pause is not None:
                    row.state, row.attempt = DeliveryState.QUEUED, row.attempt - 1
                else:
                    unsettled.append((row, self._deliver(row, tracker)))
                if self.random.random() < 0.3:
                    self._settle(unsettled, tracker)
            self._settle(unsettled, tracker)
            if tracker.single_domain:
                domain = tracker.single_domain
                others = any(not row.address.endswith(f"@{domain}") for row in self.rows)
                tracker.confirm_single_domain(has_other_domains=others)
            if tracker.pause is not None:
                self._pause(tracker.pause)
                return True
            if not due_rows:
                break
        cause = tracker.describe_put_off()
        queued_rows = [row for row in self.rows if self._is_queued(row)]
        if cause and queued_rows and all(self._is_put_off(row, cause) for row in queued_rows):
            self._pause(cause)
            return True
        return False

    def _deliver(self, row: SimulatedRow, tracker: RefusalTracker) -> MessageOutcome:
        claim = Claim(
            row.number, 1, row.number, row.address, "", "en", 1, row.attempt, row.requeued_for
        )
        reply = self.relay.answer_message(row)
        if reply.verdict is Verdict.ACCEPTED:
            tracker.accepted_count += 1
            row.accepted_count += 1
        elif reply.verdict is Verdict.REFUSED:
            tracker.note_refusal(claim, reply)
            row.refused_count += 1
        return MessageOutcome(GatedMessage(claim, 1, 0.0, 0.0), reply)

    def _settle(
        self, unsettled: list[tuple[SimulatedRow, MessageOutcome]], tracker: RefusalTracker
    ) -> None:
        while unsettled:
            row, outcome = unsettled.pop()
            moment = NOW + timedelta(seconds=self.now)
            settlement = derive_settlement(outcome, moment, NOW, tracker)
            row.state, row.signature = settlement.state, settlement.signature or row.signature
            row.due = self.now + settlement.retry_after
            row.attempt -= not settlement.counts_as_attempt

    def _pause(self, cause: PauseCause) -> None:
        self.pauses.append(cause.reason)
        self.pause_signatures += cause.signatures
        for row in self.rows:
            is_failed = row.state is DeliveryState.FAILED
            if (is_failed or self._is_queued(row)) and self._is_put_off(row, cause):
                row.state, row.due, row.requeued_for = DeliveryState.QUEUED, self.now, row.signature
                row.attempt -= is_failed

    def _pause_if_nothing_accepted(self) -> bool:
        states = self.count_states()
        if states[DeliveryState.SENT] or not states[DeliveryState.FAILED]:
            return False
        if "nothing accepted" in self.pause_signatures:
            return False
        self.pause_signatures.append("nothing accepted")
        self.pauses.append("nothing accepted")
        return True

    @staticmethod
    def _is_queued(row: SimulatedRow) -> bool:
        return row.state is DeliveryState.QUEUED

    @staticmethod
    def _is_put_off(row: SimulatedRow, cause: PauseCause) -> bool:
        return row.signature in cause.signatures and row.requeued_for != row.signature
