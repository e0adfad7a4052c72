"""The records of sign-ups and changes of address that wait for confirmation, and of rate limits.

``mailer/audience/signup/confirmations.py`` explains the states.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mailer.model.lists import Frequency
from mailer.model.subscribers import Wording

NOT_YET = datetime.min.replace(tzinfo=UTC)


class ConfirmationKind(StrEnum):
    SIGN_UP = "sign_up"
    NEW_ADDRESS = "new_address"


class ConfirmationState(StrEnum):
    ASKED = "asked"
    MAILED = "mailed"
    CONFIRMED = "confirmed"
    WELCOMED = "welcomed"
    DONE = "done"


_S = ConfirmationState

CONFIRMATION_TRANSITIONS: Mapping[ConfirmationState, frozenset[ConfirmationState]] = {
    _S.ASKED: frozenset({_S.MAILED, _S.DONE}),
    _S.MAILED: frozenset({_S.CONFIRMED}),
    _S.CONFIRMED: frozenset({_S.WELCOMED, _S.DONE}),
    _S.WELCOMED: frozenset({_S.DONE}),
    _S.DONE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SignUpWishes:
    """The choices of a sign-up. `lists` and `topics` are slugs; no topic means all topics."""

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
    """A sign-up or a change of address. `subscriber_id` is the subscriber whose address will
    change, or 0 for a sign-up. `language` is the language of the mails about it, and for a sign-up
    also the language of the new subscriber. `wording` is the text that the owner of the address
    agreed to."""

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
    """The kinds of service mails. The value names the folder of the template."""

    CONFIRM = "confirm"
    ALREADY_SUBSCRIBED = "known"
    """The person is on all of these lists already, so there is nothing to confirm."""
    NEW_ADDRESS = "new-address"
    WELCOME = "welcome"
    """The person has confirmed, and a list that they joined welcomes its members."""
    LATEST_EDITION = "latest-edition"
    """The copy of an edition for a new member. It has no template of its own."""
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `maximum` uses in a `window` that starts with the first use. 0 means no limit."""

    action: str
    maximum: int
    window: timedelta = timedelta(hours=1)


MAIL_WAITS = (timedelta(hours=1), timedelta(days=1), timedelta(days=2), timedelta(days=4))
"""The times between mails to one address, as long as its owner answers none of them. The last of
these times is repeated."""

MAIL_COUNT_LASTS = timedelta(days=30)
"""If no mail is sent to an address for this time, its next wait is the first again."""


@dataclass(frozen=True, slots=True)
class MailLimit:
    """Up to `maximum` mails to one address at any time, and then further mails at growing
    intervals, which are the `waits`. 0 means no limit."""

    maximum: int
    action: str = "mail"
    waits: tuple[timedelta, ...] = MAIL_WAITS


class SignUpLimits:
    """The limits for strangers. The limits of clients and domains are for an hour. 0 means no
    limit."""

    def __init__(self, per_address: int, per_client: int, per_domain: int) -> None:
        self.per_address = MailLimit(per_address)
        self.per_client = RateLimit("client", per_client)
        self.per_domain = RateLimit("domain", per_domain)
