"""Records of deliveries, and the table of their states; the rules are in ``mailer/outbox``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from mailer.model.editions import Edition
from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState


class DeliveryState(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    ON_WIRE = "on_wire"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    DIVERTED = "diverted"


_S = DeliveryState

DELIVERY_TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _S.QUEUED: frozenset({_S.CLAIMED, _S.SUPPRESSED, _S.CANCELLED, _S.SENT, _S.IN_DOUBT}),
    _S.CLAIMED: frozenset(
        {_S.QUEUED, _S.ON_WIRE, _S.SUPPRESSED, _S.CANCELLED, _S.DIVERTED, _S.SENT, _S.IN_DOUBT}
    ),
    _S.ON_WIRE: frozenset(
        {
            _S.SENT,
            _S.FAILED,
            _S.QUEUED,
            _S.IN_DOUBT,
            _S.EXPIRED,
            _S.SUPPRESSED,
            _S.CANCELLED,
            _S.DIVERTED,
        }
    ),
    _S.IN_DOUBT: frozenset({_S.QUEUED, _S.SENT}),
    _S.SENT: frozenset(),
    _S.FAILED: frozenset({_S.QUEUED, _S.SENT}),
    _S.EXPIRED: frozenset({_S.QUEUED, _S.SENT}),
    _S.SUPPRESSED: frozenset({_S.SENT}),
    _S.CANCELLED: frozenset({_S.SENT}),
    _S.DIVERTED: frozenset({_S.QUEUED, _S.SENT}),
}

UNFINISHED_STATES = (_S.QUEUED, _S.CLAIMED, _S.ON_WIRE)
"""As long as a delivery is in one of these states, its edition is not finished."""

UNDELIVERED_STATES = (_S.FAILED, _S.EXPIRED, _S.SUPPRESSED, _S.CANCELLED, _S.DIVERTED)
"""States, other than sent, of deliveries that are finished. An index has them, and reports count
them in it."""

IN_FLIGHT_STATES = (_S.CLAIMED, _S.ON_WIRE)
"""States in which a delivery belongs to one worker."""

EMBARGOED_REPLY = "embargoed"
"""The reply of a delivery that the gate defers until an embargo ends."""

KILLED_REPLY = "killed, or to be killed"
"""The reply of a delivery that the gate stops because a story was killed, or a kill was
requested."""

UNTRUSTED_REPLY = "no longer trusted with embargoes"
"""The reply of an advance copy's delivery to a contact who lost trust after planning."""

DIVERTED_REPLY = "safe mode: it was not sent"
"""The reply of a delivery that the gate diverts."""

RETRY_DELAYS = (
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=3),
)

MAX_DOUBTS = 3
"""Number of attempts in doubt after which a delivery stays in doubt until a person decides: each of
these attempts may have brought the reader a copy."""

EXPIRE_AFTER = timedelta(days=5)
"""RFC 5321 §4.5.4.1: give up after four to five days."""


class Exclusion(StrEnum):
    """The reason why a member of the list got no delivery row."""

    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    FREQUENCY = "another frequency"
    PAUSED = "paused"
    SEGMENT = "not in the segment"
    SUPPRESSED = "suppressed"
    NO_STORY = "no story for them"
    UNTRUSTED = "not trusted with embargoes"
    HAS_IT = "got it already"
    HAS_NOTHING = "got no earlier version"


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """The number of deliveries planned, and of members left out by reason."""

    planned: int
    excluded: Mapping[Exclusion, int]


@dataclass(frozen=True, slots=True)
class Audience:
    """The readers that an edition would have if it started now: their number by the language of
    their mail, and the number of members left out by reason."""

    readers: Mapping[str, int]
    excluded: Mapping[Exclusion, int]

    @property
    def total(self) -> int:
        """The number of readers."""
        return sum(self.readers.values())


@dataclass(frozen=True, slots=True)
class Delivery:
    """One edition to one address. `stories` is the bit mask of stories, and `language` is the
    language of the body. Times are aware and in UTC. `fields` are those of the reader's own fields
    that the mail prints, as a JSON object, or empty."""

    id: int
    edition_id: int
    subscriber_id: int
    address: str
    name: str
    language: str
    stories: int
    state: DeliveryState
    attempt: int
    next_attempt_at: datetime
    reply: str
    updated_at: datetime
    requeued_for: str = ""
    doubts: int = 0
    fields: str = ""


