"""Sign-ups and changes of address: nothing of them holds until the address's owner has answered.

::

    asked ──> mailed ──> confirmed ──> done
      └────────────────────────────────^

========== ================================================ =====================================
state      is                                               moved on by
========== ================================================ =====================================
asked      somebody typed an address; nobody was looked up  the worker, which decides what mail
           while they waited                                the address gets, if any
mailed     its owner was asked                              its owner; after some days it is
                                                            deleted, and the link is worth nothing
confirmed  its owner has answered, and it was carried out   the worker, once it has welcomed them
done       nothing is left to do                            deleted with the others
========== ================================================ =====================================

The page that takes a sign-up does the same work for every address, whether it is known, unknown,
suppressed or has left: it can't tell a stranger who reads what.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from mailer import languages
from mailer.audience import addresses, choices, subscribers
from mailer.audience.consent import Act, Basis, Evidence, Wording
from mailer.audience.limits import AllowanceStore, Limit, use
from mailer.audience.lists import Frequency, ListStore, Visibility, get_list
from mailer.audience.subscribers import MembershipState, Person, SubscriberStore
from mailer.errors import BadTransition, InputError, NotFound, Refused
from mailer.lines import holds_control

SIGN_UP_PAGE = "sign-up page"
MOST_LISTS = 50
NOT_YET = datetime.min.replace(tzinfo=UTC)


class ConfirmationKind(StrEnum):
    SIGN_UP = "sign_up"
    NEW_ADDRESS = "new_address"


class ConfirmationState(StrEnum):
    ASKED = "asked"
    MAILED = "mailed"
    CONFIRMED = "confirmed"
    DONE = "done"


_S = ConfirmationState
TRANSITIONS: Mapping[ConfirmationState, frozenset[ConfirmationState]] = {
    _S.ASKED: frozenset({_S.MAILED, _S.DONE}),
    _S.MAILED: frozenset({_S.CONFIRMED}),
    _S.CONFIRMED: frozenset({_S.DONE}),
    _S.DONE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody signs up for. `lists` and `topics` are slugs; no topic means all."""

    lists: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    name: str = ""
    frequency: Frequency = Frequency.EVERY

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "frequency": self.frequency.value}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Wishes":
        return cls(
            tuple(plain["lists"]),
            tuple(plain["topics"]),
            plain["name"],
            Frequency(plain["frequency"]),
        )


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`subscriber_id` is whose address is to change, 0 for a sign-up. `language` is that of the
    mails about it; of a sign-up also the one that its mails are to be in. `wording` is what its
    owner was shown when they agreed."""

    id: int
    kind: ConfirmationKind
    state: ConfirmationState
    address: str
    subscriber_id: int
    language: str
    wishes: Wishes
    wording: Wording | None
    source: str
    asked_at: datetime
    answered_at: datetime | None = None


class Answer(StrEnum):
    """What mail an address gets, by the folder of its template."""

    CONFIRM = "confirm"
    KNOWN = "known"
    """They are on all of these lists: nothing is to be confirmed."""
    NEW_ADDRESS = "new-address"
    WELCOME = "welcome"
    """They have confirmed, and a list that they joined welcomes its members."""
    NOTHING = ""


class ConfirmationStore(Protocol):
    """What the verbs here need kept."""

    def add_confirmation(self, new: Confirmation) -> Confirmation: ...
    def find_confirmation(self, number: int) -> Confirmation | None: ...
    def replace_wishes(self, new: Confirmation) -> None: ...
    def change_confirmation(self, changed: Confirmation) -> Confirmation: ...


def ask(
    store: ConfirmationStore,
    allowances: AllowanceStore,
    limit: Limit,
    new: Confirmation,
    now: datetime,
) -> None:
    """Keep what somebody asks for until the owner of the address has answered. A mailbox is
    written to within `limit` only: what is asked for beyond it replaces what its owner was asked
    and has not answered (the page that they confirm on shows it), if there is anything.

    One statement counts and one writes, whatever is known of the address: neither the answer nor
    its time tells."""
    new = replace(new, address=addresses.normalise(new.address), asked_at=now)
    if use(allowances, limit, addresses.mailbox(new.address), now):
        store.add_confirmation(new)
    else:
        store.replace_wishes(new)


def sign_up(
    lists: ListStore, address: str, wishes: Wishes, language: str, source: str
) -> Confirmation:
    """A sign-up to :func:`ask` for. Raises InputError naming the field, NotFound for a list that
    nobody can join by themselves."""
    open_lists = {one.slug for one in lists.lists() if one.visibility is Visibility.PUBLIC}
    if not wishes.lists or len(wishes.lists) > MOST_LISTS:
        raise InputError("no list was chosen", where="lists", hint="choose at least one")
    for slug in wishes.lists:
        if slug not in open_lists:
            raise NotFound(f"there is no list {slug!r} to sign up for", where="lists")
    topics = {one.slug for one in lists.topics()}
    for slug in wishes.topics:
        if slug not in topics:
            raise NotFound(f"there is no topic {slug!r}", where="topics")
    name = " ".join(wishes.name.split())
    if holds_control(name) or len(name) > subscribers.LONGEST_NAME:
        raise InputError("it is too long, or holds control characters", where="name")
    return Confirmation(
        id=0,
        kind=ConfirmationKind.SIGN_UP,
        state=ConfirmationState.ASKED,
        address=addresses.normalise(address),
        subscriber_id=0,
        language=languages.normalise(language),
        wishes=replace(
            wishes,
            name=name,
            lists=tuple(dict.fromkeys(wishes.lists)),
            topics=tuple(sorted({*wishes.topics})),
        ),
        wording=None,
        source=source,
        asked_at=NOT_YET,
    )


def new_address(
    people: SubscriberStore, number: int, address: str, language: str, source: str
) -> Confirmation:
    """A change of address to :func:`ask` for. Raises InputError, and Refused where it is theirs
    already. Whether it is somebody else's is not told."""
    known = people.by_id(number)
    if known is None:
        raise NotFound("there is no such subscriber")
    address = addresses.normalise(address)
    if address == known.address:
        raise InputError("it is the address that you have", where="address")
    return Confirmation(
        id=0,
        kind=ConfirmationKind.NEW_ADDRESS,
        state=ConfirmationState.ASKED,
        address=address,
        subscriber_id=known.id,
        language=languages.normalise(language),
        wishes=Wishes(),
        wording=None,
        source=source,
        asked_at=NOT_YET,
    )


