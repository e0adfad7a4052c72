"""The records of mailing lists and of topics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer import languages


class Frequency(StrEnum):
    """The frequency of a list's mails that a member chose: every edition, or a weekly or monthly
    digest."""

    EVERY = "every"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Visibility(StrEnum):
    """The visibility of a list. Anyone may join a public list and read its archive."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. `names` are by language; :meth:`get_name` chooses the best one."""

    id: int
    slug: str
    names: Mapping[str, str]

    def get_name(self, language: str) -> str:
        """Return the topic's name in `language`, otherwise in English, otherwise in any language,
        otherwise the slug."""
        tags = sorted(self.names, key=lambda tag: tag != "en")
        best_tag = languages.choose_language(language, tags, tags[0] if tags else "")
        return self.names.get(best_tag, self.slug.replace("-", " "))


@dataclass(frozen=True, slots=True)
class MailingList:
    """A mailing list. People subscribe to each list separately. `language` and `time_zone` apply to
    members who gave none; an empty `time_zone` means the office's. `welcome`: new members get a
    mail. `frequencies` are the frequencies that members can choose: every edition, and the
    frequencies of the list's digests. `sender` names the sender of editions for which no other is
    chosen; if it is empty, that is the default sender. `counts_clicks`: clicks on the links of its
    newsletters are counted, without persons. `members` is 0 if the members were not
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
    sender: str = field(default="", kw_only=True)
    counts_clicks: bool = field(default=False, kw_only=True)
    frequencies: tuple[Frequency, ...] = field(default=(Frequency.EVERY,), kw_only=True)
    members: int = field(default=0, kw_only=True)
