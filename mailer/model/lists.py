"""The records of mailing lists and of topics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer import languages


class Frequency(StrEnum):
    """The frequency of a list's mails that a member chose.

    `every` stands for the regular editions of the list, at whatever times it sends them. The others
    stand for the list's digests of that frequency: an edition soon after a story is queued, or one
    edition a day, a week or a month."""

    EVERY = "every"
    IMMEDIATE = "immediate"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Visibility(StrEnum):
    """The visibility of a list. Anyone may join a public list and read its archive."""

    PUBLIC = "public"
    PRIVATE = "private"


class TopicVisibility(StrEnum):
    """The visibility of a topic on pages. A hidden topic is not offered to anyone who has not
    chosen it."""

    OFFERED = "offered"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. `names` are by language; :meth:`get_name` chooses the best one. `descriptions` are
    lines by language that say what the topic is about."""

    id: int
    slug: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str] = field(default_factory=dict)
    visibility: TopicVisibility = TopicVisibility.OFFERED

    @property
    def is_hidden(self) -> bool:
        return self.visibility is TopicVisibility.HIDDEN

    def get_name(self, language: str) -> str:
        """Return the topic's name in `language`, otherwise in English, otherwise in any language,
        otherwise the slug."""
        return _choose_translation(self.names, language) or self.slug.replace("-", " ")

    def get_description(self, language: str) -> str:
        """Return the topic's description in `language`, otherwise in English, otherwise in any
        language, otherwise an empty string."""
        return _choose_translation(self.descriptions, language)


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """Facts about a topic's use. `readers` are the active members of lists who chose it,
    each list counted by itself; `queued` are its queued articles. `last_sent_at` is when an edition
    with a story about it last began, or None if none ever did."""

    topic: Topic
    readers: int
    queued: int
    last_sent_at: datetime | None


def _choose_translation(texts: Mapping[str, str], language: str) -> str:
    tags = sorted(texts, key=lambda tag: tag != "en")
    return texts.get(languages.choose_language(language, tags, tags[0] if tags else ""), "")


@dataclass(frozen=True, slots=True)
class MailingList:
    """A mailing list. People subscribe to each list separately. `language` and `time_zone` apply to
    members who gave none; an empty `time_zone` means the office's. `welcome`: new members get a
    mail; `welcome_edition`: they get the latest edition. `frequencies` are the frequencies that
    members can choose: every edition, and the frequencies of the list's digests. `sender` names the
    sender of editions for which no other is chosen; if it is empty, that is the default sender.
    `counts_clicks`: clicks on the links of its newsletters are counted, without persons. `members`
    is 0 if the members were not counted. A closed list has `closed_at`: people cannot join it, and
    it sends nothing but its last mail, the edition `closing_edition_id`, if there is one.
    `closing_reasons` tell readers why, by language."""

    id: int
    slug: str
    name: str
    description: str
    language: str
    visibility: Visibility
    created_at: datetime
    time_zone: str = field(default="", kw_only=True)
    welcome: bool = field(default=False, kw_only=True)
    welcome_edition: bool = field(default=False, kw_only=True)
    sender: str = field(default="", kw_only=True)
    counts_clicks: bool = field(default=False, kw_only=True)
    frequencies: tuple[Frequency, ...] = field(default=(Frequency.EVERY,), kw_only=True)
    members: int = field(default=0, kw_only=True)
    closed_at: datetime | None = field(default=None, kw_only=True)
    closing_reasons: Mapping[str, str] = field(default_factory=dict, kw_only=True, hash=False)
    closing_edition_id: int | None = field(default=None, kw_only=True)

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None

    def get_closing_reason(self, language: str) -> str:
        """Return why the list was closed, in `language`, otherwise in the list's language,
        otherwise in any; empty for an open list."""
        tags = sorted(self.closing_reasons, key=lambda tag: tag != self.language)
        best_tag = languages.choose_language(language, tags, tags[0] if tags else "")
        return self.closing_reasons.get(best_tag, "")
