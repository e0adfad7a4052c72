"""The editions that are being delivered, and the accounts of what became of their messages."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from mailer.delivery.dispatch import Dispatch
from mailer.delivery.outcomes import STEP_ASIDE, Losses, Outcome, Progress, settlement
from mailer.delivery.replies import Verdict
from mailer.delivery.turn import Consignment, Place
from mailer.outbox import Claim, DeliveryState, Settlement


class Roster:
    """Kept by the ledger's thread; others may read.

    `going` are the editions that are delivered; `stopped` those that somebody has paused or
    cancelled: connections return what they hold of them."""

    def __init__(self, dispatch: Dispatch, clock: Callable[[], datetime]) -> None:
        self._dispatch = dispatch
        self._clock = clock
        self._losses = Losses()
        self._answered = 0
        self.going: dict[int, Consignment] = {}
        self.stopped: dict[int, Consignment] = {}
        self.progress = Progress()

    def entry(self, claim: Claim) -> Consignment | None:
        return self.going.get(claim.edition_id) or self.stopped.get(claim.edition_id)

    def add(self, entry: Consignment) -> None:
        edition = entry.edition
        if (before := self.stopped.pop(edition.id, None)) is not None:
            entry.out = before.out
        self.going[edition.id] = entry
        self._dispatch.add(edition.id, edition.priority.weight)

    def stop(self, number: int) -> None:
        """Somebody has paused or cancelled the edition, or it was refused alike."""
        entry = self.stopped[number] = self.going.pop(number)
        self._dispatch.drop(number)
        if entry.alike.too_many:
            self.progress.failed -= len(entry.alike.ids)

    def settle(
        self, unsettled: Sequence[tuple[Place, Outcome]], now: float
    ) -> tuple[list[Settlement], set[int]]:
        """Settlements, and the stopped editions that some of them are of."""
        moment = self._clock()
        settlements: list[Settlement] = []
        loose: set[int] = set()
        worked: set[str] = set()
        relays: Counter[str] = Counter(self.progress.relays)
        accepted = 0
        for place, outcome in unsettled:
            (claim, sender, *_), reply = outcome
            self.is_back(place, claim)
            if reply.answers:
                self._answered += 1
                worked.add(place.relay)
            entry = self.going.get(claim.edition_id)
            if entry is None:
                loose.add(claim.edition_id)
            if reply.verdict is Verdict.ACCEPTED and (entry is None or not entry.alike.ids):
                accepted += 1  # as nearly always: the short way
                relays[place.relay] += 1
                settlements.append(Settlement(claim.id, sender, DeliveryState.SENT, str(reply)))
            else:
                relays[place.relay] += reply.verdict is Verdict.ACCEPTED
                settlements.append(self._settle(outcome, moment, now))
        for relay in worked:
            self._dispatch.progressed(relay, now)
        self.progress.relays = +relays
        self.progress.sent += accepted
        self.progress.left = max(self.progress.left - accepted, 0)
        return settlements, loose & self.stopped.keys()

    def _settle(self, outcome: Outcome, moment: datetime, now: float) -> Settlement:
        """A settlement, and what follows from it for the run."""
        claim, reply = outcome.passed.claim, outcome.reply
        entry = self.entry(claim)
        stuck = reply.verdict is Verdict.LOST and self._losses.is_stuck(claim, self._answered)
        poison = reply.verdict is Verdict.LOST and self._losses.is_poison(claim, self._answered)
        planned_at = entry.edition.planned_at if entry else None
        done = settlement(outcome, moment, planned_at, poison=poison)
        if stuck and not poison:
            done = done._replace(retry_after=STEP_ASIDE)
            if entry:
                entry.waits_until = max(entry.waits_until, now + STEP_ASIDE)
        if reply.verdict is Verdict.REFUSED and self._refused_alike(claim):
            done = done._replace(state=DeliveryState.QUEUED, spend=False)
        self._count(done)
        if entry:
            entry.alike.note(claim, reply)
            if done.state is DeliveryState.QUEUED and not done.retry_after:
                entry.recheck = 0.0
        return done

    def _refused_alike(self, claim: Claim) -> bool:
        """Whether its edition was stopped since a relay refuses everyone: it speaks of us."""
        entry = self.stopped.get(claim.edition_id)
        return entry is not None and entry.alike.too_many

    def is_back(self, place: Place, claim: Claim) -> None:
        """It is out no more: settled, or it never went."""
        place.out -= 1
        if self._dispatch.throttled:
            self._dispatch.settled(place, claim)
        if (entry := self.entry(claim)) is not None:
            entry.out -= 1

    def _count(self, done: Settlement) -> None:
        ours = self.progress
        match done.state:
            case DeliveryState.SENT:
                ours.sent += 1
            case DeliveryState.FAILED:
                ours.failed += 1
            case DeliveryState.IN_DOUBT:
                ours.in_doubt += 1
            case _ if done.spend:
                ours.deferred += 1
            case _:
                return
        ours.left = max(ours.left - 1, 0)

    def turned_away(self, count: int) -> None:
        """The gate refused so many for good."""
        self.progress.turned_away += count
        self.progress.left = max(self.progress.left - count, 0)
