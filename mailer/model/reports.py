"""The numbers of reports: readers, mails, and people who joined and left. They name no person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer.model.deliveries import DeliveryState


class ReportStep(StrEnum):
    """The length of the parts into which a report divides its period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `since` up to, but not including, `until`. Both are aware."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class ReaderCounts:
    """The members of a list now. A reader has confirmed and has not left.

    `with_topics` readers chose topics; `all_topics` readers chose none, and get all. Of both,
    `paused` and `suppressed` get no mail at the moment; a suppressed reader does not count as
    paused. `pending` members never confirmed, and are not readers."""

    with_topics: int = 0
    all_topics: int = 0
    paused: int = 0
    suppressed: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """The number of readers."""
        return self.with_topics + self.all_topics


@dataclass(frozen=True, slots=True)
class EditionNumbers:
    """The deliveries of an edition by state. `deferred` are the queued deliveries that a relay has
    put off."""

    edition_id: int
    name: str
    planned_at: datetime
    states: Mapping[DeliveryState, int]
    deferred: int = 0

    @property
    def planned(self) -> int:
        """The number of deliveries in all states."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed or expired deliveries whose replies are alike. `reply` is one of the replies."""

    state: DeliveryState
    reply: str
    count: int


@dataclass(frozen=True, slots=True)
class MailNumbers:
    """The mails of some editions. `failed` has the deliveries that failed or expired, by reason in
    words, the most frequent first. `other` has the states that are neither sent, failed nor
    deferred, without zeros."""

    editions: int
    planned: int
    sent: int
    deferred: int
    failed: Mapping[str, int]
    other: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class JoiningSource:
    """People who joined in one way, from one source."""

    kind: str
    source: str
    people: int


@dataclass(frozen=True, slots=True)
class LeavingWay:
    """People who left in one way. `kind` says whether they left, were erased, or were merged with
    another address of theirs."""

    kind: str
    way: str
    people: int


@dataclass(frozen=True, slots=True)
class EditionLeavers:
    """People who left by the links of one edition."""

    edition_id: int
    name: str
    people: int


@dataclass(frozen=True, slots=True)
class PeriodNumbers:
    """The numbers of one part of a period. `readers` is their number at its end. Mails count where
    the delivery of their edition began."""

    since: datetime
    until: datetime
    joined: int
    left: int
    readers: int
    editions: int
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class ListReport:
    """The report of a list. `left_by_reason` has the reasons that leaving readers gave in the
    period; many give none."""

    list: str
    name: str
    period: Period
    readers: ReaderCounts
    joined: tuple[JoiningSource, ...]
    left: tuple[LeavingWay, ...]
    left_by_edition: tuple[EditionLeavers, ...]
    mails: MailNumbers
    suppressed: Mapping[str, int]
    parts: tuple[PeriodNumbers, ...]
    left_by_reason: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopicNumbers:
    """A topic: the readers who chose it now, and its stories and editions in the period."""

    topic: str
    name: str
    readers: int
    stories: int
    editions: int


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The report of topics. `all_topics` readers chose no topic, so they get all of them; they are
    not among the readers of a topic."""

    list: str
    period: Period
    readers: int
    all_topics: int
    topics: tuple[TopicNumbers, ...]


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """The growth of one list over time. `joined` and `left` count by kind."""

    list: str
    period: Period
    readers: int
    joined: Mapping[str, int]
    left: Mapping[str, int]
    parts: tuple[PeriodNumbers, ...]


@dataclass(frozen=True, slots=True)
class StoryClicks:
    """The clicks on the links of a story in one edition, by readers and probably by machines.

    Each figure is rounded down to a multiple of ten, and None if that is 0. Neither a figure nor
    the difference of two figures shows what a few readers did."""

    story: str
    readers: int | None
    machines: int | None


@dataclass(frozen=True, slots=True)
class EditionReport:
    """The report of one edition. `left_out` has the members without a delivery, by reason; `left`
    the readers who left by its links, by way. `clicks` is None if clicks are not counted.
    `left_by_reason` has the reasons that readers gave who left by its links."""

    edition_id: int
    name: str
    list: str
    state: str
    planned_at: datetime | None
    finished_at: datetime | None
    mails: MailNumbers
    by_language: Mapping[str, int]
    left_out: Mapping[str, int]
    left: tuple[LeavingWay, ...]
    clicks: tuple[StoryClicks, ...] | None = None
    left_by_reason: Mapping[str, int] = field(default_factory=dict)
