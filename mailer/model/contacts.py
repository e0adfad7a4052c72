"""Media contacts: what the press office knows of subscribers who write for others.

A contact is a subscriber first: on a private list, with an address, a language, a country and a
time zone. Beside that stands for whom they write and about what, whether they may have embargoed
releases before their time, and whether they want to be asked afterwards if they got one.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer.model.subscribers import Subscriber


class Trust(StrEnum):
    """Whether they get embargoed releases before their time."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


class FollowUp(StrEnum):
    """Whether they want to be asked after a release."""

    WELCOME = "welcome"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ContactProfile:
    """What is known of somebody as a journalist. `beats` are what they write about, in small
    letters."""

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
    """Which contacts to list: every field given must match."""

    list: str = ""
    outlet: str = ""
    beat: str = ""
    trust: Trust | None = None
