"""The public archive: mailings that anybody may read again.

An edition stands in it from the moment that it is begun to be sent, where its list is public and it
isn't marked private. One that is paused is out of it until it goes on, as something may be wrong
with it; one with a story that is embargoed until the story is free, and of one that was killed
only the mail that says so stands; and one that is cancelled for
good. What was sent by then stays readable by the links in its mails, once it is not embargoed. An
edition that isn't sent yet, a private one and one of a private list are as if they weren't there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer import languages, message, words
from mailer.audience.lists import ListStore, MailingList, Visibility
from mailer.editions import Archive, Body, Edition, EditionState, Kind
from mailer.errors import NotFound

SHOWN = (EditionState.SENDING, EditionState.SENT)
"""The states in which an edition stands in the archive."""

MOST_WORDS = 8
"""Of a query; what it has beyond is not looked for."""


@dataclass(frozen=True, slots=True)
class Version:
    """An edition in one language, as a list of editions shows it: `subject` is that of somebody who
    got all its stories, `titles` are theirs."""

    language: str
    subject: str
    summary: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """That a story of an edition was corrected after it was sent: `slug` names its press page;
    `what` has changed, by language."""

    slug: str
    at: datetime
    what: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """An edition as it stands in the archive. `uid` names it in addresses; `language` is its
    default, `sent_at` when the first of it went out, `corrections` what was wrong in it."""

    edition_id: int
    uid: str
    name: str
    list: str
    language: str
    sent_at: datetime
    versions: tuple[Version, ...]
    corrections: tuple[Corrected, ...] = ()

    @property
    def updated_at(self) -> datetime:
        """When it was sent, or corrected last."""
        return max([self.sent_at, *(one.at for one in self.corrections)])

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(one.language for one in self.versions)

    def version(self, language: str) -> Version:
        """The best for a reader of `language`."""
        found = languages.choose(language, self.languages, self.language)
        return next((one for one in self.versions if one.language == found), self.versions[0])


class ArchiveStore(Protocol):
    """What the verbs here need kept."""

    def entries(
        self, list_: str, words: Sequence[str], limit: int, offset: int
    ) -> Sequence[Entry]: ...
    def entry(self, list_: str, uid: str) -> Entry | None: ...
    def body(self, edition_id: int, language: str) -> Body | None: ...
    def story(self, slug: str) -> datetime | None: ...
    def was_taken_back(self, edition_id: int) -> bool: ...


def stands(edition: Edition, list_: MailingList) -> bool:
    """Whether anybody may read the edition, and find it in lists, feeds and searches."""
    return (
        edition.kind is Kind.MAILING
        and edition.state in SHOWN
        and edition.archive is Archive.PUBLIC
        and list_.visibility is Visibility.PUBLIC
    )


def lists(store: ListStore) -> list[MailingList]:
    """The lists that have an archive."""
    return [one for one in store.lists() if one.visibility is Visibility.PUBLIC]


def get_list(store: ListStore, slug: str) -> MailingList:
    """One list that has an archive. Raises NotFound, the same for a private one."""
    for one in lists(store):
        if one.slug == slug:
            return one
    raise NotFound(f"there is no public list {slug!r}", hint="see `mailer list list`")


def search(
    store: ArchiveStore, list_: MailingList, query: str, limit: int, offset: int = 0
) -> Sequence[Entry]:
    """Editions of a list in which every word of `query` is a part of a word, the newest first; all
    of them where `query` holds no word."""
    return store.entries(list_.slug, words.wanted(query, MOST_WORDS), limit, offset)


def search_words(body: Body) -> str:
    """What a search looks in: subject and text as anybody may read them."""
    return words.distinct(f"{message.heading(body)}\n{message.reading(body)}")
