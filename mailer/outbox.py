"""Deliveries: one edition to one address each, their states, and why somebody got nothing.

=========== ====================================== ===================== ===========================
state       is                                     moved on by           a crash leaves it, and then
=========== ====================================== ===================== ===========================
queued      to be sent, when ``next_attempt_at``   claim                 as it is
            has come
claimed     one sender's, to be sent soon          gate; its sender      back to queued: nothing
                                                   giving it back        was sent, no attempt spent
on_wire     past the gate: its message may be on   the relay's reply;    in_doubt
            the wire                               a second look
sent        the relay took it; its reply is kept   nothing               as it is
failed      the relay refused it; its reply is     ``edition retry``     as it is
            kept
in_doubt    we lost the relay after the message,   the edition's rule,   as it is
            before its reply, or died between      ``delivery in-doubt``
            the two
expired     put off for five days                  ``edition retry``     as it is
suppressed  the address must not be mailed, or     nothing               as it is
            left the list after the plan
cancelled   the edition was cancelled              nothing               as it is
=========== ====================================== ===================== ===========================

A sender that was taken for dead, and was not, may still bring the news that a relay accepted a
message. That wins over whatever was written since: what is known to be accepted is ``sent``, and
is never sent again. So each state may become ``sent``.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from mailer.audience import addresses
from mailer.audience.lists import Frequency
from mailer.audience.subscribers import MembershipState
from mailer.editions import Edition, EditionState, EditionStore
from mailer.errors import Refused


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


_S = DeliveryState
TRANSITIONS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _S.QUEUED: frozenset({_S.CLAIMED, _S.SUPPRESSED, _S.CANCELLED, _S.SENT}),
    _S.CLAIMED: frozenset({_S.QUEUED, _S.ON_WIRE, _S.SUPPRESSED, _S.CANCELLED, _S.SENT}),
    _S.ON_WIRE: frozenset(
        {_S.SENT, _S.FAILED, _S.QUEUED, _S.IN_DOUBT, _S.EXPIRED, _S.SUPPRESSED, _S.CANCELLED}
    ),
    _S.IN_DOUBT: frozenset({_S.QUEUED, _S.SENT}),
    _S.SENT: frozenset(),
    _S.FAILED: frozenset({_S.QUEUED, _S.SENT}),
    _S.EXPIRED: frozenset({_S.QUEUED, _S.SENT}),
    _S.SUPPRESSED: frozenset({_S.SENT}),
    _S.CANCELLED: frozenset({_S.SENT}),
}

UNDONE = (_S.QUEUED, _S.CLAIMED, _S.ON_WIRE)
"""States that an edition waits for before it counts as sent."""

HELD = (_S.CLAIMED, _S.ON_WIRE)
"""States in which a delivery is one sender's."""

RETRY_AFTER = (
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=3),
)
EXPIRE_AFTER = timedelta(days=5)
"""RFC 5321 §4.5.4.1: give up after four to five days."""


class Exclusion(StrEnum):
    """Why a member of the list got no delivery row."""

    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    FREQUENCY = "another frequency"
    PAUSED = "paused"
    SEGMENT = "not in the segment"
    SUPPRESSED = "suppressed"
    NO_STORY = "no story for them"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rows were made, and how many members were left out, by reason."""

    planned: int
    excluded: Mapping[Exclusion, int]


@dataclass(frozen=True, slots=True)
class Delivery:
    """`stories` is the mask of story bits, `language` the body's. Times are aware UTC."""

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


@dataclass(frozen=True, slots=True)
class Report:
    """How an edition stands: deliveries by state, exclusions by reason, replies by text."""

    edition: Edition
    states: Mapping[DeliveryState, int]
    excluded: Mapping[Exclusion, int]
    by_language: Mapping[str, int]
    refusals: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of one address, to explain an edition by. `joined_at` and so on are
    None where there is no membership; `stories` are the bits that the topics let through today."""

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
    stories: int = 0
    language: str = ""
    story_titles: tuple[str, ...] = ()


class Claim(NamedTuple):
    """What a courier needs of a delivery that it has claimed. `attempt` counts this one."""

    id: int
    edition_id: int
    subscriber_id: int
    address: str
    name: str
    language: str
    stories: int
    attempt: int


class Settlement(NamedTuple):
    """What became of a message that passed `sender`'s gate. `retry_after` is in seconds; not
    `spend`: it doesn't count as an attempt on the recipient."""

    delivery_id: int
    sender: int
    state: DeliveryState
    reply: str = ""
    retry_after: float = 0.0
    spend: bool = True


