"""What became of a message, as the ledger writes it down: replies into settlements, and figures.

Pure but for the counts that it keeps.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer import outbox
from mailer.delivery.replies import Reply, Verdict
from mailer.outbox import Claim, DeliveryState, Settlement

ALIKE = 5
"""Refusals alike, on different recipients, that speak of us and not of them."""

POISON = 3
"""Lost links, each while the relay went on with others, after which it is this message's turn to
wait: else one message that breaks a relay's connections would be tried for ever."""

STEP_ASIDE = 1.0
"""Seconds for which a message lets others go first that has broken the link twice in a row."""

RATE_OVER = 10.0
"""Seconds over which messages a second are counted."""

_ABOUT_THE_RECIPIENT = re.compile(r"^5[.][12][.]\d")


class Passed(NamedTuple):
    """A message past the gate, in a connection's hand. `sender` and `at` (seconds) say when and by
    whom it was let out; it is not to go before `not_before`."""

    claim: Claim
    sender: int
    at: float
    not_before: float


class Outcome(NamedTuple):
    """What a connection reports of a message."""

    passed: Passed
    reply: Reply


@dataclass(slots=True)
class Progress:
    """What a run has done so far, counted in deliveries.

    `turned_away` were suppressed, or cancelled, at the gate. `waiting` says what the run waits
    for, if anything. `rate` is messages a second over the last :data:`RATE_OVER`, `left` how many
    are still to be tried, `seconds_left` how long that will take at this rate (None: unknown).
    `relays` counts what each relay has accepted, `troubles` says of each that rests why."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    turned_away: int = 0
    in_doubt: int = 0
    left: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    waiting: str = ""
    relays: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.sent + self.deferred + self.failed + self.turned_away + self.in_doubt

    @property
    def seconds_left(self) -> float | None:
        return self.left / self.rate if self.rate else None


class Pace:
    """Messages a second, over the last few seconds."""

    def __init__(self, now: float) -> None:
        self._marks = deque([(now, 0)])

    def rate(self, now: float, done: int) -> float:
        if now - self._marks[-1][0] >= 0.5:
            self._marks.append((now, done))
            while len(self._marks) > 2 and now - self._marks[1][0] > RATE_OVER:
                self._marks.popleft()
        since, before = self._marks[0]
        # What was refused alike counts as failed until its edition is stopped.
        return max(done - before, 0) / (now - since) if now > since else 0.0


@dataclass(slots=True)
class Alike:
    """The last refusals of an edition's messages, as long as they are the same."""

    said: str = ""
    ids: list[int] = field(default_factory=list)

    @property
    def too_many(self) -> bool:
        return len(self.ids) >= ALIKE

    def note(self, claim: Claim, reply: Reply) -> None:
        if reply.verdict is Verdict.ACCEPTED:
            if self.ids and not self.too_many:
                self.said, self.ids = "", []
            return
        if reply.verdict is not Verdict.REFUSED or _ABOUT_THE_RECIPIENT.match(reply.text):
            return
        said = f"{reply.phase} {reply.code} {reply.text.replace(claim.address, '')}"
        if said != self.said:
            if self.too_many:
                return
            self.said, self.ids = said, []
        self.ids.append(claim.id)


class Losses:
    """Messages whose link was lost before they had gone, again and again."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def is_stuck(self, claim: Claim, answered: int) -> bool:
        """Whether it was the last that was tried before, too: others should have a turn."""
        return self._seen.get(claim.id, (0, -1))[1] == answered

    def is_poison(self, claim: Claim, answered: int) -> bool:
        """Whether it is time to put this one off. `answered`: how many messages the relays have
        answered for so far; where they answer for none, it is not the message's fault."""
        times, before = self._seen.get(claim.id, (0, -1))
        if answered > before:
            times += 1
        self._seen[claim.id] = (times, answered)
        if times < POISON:
            return False
        del self._seen[claim.id]
        return True


def settlement(
    outcome: Outcome, now: datetime, planned_at: datetime | None, *, poison: bool = False
) -> Settlement:
    """What to write down of a message: its next state, and when to try again."""
    passed, reply = outcome
    claim = passed.claim
    said = str(reply)
    match reply.verdict:
        case Verdict.ACCEPTED:
            return Settlement(claim.id, passed.sender, DeliveryState.SENT, said)
        case Verdict.REFUSED:
            return Settlement(claim.id, passed.sender, DeliveryState.FAILED, said)
        case Verdict.IN_DOUBT:
            return Settlement(claim.id, passed.sender, DeliveryState.IN_DOUBT, said)
        case Verdict.DEFERRED:
            return _deferred(passed, said, now, planned_at)
        case Verdict.LOST if poison:
            return _deferred(passed, f"{said}, {POISON} times", now, planned_at)
        case _:
            return Settlement(claim.id, passed.sender, DeliveryState.QUEUED, said, spend=False)


def _deferred(passed: Passed, said: str, now: datetime, planned_at: datetime | None) -> Settlement:
    """A temporary failure: when to try again, or that it has been tried for too long."""
    state = DeliveryState.QUEUED
    if planned_at and now - planned_at > outbox.EXPIRE_AFTER:
        state = DeliveryState.EXPIRED
    wait = outbox.retry_after(passed.claim.attempt).total_seconds()
    return Settlement(passed.claim.id, passed.sender, state, said, wait)
