"""Turn replies into the settlements that the ledger writes, and into progress figures.

This code is pure, except that its classes keep counts.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from mailer import outbox
from mailer.delivery.refusal_tracker import PUT_OFF_DELAY, RefusalTracker
from mailer.delivery.refusals import judge_refusal, make_signature
from mailer.delivery.replies import Reply, Verdict
from mailer.model.deliveries import EXPIRE_AFTER, Claim, DeliveryState, Settlement
from mailer.model.relay_outages import RelayRest

MAX_LOST_LINKS = 3
"""Number of lost links after which a message is deferred, if the relay answered for other messages
in between. Otherwise a message that breaks connections would be tried forever."""

STUCK_DELAY = 1.0
"""Seconds for which a message waits after it lost the link twice in a row, so that others are sent
first."""

RATE_WINDOW = 10.0
"""Seconds over which the rate of messages is measured."""


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

    `turned_away` counts deliveries suppressed or cancelled at the gate, `diverted` those that safe
    mode diverted there. `waiting` names the reason if the run waits. `rate` is messages a second
    over the last :data:`RATE_WINDOW` seconds. `left` is the number of deliveries still to be tried,
    and `seconds_left` the time for them at this rate (None if unknown). `relays` counts the
    messages that each relay accepted; `troubles` says why a relay rests, and `relay_rests` has the
    same for the record, also after a first error that only a person can fix; `answering_relays`
    have answered for a message and not failed since. `paused` holds the reasons of editions that
    were paused, `notes` other news of relays by their names."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    turned_away: int = 0
    diverted: int = 0
    in_doubt: int = 0
    left: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    waiting: str = ""
    relays: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    relay_rests: dict[str, RelayRest] = field(default_factory=dict)
    answering_relays: tuple[str, ...] = ()
    paused: dict[int, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return (
            self.sent
            + self.deferred
            + self.failed
            + self.turned_away
            + self.diverted
            + self.in_doubt
        )

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
        # The count may fall: refusals alike count as failed only until their edition is paused.
        return max(done_count - earlier_count, 0) / (now - since) if now > since else 0.0


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
    outcome: MessageOutcome,
    now: datetime,
    planned_at: datetime | None,
    refusals: RefusalTracker,
    *,
    is_poison: bool = False,
) -> Settlement:
    """Return the settlement to write: the delivery's next state, and when to try again."""
    message, reply = outcome
    claim = message.claim
    reply_text = str(reply)
    match reply.verdict:
        case Verdict.ACCEPTED:
            return Settlement(claim.id, message.worker_id, DeliveryState.SENT, reply_text)
        case Verdict.REFUSED:
            return _derive_refusal(message, reply, refusals, now, planned_at)
        case Verdict.IN_DOUBT:
            return Settlement(
                claim.id,
                message.worker_id,
                DeliveryState.IN_DOUBT,
                reply_text,
                outbox.get_retry_delay(claim.doubts + 1).total_seconds(),
            )
        case Verdict.DEFERRED:
            signature = make_signature(reply, claim.address)
            return _derive_deferral(message, reply_text, now, planned_at, signature)
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


def _derive_refusal(
    message: GatedMessage,
    reply: Reply,
    refusals: RefusalTracker,
    now: datetime,
    planned_at: datetime | None,
) -> Settlement:
    """Return the settlement of a refusal: failed, or put off if it speaks of this office."""
    claim, reply_text = message.claim, str(reply)
    judgement = judge_refusal(reply, claim.address)
    signature = judgement.signature
    state = refusals.choose_state(claim, judgement)
    if state is DeliveryState.FAILED:
        return Settlement(claim.id, message.worker_id, state, reply_text, signature=signature)
    if not refusals.may_pause:
        return _derive_deferral(message, reply_text, now, planned_at, signature)
    return Settlement(
        claim.id,
        message.worker_id,
        state,
        reply_text,
        PUT_OFF_DELAY,
        counts_as_attempt=False,
        signature=signature,
    )


def _derive_deferral(
    message: GatedMessage,
    reply_text: str,
    now: datetime,
    planned_at: datetime | None,
    signature: str = "",
) -> Settlement:
    """Return the settlement of a temporary failure: queued for later, or expired."""
    state = DeliveryState.QUEUED
    if planned_at and now - planned_at > EXPIRE_AFTER:
        state = DeliveryState.EXPIRED
    delay = outbox.get_retry_delay(message.claim.attempt).total_seconds()
    return Settlement(
        message.claim.id, message.worker_id, state, reply_text, delay, signature=signature
    )
