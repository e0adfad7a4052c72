"""The records of digests: their settings, and the stories chosen for an edition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from mailer.model.articles import ArticleKind, Story
from mailer.model.edition_states import ArchiveVisibility, SendTimeBasis
from mailer.model.lists import Frequency

DEFAULT_KINDS = tuple(kind for kind in ArticleKind if kind is not ArticleKind.PRESS_RELEASE)
"""The kinds of article that a digest takes by default. Press releases are not among them: they go
to journalists, and get into a newsletter only on purpose."""


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

    `approve_by` says how long before the send time the approval is due, as the approvers are told.
    `reminders` say how long before sending the approvers are reminded. `grace` is the longest delay
    with which an edition may still be sent if no worker was running at its time. `approvers` are
    asked to approve, and `watchers` get all other notices. Both are mail addresses; if there are
    none, those in the settings are used. An immediate digest is assembled when no story was queued
    for a time of `quiet`, or a story has waited for `longest_wait`."""

    approval: ApprovalRule = ApprovalRule.ANYONE
    when_late: WhenLate = WhenLate.WAIT
    send_time: SendTimeBasis = SendTimeBasis.OFFICE
    grace: timedelta = timedelta(hours=6)
    approve_by: timedelta = timedelta(minutes=30)
    reminders: tuple[timedelta, ...] = ()
    approvers: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    quiet: timedelta = timedelta(minutes=15)
    longest_wait: timedelta = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class DigestSettings:
    """The settings of a digest. Without `topics` it takes stories of any topic. All articles of a
    story must be of its `kinds`. `names` and `subjects` are translations, by language. An edition
    with fewer than `fewest` stories is empty; stories beyond `most` wait for the next edition. The
    digest is sent to the members of the list who chose its `frequency`: a weekly digest serves
    those who asked for one mail a week. `sender` names the sender of its editions; if it is empty,
    the list's sender is used. `link_tags` are added to the web addresses of stories: by name
    (``source`` is ``utm_source``), with placeholders; without any, addresses stay as they are."""

    slug: str
    name: str
    list: str
    segment: str = ""
    topics: tuple[str, ...] = ()
    kinds: tuple[ArticleKind, ...] = DEFAULT_KINDS
    template: str = "digest"
    subject: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    fewest: int = 1
    most: int = 20
    when_empty: WhenEmpty = WhenEmpty.SKIP
    frequency: Frequency = Frequency.EVERY
    archive: ArchiveVisibility = ArchiveVisibility.PUBLIC
    sender: str = ""
    link_tags: Mapping[str, str] = field(default_factory=dict)
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
    """The stories for an edition in their order, the stories that wait for the next edition, the
    stories left out because they are embargoed or of a kind that the digest does not take, and the
    reason if there are too few."""

    stories: tuple[Story, ...]
    waiting: tuple[Story, ...]
    too_few: str = ""
    embargoed: tuple[Story, ...] = ()
    other_kinds: tuple[Story, ...] = ()
