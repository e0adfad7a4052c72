"""Press pages: the public pages of releases.

A release's page shows the text, quotes, notes, boilerplate, contacts and assets that were approved
with its newest edition and frozen together with the mails. That edition must have started, or its
send time must have come. The page is open as long as the story is not embargoed, and closes if the
story is withdrawn or the edition is cancelled.
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
    """Rebuild a page from the result of :meth:`PageTranslation.to_dict`."""
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
    """Build an article's page, given the names of its topics, its press contacts and its
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
    """Return a release's page. Raises the same NotFound for an embargoed release as for an unknown
    one."""
    page = tx.releases.find_page(slug, now)
    if page is None:
        raise NotFound(
            f"there is no press page of {slug!r}",
            next_steps=[NextStep("show_release", slug=slug)],
        )
    return page
