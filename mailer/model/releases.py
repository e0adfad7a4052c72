"""Records of press pages and of kills; the rules are in ``mailer/releases``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from mailer import languages
from mailer.model.articles import Image
from mailer.model.event_details import EventDetails
from mailer.model.press_release import Asset, PressContact, Quote


@dataclass(frozen=True, slots=True)
class About:
    """An organisation's text about itself, and the language of the text."""

    name: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class PageTranslation:
    """The public text of a release in one language. HTML is sanitised."""

    language: str
    kind: str
    title: str
    subhead: str
    summary: str
    byline: str
    dateline: str
    published: datetime
    html: str
    notes: str
    topics: tuple[str, ...]
    image: Image | None
    quotes: tuple[Quote, ...]
    contacts: tuple[PressContact, ...]
    about: tuple[About, ...]
    assets: tuple[Asset, ...]
    canonical_url: str
    event: EventDetails | None = None
    pictures: tuple[Image, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the translation as a dictionary for JSON."""
        return asdict(self) | {"published": self.published.astimezone(UTC).isoformat()}

    def find_asset(self, file_hash: str, name: str) -> Asset | None:
        """Return the asset with this name, whose file's hash begins with the given text."""
        return next(
            (
                asset
                for asset in self.assets
                if asset.file
                and len(file_hash) >= 16
                and asset.file.startswith(file_hash)
                and asset.name == name
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class ReleaseCorrection:
    """A correction of a release: its time, and its descriptions and reasons by language."""

    at: datetime
    descriptions: Mapping[str, str]
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """A release as its press page shows it: in all the languages of its `edition_id`, of which
    `language` is the default. `opened_at` is when it could first be read, `updated_at` when this
    version came; `corrections` lists the changes since, the newest last. `changes` says by language
    when an article was changed after the page's text was approved; the page does not show such a
    change."""

    slug: str
    edition_id: int
    language: str
    opened_at: datetime
    updated_at: datetime
    pages: tuple[PageTranslation, ...]
    corrections: tuple[ReleaseCorrection, ...] = ()
    changes: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(page.language for page in self.pages)

    def choose_translation(self, language: str) -> PageTranslation:
        """Return the best translation for a reader of `language`."""
        tag = languages.choose_language(language, self.languages, self.language)
        return next((page for page in self.pages if page.language == tag), self.pages[0])


@dataclass(frozen=True, slots=True)
class Kill:
    """A request to kill a story, with its `reasons` as recipients read them, by language, and its
    confirmation. The keys identify the two actors, the names are for people to read. `notified_at`
    is when the second person was asked for, and `notified_digest` that of what they were shown."""

    slug: str
    reasons: Mapping[str, str]
    asked_by: str
    asked_at: datetime
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    asked_by_key: str = ""
    confirmed_by_key: str = ""
    notified_at: datetime | None = None
    notified_digest: str = ""

    @property
    def reason(self) -> str:
        """The reason in the first language given, for staff."""
        return next(iter(self.reasons.values()), "")
