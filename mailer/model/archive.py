"""The public archive: mailings that anybody may read again.

An edition stands in it from the moment that it is begun to be sent, where its list is public and it
isn't marked private. One that is paused is out of it until it goes on, as something may be wrong
with it; one with a story that is embargoed until the story is free, and of one that was killed
only the mail that says so stands; and one that is cancelled for
good. What was sent by then stays readable by the links in its mails, once it is not embargoed. An
edition that isn't sent yet, a private one and one of a private list are as if they weren't there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mailer import languages
from mailer.model.edition_states import EditionState

ARCHIVED_STATES = (EditionState.SENDING, EditionState.SENT)
"""The states in which an edition stands in the archive."""


@dataclass(frozen=True, slots=True)
class ArchivedVersion:
    """An edition in one language, as a list of editions shows it: `subject` is that of somebody who
    got all its stories, `titles` are theirs."""

    language: str
    subject: str
    summary: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoryCorrection:
    """That a story of an edition was corrected after it was sent: `slug` names its press page;
    `what` has changed, by language."""

    slug: str
    at: datetime
    what: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """An edition as it stands in the archive. `uid` names it in addresses; `language` is its
    default, `sent_at` when the first of it went out, `corrections` what was wrong in it."""

    edition_id: int
    uid: str
    name: str
    list: str
    language: str
    sent_at: datetime
    versions: tuple[ArchivedVersion, ...]
    corrections: tuple[StoryCorrection, ...] = ()

    @property
    def updated_at(self) -> datetime:
        """When it was sent, or corrected last."""
        return max([self.sent_at, *(correction.at for correction in self.corrections)])

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(version.language for version in self.versions)

    def choose_version(self, language: str) -> ArchivedVersion:
        """The best for a reader of `language`."""
        tag = languages.choose_language(language, self.languages, self.language)
        return next(
            (version for version in self.versions if version.language == tag), self.versions[0]
        )
