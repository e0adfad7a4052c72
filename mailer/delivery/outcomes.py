"""Turn replies into the settlements that the ledger writes, and into progress figures.

This code is pure, except that its classes keep counts.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer import outbox
from mailer.delivery.replies import Reply, Verdict
from mailer.model.deliveries import EXPIRE_AFTER, Claim, DeliveryState, Settlement

MAX_REPEATED_REFUSALS = 5
"""Number of equal refusals for different recipients after which the edition is paused, since the
relay objects to this office, not to the recipients."""

MAX_LOST_LINKS = 3
"""Number of lost links after which a message is deferred, if the relay answered for other messages
in between. Otherwise a message that breaks connections would be tried forever."""

STUCK_DELAY = 1.0
"""Seconds for which a message waits after it lost the link twice in a row, so that others are sent
first."""

RATE_WINDOW = 10.0
"""Seconds over which the rate of messages is measured."""

_ABOUT_THE_RECIPIENT = re.compile(r"^5[.][12][.]\d")


class GatedMessage(NamedTuple):
    """A message that has passed the gate and that a connection may send.

    The worker `worker_id` let the message pass at `gated_at`. It must not be sent before
    `not_before` (both in seconds of the monotonic clock)."""

    claim: Claim
    worker_id: int
    gated_at: float
    not_before: float


class MessageOutcome(NamedTuple):
    """A connection's report about a message: the relay's reply."""

    message: GatedMessage
    reply: Reply


@dataclass(slots=True)
class DeliveryProgress:
    """The progress of a run, counted in deliveries.

    `turned_away` counts deliveries suppressed or cancelled at the gate. `waiting` names the reason
    if the run waits. `rate` is messages a second over the last :data:`RATE_WINDOW` seconds. `left`
    is the number of deliveries still to be tried, and `seconds_left` the time for them at this rate
    (None if unknown). `relays` counts the messages that each relay accepted; `troubles` says why a
    relay rests."""

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


class RateMeter:
    """Measures messages a second over the last :data:`RATE_WINDOW` seconds."""

    def __init__(self, now: float) -> None:
        self._samples = deque([(now, 0)])

    def measure_rate(self, now: float, done_count: int) -> float:
        if now - self._samples[-1][0] >= 0.5:
            self._samples.append((now, done_count))
            while len(self._samples) > 2 and now - self._samples[1][0] > RATE_WINDOW:
                self._samples.popleft()
        since, earlier_count = self._samples[0]
        # The count may fall: equal refusals no longer count as failed once their edition is paused.
        return max(done_count - earlier_count, 0) / (now - since) if now > since else 0.0


@dataclass(slots=True)
class RepeatedRefusals:
    """The last refusals of an edition's messages, as long as they are equal."""

    refusal_text: str = ""
    delivery_ids: list[int] = field(default_factory=list)

    @property
    def is_limit_reached(self) -> bool:
        return len(self.delivery_ids) >= MAX_REPEATED_REFUSALS

    def note_reply(self, claim: Claim, reply: Reply) -> None:
        if reply.verdict is Verdict.ACCEPTED:
            if self.delivery_ids and not self.is_limit_reached:
                self.refusal_text, self.delivery_ids = "", []
            return
        if reply.verdict is not Verdict.REFUSED or _ABOUT_THE_RECIPIENT.match(reply.text):
            return
        refusal_text = f"{reply.phase} {reply.code} {reply.text.replace(claim.address, '')}"
        if refusal_text != self.refusal_text:
            if self.is_limit_reached:
                return
            self.refusal_text, self.delivery_ids = refusal_text, []
        self.delivery_ids.append(claim.id)


class LostLinkTracker:
    """Counts for each message how many links were lost before it was sent."""

    def __init__(self) -> None:
        self._losses: dict[int, tuple[int, int]] = {}

    def is_stuck(self, claim: Claim, answered_count: int) -> bool:
        """Check whether the previous link was lost on the same message, so that others should be
        sent first."""
        return self._losses.get(claim.id, (0, -1))[1] == answered_count

    def is_poison(self, claim: Claim, answered_count: int) -> bool:
        """Note a lost link, and check whether this message should now be deferred.

        `answered_count` is the number of messages that relays have answered for so far. If it does
        not rise, the message is not the cause."""
        loss_count, earlier_count = self._losses.get(claim.id, (0, -1))
        if answered_count > earlier_count:
            loss_count += 1
        self._losses[claim.id] = (loss_count, answered_count)
        if loss_count < MAX_LOST_LINKS:
            return False
        del self._losses[claim.id]
        return True


def derive_settlement(
    outcome: MessageOutcome, now: datetime, planned_at: datetime | None, *, is_poison: bool = False
) -> Settlement:
    """Return the settlement to write: the delivery's next state, and when to try again."""
    message, reply = outcome
    claim = message.claim
    reply_text = str(reply)
    match reply.verdict:
        case Verdict.ACCEPTED:
            return Settlement(claim.id, message.worker_id, DeliveryState.SENT, reply_text)
        case Verdict.REFUSED:
            return Settlement(claim.id, message.worker_id, DeliveryState.FAILED, reply_text)
        case Verdict.IN_DOUBT:
            return Settlement(claim.id, message.worker_id, DeliveryState.IN_DOUBT, reply_text)
        case Verdict.DEFERRED:
            return _derive_deferral(message, reply_text, now, planned_at)
        case Verdict.LOST if is_poison:
            return _derive_deferral(
                message, f"{reply_text}, {MAX_LOST_LINKS} times", now, planned_at
            )
        case _:
            return Settlement(
                claim.id,
                message.worker_id,
                DeliveryState.QUEUED,
                reply_text,
                counts_as_attempt=False,
            )


def _derive_deferral(
    message: GatedMessage, reply_text: str, now: datetime, planned_at: datetime | None
) -> Settlement:
    """Return the settlement of a temporary failure: queued for later, or expired."""
    state = DeliveryState.QUEUED
    if planned_at and now - planned_at > EXPIRE_AFTER:
        state = DeliveryState.EXPIRED
    delay = outbox.get_retry_delay(message.claim.attempt).total_seconds()
    return Settlement(message.claim.id, message.worker_id, state, reply_text, delay)
