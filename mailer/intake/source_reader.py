"""Read feeds, sites and folders as entries, for the verbs of `mailer/sources`."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailer.config import Settings
from mailer.errors import InputError
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.embedded_images import convert_to_assets
from mailer.intake.files import ArticleFile
from mailer.intake.request_fields import Validators, build_user_agent
from mailer.intake.sources import read_source
from mailer.intake.word_process import WordFileReading
from mailer.model.articles import ArticleKind
from mailer.model.lists import Topic
from mailer.model.sources import Source, SourceEntry, SourceReading, SourceSettings
from mailer.sources import compute_fingerprint

if TYPE_CHECKING:
    from mailer.intake.fetching import FetchGuard


class SourceReader:
    """Implements :class:`mailer.model.sources.Reader` with an office's settings. `guard` decides
    which addresses may be fetched; the default allows only public addresses."""

    def __init__(self, settings: Settings, guard: "FetchGuard | None" = None) -> None:
        self._settings = settings
        self._guard = guard

    def make_defaults(
        self,
        topics: Iterable[Topic],
        now: datetime,
        source_settings: SourceSettings | None = None,
    ) -> DraftDefaults:
        """Make the defaults for fields that a source does not state. A category with the name or
        the slug of a topic becomes that topic."""
        default_settings = self._settings.defaults
        return DraftDefaults(
            now=now,
            language=(source_settings.language if source_settings else "")
            or default_settings.language,
            kind=source_settings.article_kind if source_settings else ArticleKind.NEWS,
            topics=source_settings.topics if source_settings else (),
            time_zone=default_settings.time_zone,
            topics_by_category={
                name.lower(): topic.slug
                for topic in topics
                for name in (topic.slug, *topic.names.values())
            },
        )

    def read_source(self, source: Source, topics: Iterable[Topic], now: datetime) -> SourceReading:
        """Read the entries that a source has now, oldest first. Raises FetchError and
        InputError."""
        content = read_source(
            source.settings,
            self.make_defaults(topics, now, source.settings),
            previous_validators=Validators(source.etag, source.last_modified),
            agent=build_user_agent(self._settings.organisation.website),
            guard=self._guard,
        )
        return SourceReading(
            entries=(
                # Sources list the newest entries first.
                *(build_entry(draft) for draft in reversed(content.batch.drafts)),
                *(_build_file_entry(file) for file in content.files),
            ),
            problems=tuple(str(problem.error) for problem in content.batch.problems),
            etag=content.validators.etag,
            last_modified=content.validators.last_modified,
            permanent_url=content.permanent_url,
            unchanged=content.unchanged,
            long_files=tuple(map(str, content.long_files)),
        )

    def start_file(
        self, source: Source, topics: Iterable[Topic], now: datetime, path: str
    ) -> "LongFileReading":
        """Begin to read a long Word file of a folder in another process."""
        defaults = self.make_defaults(topics, now, source.settings)
        return LongFileReading(WordFileReading(Path(path), defaults))


class LongFileReading:
    """Implements :class:`mailer.model.sources.FileReading`."""

    def __init__(self, reading: WordFileReading) -> None:
        self._reading = reading

    def find_result(self) -> SourceReading | None:
        """Return the file's entry or its problem, or None while the file is being read."""
        try:
            draft = self._reading.find_draft()
        except InputError as error:
            return SourceReading(problems=(str(error),))
        return None if draft is None else SourceReading((build_entry(draft),))

    def wait(self) -> SourceReading:
        """Return the file's entry or its problem once it is read."""
        try:
            return SourceReading((build_entry(self._reading.wait()),))
        except InputError as error:
            return SourceReading(problems=(str(error),))

    def stop(self) -> None:
        self._reading.stop()


def build_entry(draft: Draft) -> SourceEntry:
    """Build the entry of a draft, with its embedded pictures as assets."""
    fingerprint = compute_fingerprint(draft.content, dated=draft.dated)
    draft_with_assets, attached_files = convert_to_assets(draft)
    content = draft_with_assets.content
    return SourceEntry(
        origin=draft.origin,
        key=draft.key or content.canonical_url or content.title,
        content=content,
        fingerprint=fingerprint,
        dated=draft.dated,
        attached_files=attached_files,
        pictures=draft.shown_pictures,
        omissions=draft_with_assets.omissions,
    )


def _build_file_entry(file: ArticleFile) -> SourceEntry:
    return SourceEntry(
        origin=str(file.path),
        content=file.content,
        problem=str(file.error) if file.error else "",
        dated=file.dated,
        file=file,
    )
