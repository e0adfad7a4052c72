"""The records of media contacts: subscribers who are journalists."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer.model.subscribers import Subscriber


class Trust(StrEnum):
    """The trust in a contact. A trusted contact may get embargoed releases early."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


class FollowUp(StrEnum):
    """A contact's wish about calls after a release."""

    WELCOME = "welcome"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ContactProfile:
    """A journalist's profile. `beats` are the subjects that they write about, in small letters."""

    outlet: str = ""
    beats: tuple[str, ...] = ()
    trust: Trust = Trust.UNTRUSTED
    follow_up: FollowUp = FollowUp.WELCOME
    note: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    subscriber: Subscriber
    profile: ContactProfile
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """A query for contacts, by outlet, then by address. Every field that is set must match. `after`
    is the address of the contact after which the result begins, and `limit` the maximum number of
    contacts."""

    list: str = ""
    outlet: str = ""
    beat: str = ""
    trust: Trust | None = None
    after: str = ""
    limit: int | None = None
