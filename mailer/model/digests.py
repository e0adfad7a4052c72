"""The records of digests: their settings, and the stories chosen for an edition."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.model.articles import Story
from mailer.model.edition_states import ArchiveVisibility, SendTimeBasis
from mailer.model.lists import Frequency


class WhenEmpty(StrEnum):
    """The action for an edition with too few stories."""

    SKIP = "skip"
    PUT_ON_HOLD = "hold"


class ApprovalRule(StrEnum):
    """The approval that an edition needs: none, from any person, or from a person other than the
    authors and editors of its stories."""

    NONE = "none"
    ANYONE = "anyone"
    OTHER = "other"


class WhenLate(StrEnum):
    """The action for an edition that is not approved at its send time. Either it waits and is sent
    as soon as it is approved, or it becomes a draft again, without a time."""

    WAIT = "wait"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class DigestPolicy:
    """The rules by which a digest's editions are approved and sent.

    `reminders` say how long before sending the approvers are reminded. `grace` is the longest delay
    with which an edition may still be sent if no worker was running at its time. `approvers` are
    asked to approve, and `watchers` get all other notices. Both are mail addresses; if there are
    none, those in the settings are used."""

    approval: ApprovalRule = ApprovalRule.ANYONE
    when_late: WhenLate = WhenLate.WAIT
    send_time: SendTimeBasis = SendTimeBasis.OFFICE
    grace: timedelta = timedelta(hours=6)
    reminders: tuple[timedelta, ...] = ()
    approvers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """The settings of a digest. Without `topics`, it chooses stories of any topic. An edition with
    fewer than `fewest` stories is empty; stories beyond `most` wait for the next edition. The
    digest is sent to the members of the list who chose its `frequency`. A weekly digest, for
    example, serves those who asked for one mail a week."""

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
    """The stories for an edition in order, the stories that wait for the next edition, the stories
    left out because they are embargoed, and a reason if there are too few stories."""

    stories: tuple[Story, ...]
    waiting: tuple[Story, ...]
    too_few: str = ""
    embargoed: tuple[Story, ...] = ()
