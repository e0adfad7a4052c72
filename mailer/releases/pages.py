"""Press pages: what everybody may read of releases, and journalists use.

A release's page shows what its newest edition was approved with, once that has begun or its time
has come: text, quotes, notes, boilerplate, contacts and assets, frozen beside its mails. It opens
by itself when the story is not, or no longer, embargoed, and closes when the story is withdrawn or
the edition cancelled.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mailer.errors import NextStep, NotFound
from mailer.model.articles import Article, Image
from mailer.model.press_release import Asset, AssetKind, Carriage, PressContact, Quote
from mailer.model.releases import About, PageTranslation, ReleasePage
from mailer.model.transaction import Transaction


def from_dict(values: Mapping[str, Any]) -> PageTranslation:
    """Rebuild what :meth:`PageTranslation.to_dict` gave."""
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
    """Build an article's page, with the names of its topics, its press contacts and its
    organisations."""
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


def get_page(tx: Transaction, slug: str, now: datetime) -> ReleasePage:
    """Return a release's page. Raises NotFound, the same for an embargoed release and an unknown
    one."""
    page = tx.releases.find_page(slug, now)
    if page is None:
        raise NotFound(
            f"there is no press page of {slug!r}",
            next_steps=[NextStep("show_release", slug=slug)],
        )
    return page
