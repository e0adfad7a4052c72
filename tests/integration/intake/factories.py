"""Feeds, sources, and their imports into an office."""

import json
from dataclasses import replace
from datetime import timedelta

from mailer import sources
from mailer.app import Mailer
from mailer.intake.source_reader import SourceReader
from mailer.model.articles import Article, ArticleQuery
from mailer.model.sources import Source, SourceKind, SourceSettings
from mailer.sources import ImportResult
from tests.actors import STAFF
from tests.integration.intake.site import LoopbackSite

HOUR = timedelta(hours=1)


def make_feed(*entries: tuple[str, str, str]) -> bytes:
    """Make an Atom feed of (id, title, text)."""
    items = "".join(
        f"<entry><id>{key}</id><title>{title}</title><updated>2026-11-20T09:00:00Z</updated>"
        f'<content type="html">&lt;p&gt;{text}&lt;/p&gt;</content>'
        f'<link href="https://www.example.org/{key}"/></entry>'
        for key, title, text in entries
    )
    xmlns = "http://www.w3.org/2005/Atom"
    return f'<feed xmlns="{xmlns}"><id>f</id><title>News</title>{items}</feed>'.encode()


FIRST = ("one", "A clinic opens", "Visitors are welcome.")
SECOND = ("two", "A bridge closes", "For a week.")


def add_source(
    mailer: Mailer, place: str, kind: SourceKind = SourceKind.FEED, **fields: object
) -> Source:
    with mailer.store.begin() as tx:
        source_settings = replace(SourceSettings("theirs", kind, place), **fields)  # type: ignore[arg-type]
        return sources.add_source(tx, STAFF, source_settings, mailer.clock())


def import_source(mailer: Mailer, site: LoopbackSite) -> ImportResult | None:
    with mailer.store.read() as tx:
        source = sources.get_source(tx, "theirs")
    reader = SourceReader(mailer.settings, site.create_guard())
    return sources.poll_source(mailer.store, STAFF, source, reader, mailer.clock)


def get_source(mailer: Mailer) -> Source:
    with mailer.store.read() as tx:
        return sources.get_source(tx, "theirs")


def map_articles(mailer: Mailer) -> dict[str, Article]:
    with mailer.store.read() as tx:
        return {article.slug: article for article in tx.articles.find_articles(ArticleQuery())}


POSTS = "/wp-json/wp/v2/posts?_embed=1&per_page=20"


def make_posts(*dates: str) -> bytes:
    return json.dumps(
        [
            {
                "id": number,
                "slug": f"post-{number}",
                "status": "publish",
                "date_gmt": date,
                "link": f"https://www.example.org/{number}",
                "title": {"rendered": f"Post {number}"},
                "content": {"rendered": "<p>Text.</p>"},
            }
            for number, date in enumerate(dates)
        ]
    ).encode()
