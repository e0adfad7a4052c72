"""The states of an edition. :data:`EDITION_TRANSITIONS` is the only table of their transitions::

    draft ──> in_review ──> approved ──> scheduled ──> sending <──> paused
                                                          │
                                                          v
                                                        sent

========== ================================================================ ====================
state      meaning                                                          moved on by
========== ================================================================ ====================
draft      being made                                                       a person; if it has
                                                                            a time, the clock
in_review  composed and checked; its approval is requested                  the approver
approved   may be sent; has no time of its own                              ``send``, ``schedule``
scheduled  approved, and sent when its time has come                        the clock
sending    begun: its audience is frozen                                    delivery
paused     stopped at the gate                                              ``resume``
sent       nothing is left to do; failed or doubtful deliveries that are    ``retry``
           tried again bring it back to sending
held       on hold for a person, with the reason                            ``reopen``
skipped    there was too little to send; its stories are free               nothing
expired    not approved before its digest's next edition was assembled,     nothing
           which has its stories
cancelled  stopped permanently                                              nothing
========== ================================================================ ====================

Any change to an edition that is not sent yet, or to its stories, returns the edition to draft.
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

    @property
    def words(self) -> str:
        """The state in words for people: "in review", "on hold"."""
        return {"in_review": "in review", "held": "on hold"}.get(self.value, self.value)


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
"""Nothing has been sent yet, so an edition in such a state can still change."""

BEGUN_STATES = (_S.SENDING, _S.PAUSED)
"""Sending has begun and has not ended: the mails can no longer change."""

UNAPPROVED_STATES = (_S.DRAFT, _S.IN_REVIEW, _S.ON_HOLD)
"""The edition was not approved, or its approval was withdrawn."""

REVERTIBLE_STATES = (_S.DRAFT, _S.IN_REVIEW, _S.APPROVED, _S.SCHEDULED)
"""A change in one of its stories makes an edition in such a state a draft, to be composed again."""


class EditionKind(StrEnum):
    """The kind of an edition. A mailing goes to a list. A notice goes to staff, at addresses in the
    settings. A service mail goes to the address in a request. A welcome goes to a new member, like
    a service mail, but only as long as the person is a member. A test mail is a mailing as one
    reader would get it, and goes to staff. A repeat is a sent mailing for one reader who did not
    get it; it has the mailing's bodies."""

    MAILING = "mailing"
    NOTICE = "notice"
    SERVICE = "service"
    WELCOME = "welcome"
    TEST = "test"
    REPEAT = "repeat"


KINDS_TO_ANYONE = (EditionKind.NOTICE, EditionKind.SERVICE, EditionKind.TEST)
"""Kinds that pass the gate even if the recipient is on no list."""

RESUMED_KINDS = (
    EditionKind.SERVICE, EditionKind.WELCOME, EditionKind.TEST, EditionKind.REPEAT,
)  # fmt: skip
"""Kinds of editions that staff do not see. If delivery has paused them, they are resumed after a
while."""

PER_RECIPIENT_KINDS = (EditionKind.SERVICE, EditionKind.WELCOME)
"""Kinds of rolling editions, to which mails are added one by one as long as their text is the
same."""


class EditionRole(StrEnum):
    """The role of an edition in a release. A plain edition goes to its list. An edition with
    another role holds one story, and its recipients depend on who has received that story. An
    advance copy goes to trusted media contacts while the story is embargoed, and the release goes
    to the other members of the list. A correction goes to exactly the people who have received an
    earlier version, and so does a kill, which withdraws the story."""

    PLAIN = "plain"
    ADVANCE = "advance"
    RELEASE = "release"
    CORRECTION = "correction"
    KILL = "kill"


EMBARGO_STATING_ROLES = (EditionRole.ADVANCE, EditionRole.CORRECTION)
"""Roles of editions whose mails state the embargo, and may be sent to contacts who are trusted with
embargoes before it ends."""

PRIOR_RECIPIENT_ROLES = (EditionRole.CORRECTION, EditionRole.KILL)
"""Roles of editions that go to the recipients of an earlier edition, whatever these people have
chosen since, as long as they are on the list."""


class ArchiveVisibility(StrEnum):
    """The visibility of an edition in its list's public archive and feeds, which only public lists
    have."""

    PUBLIC = "public"
    PRIVATE = "private"


class SendTimeBasis(StrEnum):
    """The clock that decides the send time: the office's, or each reader's own (in the subscriber's
    zone, otherwise the list's, otherwise the send time's)."""

    OFFICE = "office"
    READER = "reader"


class InDoubtPolicy(StrEnum):
    """The rule for a delivery if we cannot tell whether the relay accepted it."""

    RESEND = "resend"
    KEEP_IN_DOUBT = "hold"


class Priority(StrEnum):
    """The priority among editions that are sent at the same time. Each gets a share, and none waits
    for another to end."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"

    @property
    def weight(self) -> int:
        """The number of this edition's messages that are sent in the time in which an edition with
        low priority sends one."""
        return {"urgent": 64, "normal": 8, "low": 1}[self.value]
