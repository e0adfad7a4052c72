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
from mailer.articles.release import Asset, AssetKind, Carriage, PressContact, Quote
from mailer.errors import NotFound


@dataclass(frozen=True, slots=True)
class About:
    """What an organisation says about itself; `language` is its text's."""

    name: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class Page:
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

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"published": self.published.astimezone(UTC).isoformat()}

    def asset(self, file: str, name: str) -> Asset | None:
        """The asset that is the file of this hash, or its beginning, and name."""
        return next(
            (
                one
                for one in self.assets
                if one.file and len(file) >= 16 and one.file.startswith(file) and one.name == name
            ),
            None,
        )


def from_plain(plain: Mapping[str, Any]) -> Page:
    """What :meth:`Page.plain` gave."""
    image = plain["image"]
    return Page(
        **dict(plain)
        | {
            "published": datetime.fromisoformat(plain["published"]),
            "topics": tuple(plain["topics"]),
            "image": Image(**image) if image else None,
            "quotes": tuple(Quote(**one) for one in plain["quotes"]),
            "contacts": tuple(PressContact(**one) for one in plain["contacts"]),
            "about": tuple(About(**one) for one in plain["about"]),
            "assets": tuple(
                Asset(
                    **one | {"kind": AssetKind(one["kind"]), "carriage": Carriage(one["carriage"])}
                )
                for one in plain["assets"]
            ),
        }
    )


def page_of(
    article: Article,
    *,
    topics: Sequence[str],
    contacts: Sequence[PressContact],
    about: Sequence[About],
) -> Page:
    """An article's page, with the names of its topics, whom to ask, and who stands behind it."""
    release = article.release
    return Page(
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
class Corrected:
    """That a release was corrected: when, what has changed, and why, by language."""

    at: datetime
    what: Mapping[str, str]
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A release as its press page shows it: in all the languages of its `edition_id`, of which
    `language` is the default. `opened_at` is when anybody could read it first, `updated_at` when
    this version came, `corrections` what was changed since, the newest last."""

    slug: str
    edition_id: int
    language: str
    opened_at: datetime
    updated_at: datetime
    pages: tuple[Page, ...]
    corrections: tuple[Corrected, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(one.language for one in self.pages)

    def page(self, language: str) -> Page:
        """The best for a reader of `language`."""
        found = languages.choose(language, self.languages, self.language)
        return next((one for one in self.pages if one.language == found), self.pages[0])


class PressStore(Protocol):
    """What the verbs here need kept."""

    def sheet(self, slug: str, now: datetime) -> Sheet | None: ...
    def newest(self, now: datetime, limit: int, offset: int = 0) -> Sequence[Sheet]: ...
    def of_edition(self, edition_id: int) -> Sheet | None: ...
    def was_open(self, slug: str) -> bool: ...


def get(store: PressStore, slug: str, now: datetime) -> Sheet:
    """A release's sheet. Raises NotFound, the same for one that is embargoed and one that never
    was."""
    found = store.sheet(slug, now)
    if found is None:
        raise NotFound(f"there is no press page of {slug!r}", hint="see `mailer release show`")
    return found
