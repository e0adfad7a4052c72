"""Pages of stories that have no address elsewhere: where a mail's “read more” leads.

A story has one from the moment that an edition with it begins, to a list whose archive anybody may
read: as it is queued, so that what was mended in it shows. One that is embargoed or withdrawn is
as if it weren't there. Of a release that was sent as one, the press page is shown (press.py).
"""

from typing import Any

from fastapi import Request, Response

from mailer import languages
from mailer.articles import Article, ArticleQuery, ArticleState
from mailer.releases.pages import PageTranslation, ReleasePage, build_translation
from mailer.store import Transaction
from mailer.web.public.public_site import PublicSite
from mailer.web.public.releases import structured_data


def find_story_pages(tx: Transaction, slug: str) -> ReleasePage | None:
    """A story's pages, in all its languages; None where nobody may read it here."""
    opened_at = tx.archive.find_story_sent_at(slug)
    story_articles = tx.articles.find_articles(
        ArticleQuery(state=ArticleState.QUEUED, slugs=(slug,))
    )
    if opened_at is None or not story_articles:
        return None
    topics_by_slug = {topic.slug: topic for topic in tx.lists.list_topics()}
    return ReleasePage(
        slug=slug,
        edition_id=0,
        language=story_articles[0].language,
        opened_at=opened_at,
        updated_at=max(opened_at, *(article.updated_at for article in story_articles)),
        pages=tuple(_build_page(article, topics_by_slug) for article in story_articles),
    )


def _build_page(article: Article, topics_by_slug: dict[str, Any]) -> PageTranslation:
    topics = [
        topics_by_slug[topic_slug].name(article.language)
        for topic_slug in article.topics
        if topic_slug in topics_by_slug
    ]
    return build_translation(article, topics=topics, contacts=(), about=())


def render_story(
    site: PublicSite, request: Request, story_pages: ReleasePage, page: PageTranslation
) -> Response:
    """A story's page."""
    address = structured_data.build_story_url(site.settings, story_pages.slug, page.language)
    return site.render_page(
        request,
        "story.html",
        page=page,
        dir_of=languages.get_direction(page.language),
        others_in={
            tag: structured_data.build_story_path(story_pages.slug, tag)
            for tag in story_pages.languages
            if tag != page.language
        },
        day=site.to_office_date(story_pages.opened_at),
        canonical=page.canonical_url or address,
        json_ld=structured_data.build_json_ld(story_pages, page, site.settings, address),
    )
