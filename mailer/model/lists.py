"""Mailing lists, and the topics that articles are about and subscribers choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer import languages


class Frequency(StrEnum):
    """How often somebody hears from a list: of each edition, or once a week or month of all that
    they follow, from a digest that serves those readers."""

    EVERY = "every"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Visibility(StrEnum):
    """Whether anyone may join by themselves."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Topic:
    """`names` are by language; :meth:`get_name` finds the best."""

    id: int
    slug: str
    names: Mapping[str, str]

    def get_name(self, language: str) -> str:
        """The topic's name for a reader of `language`: that, English, any, or the slug."""
        tags = sorted(self.names, key=lambda tag: tag != "en")
        best_tag = languages.choose_language(language, tags, tags[0] if tags else "")
        return self.names.get(best_tag, self.slug.replace("-", " "))


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list with its own consent. `language` serves members who chose none, `time_zone` those who
    gave none (empty: the office's). `welcome`: new members get a mail. `frequencies` are those that
    members can choose: every edition, and what a digest serves. `members` is 0 where they were not
    counted."""

    id: int
    slug: str
    name: str
    description: str
    language: str
    visibility: Visibility
    created_at: datetime
    time_zone: str = field(default="", kw_only=True)
    welcome: bool = field(default=False, kw_only=True)
    frequencies: tuple[Frequency, ...] = field(default=(Frequency.EVERY,), kw_only=True)
    members: int = field(default=0, kw_only=True)
