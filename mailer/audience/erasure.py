"""What is stored about a person: a copy of it, and its erasure (GDPR Articles 15, 17 and 20)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from mailer.audience import addresses
from mailer.audience.confirmations import Confirmation
from mailer.audience.consent import Act, Entry
from mailer.audience.subscribers import STAFF, Subscriber, SubscriberStore, note
from mailer.errors import NotFound


@dataclass(frozen=True, slots=True)
class Mailed:
    """One edition that somebody got, or was to get. `state` is the delivery's."""

    edition: str
    state: str
    at: datetime


class RecordStore(SubscriberStore, Protocol):
    """What the verbs here need kept, beside the subscriber."""

    def history(self, address: str) -> list[Entry]: ...
    def mailed(self, subscriber: Subscriber) -> list[Mailed]: ...
    def waiting(self, subscriber: Subscriber) -> list[Confirmation]: ...
    def as_contact(self, subscriber: Subscriber) -> dict[str, Any] | None: ...
    def erase_asked(self, subscriber: Subscriber) -> None: ...
    def suppress_hash(self, address: str, now: datetime) -> None: ...


def everything(store: RecordStore, subscriber: Subscriber) -> dict[str, Any]:
    """All that is stored about a person, as plain data: moments are aware."""
    return {
        "address": subscriber.address,
        "name": subscriber.person.name,
        "language": subscriber.person.language,
        "country": subscriber.person.country,
        "time_zone": subscriber.person.time_zone,
        "tags": list(subscriber.person.tags),
        "source": subscriber.source,
        "since": subscriber.created_at,
        "suppressed": store.suppression_reason(subscriber.address),
        "press": store.as_contact(subscriber),
        "lists": [asdict(one) for one in store.memberships(subscriber)],
        "consent": [
            {
                "at": one.at,
                "act": one.act,
                "list": one.list,
                "address": one.address,
                "source": one.source,
                "basis": one.basis,
                "wording": one.wording.text if one.wording else "",
                "detail": one.detail,
            }
            for one in store.history(subscriber.address)
        ],
        "waiting": [
            {
                "at": one.asked_at,
                "kind": one.kind,
                "state": one.state,
                "address": one.address,
                "wishes": one.wishes.plain(),
            }
            for one in store.waiting(subscriber)
        ],
        "mails": [asdict(one) for one in store.mailed(subscriber)],
    }


def erase(
    store: RecordStore,
    address: str,
    now: datetime,
    *,
    source: str = STAFF,
    may_return: bool = False,
) -> bool:
    """Take out all that is stored of an address: the person, what they asked for, their addresses
    in the log, in suppressions and in deliveries, and those that they had before. What stays is a
    keyed hash of each, which sign-up, import and the gate ask for; with `may_return` none is made
    that would stop a new sign-up. Whether there was anybody.

    An address of theirs that is another person's now is taken out of their records only."""
    normal = addresses.normalise(address)
    theirs = {normal}
    known = store.find_subscriber(normal)
    if known is not None:
        note(store, known, Act.ERASED, now, source=source)
        for one in store.addresses_of(known):
            owner = store.find_subscriber(one)
            if owner is None or owner.id == known.id:
                theirs.add(one)
            else:
                store.erase_address(one, known)
    for one in theirs:
        store.erase_address(one)
    if known is not None:
        store.erase_asked(known)  # addresses that they have not proved to be theirs
        store.remove_subscriber(known)
    if not may_return:
        for one in theirs:
            store.suppress_hash(one, now)
    return known is not None


def by_number(store: SubscriberStore, number: int) -> Subscriber:
    """Whom a link names. Raises NotFound for one who is no longer there."""
    known = store.by_id(number)
    if known is None:
        raise NotFound("there is no such subscriber")
    return known