@dataclass(frozen=True, slots=True)
class ReplyGroup:
    """Deliveries in the same state whose replies are alike: with the same `signature`. `reply` is
    one of the replies, as it was recorded. Of failed and expired deliveries, `settled` counts those
    whose address is suppressed, has left the list or pauses mail by now, so that staff need not
    act."""

    state: DeliveryState
    signature: str
    reply: str
    count: int
    settled: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The counts of an edition: deliveries by state, exclusions by reason, and groups of replies
    that are alike. Replies of accepted messages are not in the groups.

    Of the deliveries in doubt, `undecided` counts those that stay in doubt until a person decides.
    The others are sent again, the first of them at `next_resend_at`."""

    edition: Edition
    states: Mapping[DeliveryState, int]
    excluded: Mapping[Exclusion, int]
    by_language: Mapping[str, int]
    replies: tuple[ReplyGroup, ...]
    undecided: int = 0
    next_resend_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """The facts stored about one address, to explain its outcome in an edition. The dates, such as
    `joined_at`, are None if there is no membership. `stories` are the bits of the stories that the
    reader gets by their present choices, and `received_stories` those that they have got in other
    editions. `is_for_others` says that the edition goes to readers of another frequency;
    `past_frequency_until` is the end of the time in which such a reader had the edition's.
    `exclusion` is the reason why an edition of a release would leave the address out today."""

    delivery: Delivery | None = None
    subscriber_id: int | None = None
    membership: MembershipState | None = None
    joined_at: datetime | None = None
    left_at: datetime | None = None
    suppressed: str | None = None
    suppressed_at: datetime | None = None
    frequency: Frequency = Frequency.EVERY
    paused_until: datetime | None = None
    in_segment: bool = True
    past_frequency_until: datetime | None = None
    is_for_others: bool = False
    stories: int = 0
    received_stories: int = 0
    language: str = ""
    story_titles: tuple[str, ...] = ()
    exclusion: Exclusion | None = None


@dataclass(frozen=True, slots=True)
class EditionReader:
    """The reader of a mail that is made before it is sent, in a preview or a test mail. `language`
    is the language of the body, and `stories` are the bits of the stories that the reader gets. A
    reader without an address gets every story. `delivery_id` is 0 if the reader has no delivery
    yet. `fields` are the reader's own fields, as in a delivery."""

    language: str
    stories: int
    subscriber_id: int = 0
    address: str = ""
    name: str = ""
    delivery_id: int = 0
    fields: str = ""


class Claim(NamedTuple):
    """A claimed delivery, with all the data that a connection needs. `attempt` includes this
    attempt. `requeued_for` is the signature of the refusals because of which the delivery was
    queued again. `doubts` is the number of earlier attempts that ended in doubt. `fields` are the
    reader's own fields that the mail prints."""

    id: int
    edition_id: int
    subscriber_id: int
    address: str
    name: str
    language: str
    stories: int
    attempt: int
    requeued_for: str = ""
    doubts: int = 0
    fields: str = ""


class Settlement(NamedTuple):
    """The outcome of a message that passed the gate of worker `worker_id`. `retry_after` is in
    seconds. If `counts_as_attempt` is False, the delivery loses no attempt. Replies that are alike
    have the same `signature`; an empty signature leaves the earlier signature of the delivery in
    place."""

    delivery_id: int
    worker_id: int
    state: DeliveryState
    reply: str = ""
    retry_after: float = 0.0
    counts_as_attempt: bool = True
    signature: str = ""


class GateRefusals(NamedTuple):
    """The numbers of messages that the gate refused permanently: those `turned_away`, since their
    deliveries are suppressed or cancelled, and those `diverted` because of safe mode."""

    turned_away: int
    diverted: int


class EmbargoBlock(NamedTuple):
    """An edition with an embargoed story, whose messages may not pass before `until`. If it
    `states_embargo`, messages to trusted media contacts may pass earlier; if it `defers_untrusted`,
    messages to others wait until then. `reply` is recorded with the messages that wait."""

    until: datetime
    states_embargo: bool
    reply: str = EMBARGOED_REPLY
    defers_untrusted: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryWorker:
    """A process that delivers. `name` says where it runs; `heartbeat` grows by one with each of its
    transactions; `has_ended`: it signed off, or was declared dead."""

    id: int
    name: str
    heartbeat: int
    has_ended: bool = False
