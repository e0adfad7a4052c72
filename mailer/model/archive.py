"""The records of the public archive. ``mailer/archive.py`` has the rules for what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailer import languages
from mailer.model.articles import Image
from mailer.model.edition_states import EditionState
from mailer.model.editions import SendDay

ARCHIVED_STATES = (EditionState.SENDING, EditionState.SENT)
"""The states in which an edition is in the archive."""


@dataclass(frozen=True, slots=True)
class ArchivedVersion:
    """The data that a list of editions shows about an edition in one language. `subject` is the
    subject for a reader who gets all stories; `titles` are the titles of the stories, and `picture`
    is that of the first."""

    language: str
    subject: str
    summary: str
    titles: tuple[str, ...]
    picture: Image | None = None


@dataclass(frozen=True, slots=True)
class StoryCorrection:
    """A correction of a story after its edition was sent. `slug` names the story's press page.
    `descriptions` describe the change, by language."""

    slug: str
    at: datetime
    descriptions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """An edition in the archive. `uid` names it in web addresses. `language` is its default
    language, `sent_at` the moment at which sending began, `send_day` the day that its mails
    print."""

    edition_id: int
    uid: str
    name: str
    list: str
    language: str
    sent_at: datetime
    versions: tuple[ArchivedVersion, ...]
    corrections: tuple[StoryCorrection, ...] = ()
    send_day: SendDay | None = None

    @property
    def updated_at(self) -> datetime:
        """When the edition was last corrected, otherwise when it was sent."""
        return max([self.sent_at, *(correction.at for correction in self.corrections)])

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(version.language for version in self.versions)

    def choose_version(self, language: str) -> ArchivedVersion:
        """Choose the best version for a reader of `language`."""
        tag = languages.choose_language(language, self.languages, self.language)
        return next(
            (version for version in self.versions if version.language == tag), self.versions[0]
        )