@dataclass(frozen=True, slots=True)
class Sender:
    """A process that delivers. `name` says where it runs; `beat` moves with all it does."""

    id: int
    name: str
    beat: int


class OutboxStore(Protocol):
    """What the verbs here need kept."""

    def standing(self, edition: Edition, address: str) -> Standing: ...


class SenderStore(Protocol):
    """Who delivers, and who has stopped to."""

    def sign_on(self, name: str, now: datetime) -> int: ...
    def beat(self, number: int) -> bool: ...
    def senders(self) -> Sequence[Sender]: ...
    def take_over(self, dead: Sender) -> tuple[int, int] | None: ...
    def sign_off(self, number: int) -> None: ...


class QueueStore(Protocol):
    """The moves of deliveries that the ledger makes, each within the transaction that it opens."""

    def states(self, known: Sequence[int]) -> dict[int, EditionState]: ...
    def claim(self, of: int, by: int, limit: int) -> list[Claim]: ...
    def gate(self, by: int, ids: Sequence[int]) -> set[int]: ...
    def look_again(self, by: int, ids: Sequence[int]) -> set[int]: ...
    def turn_away(self, by: int, ids: Sequence[int], states: Mapping[int, EditionState]) -> int: ...
    def settle(self, settlements: Sequence[Settlement]) -> None: ...
    def give_back(self, of: int, by: int, keep: Sequence[int] = ()) -> int: ...
    def put_off(self, by: int, ids: Sequence[tuple[int, float]]) -> None: ...
    def apply_in_doubt_rule(self, known: Edition, now: datetime) -> int: ...
    def make_due(self, known: Edition) -> int: ...
    def requeue(
        self, of: int, states: Sequence[DeliveryState], ids: Sequence[int] | None = None
    ) -> int: ...
    def assume_sent(self, known: Edition, reply: str) -> int: ...
    def cancel_waiting(self, of: int) -> int: ...
    def waiting(self, of: int) -> int: ...
    def held_by_others(self, known: Sequence[int], by: int) -> bool: ...
    def undone(self, known: Edition) -> bool: ...


class Transaction(Protocol):
    """What delivery sees of an open transaction."""

    @property
    def senders(self) -> SenderStore: ...
    @property
    def queue(self) -> QueueStore: ...
    @property
    def editions(self) -> EditionStore: ...


class Store(Protocol):
    """What delivery needs of a database: short transactions, each durable when it has ended."""

    def begin(self) -> AbstractContextManager[Transaction]: ...
    def read(self) -> AbstractContextManager[Transaction]: ...


def retry(tx: Transaction, edition: Edition, now: datetime, *, actor: str = "") -> int:
    """Queue an edition's failed and expired deliveries once more; how many. One that counted as
    sent goes on sending. Raises Refused for one that has not begun, or was cancelled."""
    return _again(tx, edition, (DeliveryState.FAILED, DeliveryState.EXPIRED), now, actor)


def resend(tx: Transaction, edition: Edition, now: datetime, *, actor: str = "") -> int:
    """Queue an edition's deliveries in doubt, whatever its rule says; how many."""
    return _again(tx, edition, (DeliveryState.IN_DOUBT,), now, actor)


def assume_sent(tx: Transaction, edition: Edition, now: datetime, *, actor: str = "") -> int:
    """Take an edition's deliveries in doubt for accepted; how many. They are not sent again."""
    _check_begun(edition)
    count = tx.queue.assume_sent(edition, f"assumed to be accepted, by {actor or 'somebody'}")
    if count:
        tx.editions.note(edition, "in doubt", f"{count} assumed to be accepted", now, actor)
        if edition.state is EditionState.SENDING and not tx.queue.undone(edition):
            tx.editions.set_state(edition, EditionState.SENT, now, actor=actor)
    return count


def _again(
    tx: Transaction, edition: Edition, states: Sequence[DeliveryState], now: datetime, actor: str
) -> int:
    _check_begun(edition)
    count = tx.queue.requeue(edition.id, states)
    if count:
        words = " and ".join(state.replace("_", " ") for state in states)
        tx.editions.note(edition, "retry", f"{count} {words} queued again", now, actor)
        if edition.state is EditionState.SENT:
            tx.editions.set_state(edition, EditionState.SENDING, now, actor=actor)
    return count


def _check_begun(edition: Edition) -> None:
    if edition.planned_at is None or edition.state is EditionState.CANCELLED:
        word = "was cancelled" if edition.planned_at else "has not begun to be sent"
        raise Refused(f"edition {edition.id} {word}", hint="see `mailer edition show`")


