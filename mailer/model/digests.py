"""What staff do with a single occurrence, without touching its rule: move, skip, restore, send now.

An occurrence that an edition was made of takes that edition along.

What staff decide about a digest: its order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.model.articles import Story
from mailer.model.edition_states import ArchiveVisibility, SendTimeBasis
from mailer.model.lists import Frequency


class WhenEmpty(StrEnum):
    """What becomes of an edition with too few stories."""

    SKIP = "skip"
    PUT_ON_HOLD = "hold"


class ApprovalRule(StrEnum):
    """Whether a person has to let an edition go: nobody, anyone, or somebody other than those who
    wrote or edited what it holds."""

    NONE = "none"
    ANYONE = "anyone"
    OTHER = "other"


class WhenLate(StrEnum):
    """What becomes of an edition that nobody has approved when its time comes: it waits, and goes
    as soon as somebody does, or it is a draft again, without a time."""

    WAIT = "wait"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class DigestPolicy:
    """How a digest's editions come from the calendar to mailboxes.

    `reminders` are lengths of time before an edition is sent at which its approvers are reminded.
    `grace`: how late it may still be sent, when the mailer was not running at its time. `approvers`
    are asked, `watchers` told of all else: mail addresses; none: those of the settings."""

    approval: ApprovalRule = ApprovalRule.ANYONE
    when_late: WhenLate = WhenLate.WAIT
    send_time: SendTimeBasis = SendTimeBasis.OFFICE
    grace: timedelta = timedelta(hours=6)
    reminders: tuple[timedelta, ...] = ()
    approvers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """What staff decide about a digest. `topics` none: stories of any topic. `fewest` below which
    an edition is empty; `most` above which stories wait for the next. It goes to those of the list
    who chose `frequency`: a weekly one is for those who want one mail a week."""

    slug: str
    name: str
    list: str
    segment: str = ""
    topics: tuple[str, ...] = ()
    template: str = "digest"
    subject: str = ""
    language: str = "en"
    fewest: int = 1
    most: int = 20
    when_empty: WhenEmpty = WhenEmpty.SKIP
    frequency: Frequency = Frequency.EVERY
    archive: ArchiveVisibility = ArchiveVisibility.PUBLIC
    policy: DigestPolicy = DigestPolicy()


@dataclass(frozen=True, slots=True)
class Digest:
    id: int
    settings: DigestSettings
    created_at: datetime
    updated_at: datetime
    stories_run: int = 0


@dataclass(frozen=True, slots=True)
class StoryChoice:
    """Stories for an edition in their order, those that wait for the next one, and why there are
    too few (empty when there are enough)."""

    stories: tuple[Story, ...]
    waiting: tuple[Story, ...]
    too_few: str = ""
    embargoed: tuple[Story, ...] = ()
