"""An edition's state is one word, and :data:`TRANSITIONS` the only table of where it may go::

    draft ──> approved ──> sending <──> paused
      ^  <───────┘            │            │
    held                      v            v
    draft, held, approved, sending, paused ──> cancelled
                           sending <─> sent            skipped: made so, and stays so

What has been sent goes on sending when failed or doubtful deliveries are tried again.
"""

from collections.abc import Mapping
from enum import StrEnum


class EditionState(StrEnum):
    DRAFT = "draft"
    HELD = "held"
    SKIPPED = "skipped"
    APPROVED = "approved"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[EditionState, frozenset[EditionState]] = {
    EditionState.DRAFT: frozenset({EditionState.APPROVED, EditionState.CANCELLED}),
    EditionState.HELD: frozenset({EditionState.DRAFT, EditionState.CANCELLED}),
    EditionState.SKIPPED: frozenset(),
    EditionState.APPROVED: frozenset(
        {EditionState.DRAFT, EditionState.SENDING, EditionState.CANCELLED}
    ),
    EditionState.SENDING: frozenset(
        {EditionState.PAUSED, EditionState.SENT, EditionState.CANCELLED}
    ),
    EditionState.PAUSED: frozenset({EditionState.SENDING, EditionState.CANCELLED}),
    EditionState.SENT: frozenset({EditionState.SENDING}),
    EditionState.CANCELLED: frozenset(),
}

OPEN = (EditionState.DRAFT, EditionState.HELD, EditionState.APPROVED)
"""Nothing has been sent yet: it can still change."""


class InDoubt(StrEnum):
    """What happens to a delivery of which we don't know whether the relay took it."""

    RESEND = "resend"
    HOLD = "hold"


class Priority(StrEnum):
    """Whose messages go first when several editions are being sent: none waits for another to
    end, each has its share."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"

    @property
    def weight(self) -> int:
        """Messages of this edition to one of a low one, while both have any."""
        return {"urgent": 64, "normal": 8, "low": 1}[self.value]