def answer(people: SubscriberStore, asked: Confirmation) -> Answer:
    """What mail the address gets. A suppressed one gets none."""
    if people.suppression_reason(asked.address):
        return Answer.NOTHING
    if asked.kind is ConfirmationKind.NEW_ADDRESS:
        return Answer.NEW_ADDRESS if people.by_id(asked.subscriber_id) else Answer.NOTHING
    known = people.find_subscriber(asked.address)
    active = (
        {one.list for one in people.memberships(known) if one.state is MembershipState.ACTIVE}
        if known
        else set()
    )
    return Answer.KNOWN if {*asked.wishes.lists} <= active else Answer.CONFIRM


def move(
    store: ConfirmationStore, known: Confirmation, state: ConfirmationState, now: datetime
) -> Confirmation:
    """Raises BadTransition."""
    if state not in TRANSITIONS[known.state]:
        raise BadTransition(f"confirmation {known.id} is {known.state}, not to become {state}")
    answered = now if state is ConfirmationState.CONFIRMED else known.answered_at
    return store.change_confirmation(replace(known, state=state, answered_at=answered))


def find(
    store: ConfirmationStore, number: int, now: datetime, good_for: timedelta
) -> Confirmation | None:
    """One whose owner was asked, and whose link has not expired."""
    known = store.find_confirmation(number)
    if known is None or known.state is ConfirmationState.ASKED or now - known.asked_at >= good_for:
        return None
    return known


def confirm(
    store: ConfirmationStore,
    people: SubscriberStore,
    lists: ListStore,
    allowances: AllowanceStore,
    limit: Limit,
    known: Confirmation,
    now: datetime,
    *,
    wording: Wording | None = None,
    only: Sequence[str] | None = None,
) -> Confirmation:
    """The owner of the address has answered: carry it out. Idempotent. `wording` is what they
    agreed to, `only` the lists that they have kept of those that were asked for. Raises Refused
    for an address that must not be mailed."""
    if known.state is not ConfirmationState.MAILED:
        return known
    if reason := people.suppression_reason(known.address):
        raise Refused(f"{known.address} must not be mailed ({reason})")
    if known.kind is ConfirmationKind.NEW_ADDRESS:
        owner = people.by_id(known.subscriber_id)
        if owner is None:
            raise NotFound("there is no such subscriber")
        choices.change_address(people, owner, known.address, now, source=known.source)
    else:
        known = replace(known, wording=wording)
        _join(people, lists, known, now, only)
    allowances.forget(limit.what, addresses.mailbox(known.address))
    return move(store, known, ConfirmationState.CONFIRMED, now)


def _join(
    people: SubscriberStore,
    lists: ListStore,
    known: Confirmation,
    now: datetime,
    only: Sequence[str] | None,
) -> None:
    wishes = known.wishes
    topics = [one for one in lists.topics() if one.slug in wishes.topics]
    evidence = Evidence(Act.CONFIRMED, known.source, Basis.CONSENT, known.wording)
    there = {one.slug for one in lists.lists()}
    for slug in wishes.lists:
        if slug not in there or (only is not None and slug not in only):
            continue
        subscribers.subscribe(
            people,
            Person(known.address, name=wishes.name, language=known.language),
            get_list(lists, slug),
            topics,
            now,
            evidence=evidence,
            frequency=wishes.frequency,
            rejoin=True,
        )
