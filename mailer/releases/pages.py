"""Press pages: what everybody may read of releases, and journalists take away.

A release's page is what its newest edition that has begun, or whose time has come, was approved
with: text, quotes, notes, boilerplate, contacts and assets, frozen beside its mails. It opens by
itself when the story is not embargoed, or not any more, and closes when the story is withdrawn or
the edition cancelled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from mailer import languages
from mailer.articles import Article, Image
from mailer.articles.press_release import Asset, AssetKind, Carriage, PressContact, Quote
from mailer.errors import NotFound


@dataclass(frozen=True, slots=True)
class About:
    """What an organisation says about itself; `language` is its text's."""

    name: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class PageTranslation:
    """A release in one language, as anybody may read it. HTML is sanitised."""

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

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"published": self.published.astimezone(UTC).isoformat()}

    def find_asset(self, file_hash: str, name: str) -> Asset | None:
        """The asset that is the file of this hash, or its beginning, and name."""
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


def from_dict(values: Mapping[str, Any]) -> PageTranslation:
    """What :meth:`PageTranslation.to_dict` gave."""
    image = values["image"]
    return PageTranslation(
        **dict(values)
        | {
            "published": datetime.fromisoformat(values["published"]),
            "topics": tuple(values["topics"]),
            "image": Image(**image) if image else None,
            "quotes": tuple(Quote(**item) for item in values["quotes"]),
            "contacts": tuple(PressContact(**item) for item in values["contacts"]),
            "about": tuple(About(**item) for item in values["about"]),
            "assets": tuple(
                Asset(
                    **item
                    | {"kind": AssetKind(item["kind"]), "carriage": Carriage(item["carriage"])}
                )
                for item in values["assets"]
            ),
        }
    )


def build_translation(
    article: Article,
    *,
    topics: Sequence[str],
    contacts: Sequence[PressContact],
    about: Sequence[About],
) -> PageTranslation:
    """An article's page, with the names of its topics, whom to ask, and who stands behind it."""
    release = article.release
    return PageTranslation(
        language=article.language,
        kind=article.kind.value,
        title=article.title,
        subhead=release.subhead if release else "",
        summary=article.summary,
        byline=article.byline,
        dateline=article.dateline,
        published=article.published,
        html=article.html,
        notes=release.notes_html if release else "",
        topics=tuple(topics),
        image=article.image,
        quotes=release.quotes if release else (),
        contacts=tuple(contacts),
        about=tuple(about),
        assets=release.assets if release else (),
        canonical_url=article.canonical_url,
    )


@dataclass(frozen=True, slots=True)
class ReleaseCorrection:
    """That a release was corrected: when, what has changed, and why, by language."""

    at: datetime
    what: Mapping[str, str]
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """A release as its press page shows it: in all the languages of its `edition_id`, of which
    `language` is the default. `opened_at` is when anybody could read it first, `updated_at` when
    this version came, `corrections` what was changed since, the newest last."""

    slug: str
    edition_id: int
    language: str
    opened_at: datetime
    updated_at: datetime
    pages: tuple[PageTranslation, ...]
    corrections: tuple[ReleaseCorrection, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(page.language for page in self.pages)

    def choose_translation(self, language: str) -> PageTranslation:
        """The best for a reader of `language`."""
        tag = languages.choose_language(language, self.languages, self.language)
        return next((page for page in self.pages if page.language == tag), self.pages[0])


class PressStore(Protocol):
    """What the verbs here need kept."""

    def find_page(self, slug: str, now: datetime) -> ReleasePage | None: ...
    def list_newest_pages(
        self, now: datetime, limit: int, offset: int = 0
    ) -> Sequence[ReleasePage]: ...
    def find_page_of_edition(self, edition_id: int) -> ReleasePage | None: ...
    def was_open(self, slug: str) -> bool: ...


def get_page(store: PressStore, slug: str, now: datetime) -> ReleasePage:
    """A release's sheet. Raises NotFound, the same for one that is embargoed and one that never
    was."""
    page = store.find_page(slug, now)
    if page is None:
        raise NotFound(f"there is no press page of {slug!r}", hint="see `mailer release show`")
    return page
