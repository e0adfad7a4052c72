"""An edition's state is one word, and :data:`TRANSITIONS` the only table of where it may go::

    draft ──> in_review ──> approved ──> scheduled ──> sending <──> paused
                                                          │
                                                          v
                                                        sent

========== ================================================================ ====================
state      is                                                               moved on by
========== ================================================================ ====================
draft      being made                                                       a person; of one with
                                                                            a time, the clock
in_review  composed and checked; somebody is asked to approve it            the approver
approved   may go; has no time of its own                                   ``send``, ``schedule``
scheduled  approved, and goes when its time has come                        the clock
sending    begun: its audience is frozen                                    delivery
paused     stopped at the gate                                              ``resume``
sent       nothing is left to do; failed or doubtful deliveries that are    ``retry``
           tried again bring it back to sending
held       kept for a person, with the reason                               ``reopen``
skipped    there was too little to send; its stories are free               nothing
expired    nobody approved it before its digest's next edition was          nothing
           assembled, and its stories are in that one
cancelled  stopped for good                                                 nothing
========== ================================================================ ====================

Whatever changes in an edition that is not sent yet, or in its stories, puts it back to draft.
"""

from collections.abc import Mapping
from enum import StrEnum


class EditionState(StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    ON_HOLD = "held"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


_S = EditionState

EDITION_TRANSITIONS: Mapping[EditionState, frozenset[EditionState]] = {
    _S.DRAFT: frozenset(
        {_S.IN_REVIEW, _S.APPROVED, _S.SCHEDULED, _S.ON_HOLD, _S.SKIPPED, _S.EXPIRED, _S.CANCELLED}
    ),
    _S.IN_REVIEW: frozenset(
        {_S.DRAFT, _S.APPROVED, _S.SCHEDULED, _S.ON_HOLD, _S.EXPIRED, _S.CANCELLED}
    ),
    _S.APPROVED: frozenset({_S.DRAFT, _S.SCHEDULED, _S.SENDING, _S.CANCELLED}),
    _S.SCHEDULED: frozenset({_S.DRAFT, _S.APPROVED, _S.SENDING, _S.ON_HOLD, _S.CANCELLED}),
    _S.SENDING: frozenset({_S.PAUSED, _S.SENT, _S.CANCELLED}),
    _S.PAUSED: frozenset({_S.SENDING, _S.CANCELLED}),
    _S.SENT: frozenset({_S.SENDING}),
    _S.ON_HOLD: frozenset({_S.DRAFT, _S.EXPIRED, _S.CANCELLED}),
    _S.SKIPPED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
}

OPEN_STATES = (_S.DRAFT, _S.IN_REVIEW, _S.ON_HOLD, _S.APPROVED, _S.SCHEDULED)
"""Nothing has been sent yet: it can still change."""

UNAPPROVED_STATES = (_S.DRAFT, _S.IN_REVIEW, _S.ON_HOLD)
"""Nobody has let it go, or it was taken back."""

REVERTIBLE_STATES = (_S.DRAFT, _S.IN_REVIEW, _S.APPROVED, _S.SCHEDULED)
"""A change in one of its stories makes it a draft, composed anew."""


class EditionKind(StrEnum):
    """A mailing goes to a list; a notice to staff, at addresses of its own; a service mail to an
    address that something was asked for, whoever asked; a welcome to a new member, as a service
    mail, but only while they are one."""

    MAILING = "mailing"
    NOTICE = "notice"
    SERVICE = "service"
    WELCOME = "welcome"


KINDS_TO_ANYONE = (EditionKind.NOTICE, EditionKind.SERVICE)
"""Kinds that pass the gate to whoever is on no list."""

PER_RECIPIENT_KINDS = (EditionKind.SERVICE, EditionKind.WELCOME)
"""Kinds of editions that mails are added to one by one, for as long as they say the same."""


class EditionRole(StrEnum):
    """What an edition is in the course of a release. A plain one goes to its list. The others hold
    one story and go by who has got it: an advance copy to trusted media contacts while the story is
    embargoed, and the release to everybody else of the list; a correction to exactly those who have
    got an earlier version, and so a kill, which takes it back."""

    PLAIN = "plain"
    ADVANCE = "advance"
    RELEASE = "release"
    CORRECTION = "correction"
    KILL = "kill"


EMBARGO_STATING_ROLES = (EditionRole.ADVANCE, EditionRole.CORRECTION)
"""Roles of editions that say how long the story is embargoed, and may go out until then: to those
alone who are trusted with it."""

PRIOR_RECIPIENT_ROLES = (EditionRole.CORRECTION, EditionRole.KILL)
"""Roles of editions that reach those who have got an earlier one, whatever they choose by now, as
long as they are on the list."""


class ArchiveVisibility(StrEnum):
    """Whether an edition stands in its list's public archive and feeds: only a public list has
    one."""

    PUBLIC = "public"
    PRIVATE = "private"


class SendTimeBasis(StrEnum):
    """Whose clock counts: the office's, or each reader's own (the subscriber's zone, else the
    list's, else the office's)."""

    OFFICE = "office"
    READER = "reader"


class InDoubtPolicy(StrEnum):
    """What happens to a delivery of which we don't know whether the relay took it."""

    RESEND = "resend"
    KEEP_IN_DOUBT = "hold"


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
