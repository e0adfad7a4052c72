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

How often strangers may do something, by whom: counted in windows that start with the first time.

What is counted by is kept as a keyed hash only.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mailer.model.lists import Frequency
from mailer.model.subscribers import (
    Wording,
)

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

CONFIRMATION_TRANSITIONS: Mapping[ConfirmationState, frozenset[ConfirmationState]] = {
    _S.ASKED: frozenset({_S.MAILED, _S.DONE}),
    _S.MAILED: frozenset({_S.CONFIRMED}),
    _S.CONFIRMED: frozenset({_S.DONE}),
    _S.DONE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SignUpWishes:
    """What somebody signs up for. `lists` and `topics` are slugs; no topic means all."""

    lists: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    name: str = ""
    frequency: Frequency = Frequency.EVERY

    def to_plain(self) -> dict[str, Any]:
        return {**asdict(self), "frequency": self.frequency.value}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "SignUpWishes":
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
    wishes: SignUpWishes
    wording: Wording | None
    source: str
    asked_at: datetime
    answered_at: datetime | None = None


class ServiceMailKind(StrEnum):
    """What mail an address gets, by the folder of its template."""

    CONFIRM = "confirm"
    ALREADY_SUBSCRIBED = "known"
    """They are on all of these lists: nothing is to be confirmed."""
    NEW_ADDRESS = "new-address"
    WELCOME = "welcome"
    """They have confirmed, and a list that they joined welcomes its members."""
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `most` times in a `window` that starts with the first of them. 0: no limit."""

    action: str
    maximum: int
    window: timedelta = timedelta(hours=1)


class SignUpLimits:
    """What strangers may do in an hour; 0: no limit."""

    def __init__(self, per_address: int, per_client: int, per_domain: int) -> None:
        self.per_address = RateLimit("mail", per_address)
        self.per_client = RateLimit("client", per_client)
        self.per_domain = RateLimit("domain", per_domain)