def retry_after(attempt: int) -> timedelta:
    """How long to wait after the `attempt`-th deferral, counted from 1."""
    return RETRY_AFTER[min(attempt, len(RETRY_AFTER)) - 1]


def _day(moment: datetime | None) -> str:
    return f"{moment:%a %d %b %Y at %H:%M} UTC" if moment else "an unknown day"


def explain(store: OutboxStore, edition: Edition, address: str) -> str:
    """In one sentence: why this address did, or did not, get this edition."""
    address = addresses.normalise(address)
    known = store.standing(edition, address)
    what = f"edition {edition.id} ({edition.name})"
    if known.delivery:
        if edition.state is EditionState.PAUSED and known.delivery.state in UNDONE:
            why = f" ({edition.reason})" if edition.reason else ""
            return f"{address} has not got {what} yet: it is paused{why}."
        return _explain_delivery(known.delivery, what, known.story_titles, edition.reason)
    got = "got" if edition.planned_at else "would get"
    if known.subscriber_id is None:
        return f"{address} is not a subscriber, so nothing of {what} went there."
    nothing = f"{address} {got} nothing of {what} because"
    if edition.state is EditionState.SKIPPED:
        return f"{nothing} it was skipped: {edition.reason}."
    if edition.state is EditionState.CANCELLED and edition.planned_at is None:
        return f"{nothing} it was cancelled before it was sent."
    if known.membership is None:
        return f"{nothing} they are not on the list {edition.list!r}."
    if edition.planned_at and known.joined_at and known.joined_at > edition.planned_at:
        return (
            f"{nothing} they joined the list {edition.list!r} on {_day(known.joined_at)}, after "
            f"it was planned on {_day(edition.planned_at)}."
        )
    if known.membership is MembershipState.PENDING:
        return f"{nothing} they have not yet confirmed that they want the list {edition.list!r}."
    if known.membership is MembershipState.UNSUBSCRIBED:
        return f"{nothing} they left the list {edition.list!r} on {_day(known.left_at)}."
    if known.suppressed:
        return (
            f"{nothing} the address has been suppressed since {_day(known.suppressed_at)} "
            f"({known.suppressed})."
        )
    if known.frequency is not edition.frequency:
        mails = {"every": "every edition", "weekly": "a mail a week", "monthly": "a mail a month"}
        return f"{nothing} they chose {mails[known.frequency]}, and it goes to others of the list."
    if known.paused_until:
        return f"{nothing} they have paused their mails until {_day(known.paused_until)}."
    if not known.in_segment:
        return f"{nothing} they are not in the segment {edition.segment!r}."
    if not known.stories:
        return f"{nothing} none of its stories is about a topic that they chose."
    if edition.planned_at:
        return (
            f"{nothing} they were not eligible when it was planned on {_day(edition.planned_at)}, "
            "though they would be today."
        )
    return f"{address} will get {what} when it is sent, with {_stories(known.story_titles)}."


def _stories(titles: tuple[str, ...]) -> str:
    if not titles:
        return "its stories"
    noun = "story" if len(titles) == 1 else "stories"
    return f"{len(titles)} {noun}: {'; '.join(titles)}"


def _explain_delivery(delivery: Delivery, what: str, titles: tuple[str, ...], reason: str) -> str:
    who, when = delivery.address, _day(delivery.updated_at)
    said = f" and the relay said {delivery.reply!r}" if delivery.reply else ""
    match delivery.state:
        case DeliveryState.SENT:
            return f"{who} got {what} on {when} with {_stories(titles)}{said}."
        case DeliveryState.FAILED:
            return f"{who} did not get {what}: it was refused on {when}{said}."
        case DeliveryState.IN_DOUBT:
            return (
                f"{who} may have got {what}: the link to the relay was lost on {when}, after the "
                "message and before its reply."
            )
        case DeliveryState.SUPPRESSED:
            return (
                f"{who} did not get {what}: between planning and sending the address was "
                f"suppressed or left the list ({when})."
            )
        case DeliveryState.CANCELLED:
            why = f" ({reason})" if reason else ""
            return f"{who} did not get {what}: it was cancelled on {when}{why}, before their turn."
        case DeliveryState.EXPIRED:
            return f"{who} did not get {what}: it was tried until {when}{said}."
        case DeliveryState.QUEUED if delivery.attempt:
            tries = "1 try" if delivery.attempt == 1 else f"{delivery.attempt} tries"
            return (
                f"{who} has not got {what} yet: after {tries} it waits for "
                f"{_day(delivery.next_attempt_at)}{said}."
            )
        case _:
            return f"{who} has not got {what} yet: it is {delivery.state.replace('_', ' ')}."
