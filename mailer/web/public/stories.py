"""Pages of stories that have no canonical address: the targets of "read more" in mails.

A story gets its page when an edition with it starts for a public list. The page shows the queued
article in its latest revision. For an embargoed or withdrawn story, the answer is the same as if it
never existed. A story that was sent as a release has a press page instead
(``releases/press_pages.py``).
"""

from collections.abc import Mapping

from fastapi import Request, Response

from mailer import languages
from mailer.model.articles import Article, ArticleQuery, ArticleState
from mailer.model.lists import Topic
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.releases.pages import build_translation
from mailer.store import SqlTransaction
from mailer.web.public.public_site import get_site
from mailer.web.public.releases import structured_data


def find_story_pages(tx: SqlTransaction, slug: str) -> ReleasePage | None:
    """Return a story's pages in all its languages, or None if the story has no public page."""
    opened_at = tx.editions.find_story_sent_at(slug)
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


def _build_page(article: Article, topics_by_slug: Mapping[str, Topic]) -> PageTranslation:
    topics = [
        topics_by_slug[topic_slug].get_name(article.language)
        for topic_slug in article.topics
        if topic_slug in topics_by_slug
    ]
    return build_translation(article, topics=topics, contacts=(), about=())


def render_story(request: Request, story_pages: ReleasePage, page: PageTranslation) -> Response:
    """Return the page of a story in one language."""
    site = get_site(request)
    address = structured_data.build_story_url(site.settings, story_pages.slug, page.language)
    return site.render_page(
        request,
        "story.html",
        page=page,
        text_direction=languages.get_direction(page.language),
        language_paths={
            tag: structured_data.build_story_path(story_pages.slug, tag)
            for tag in story_pages.languages
            if tag != page.language
        },
        day=site.to_office_date(story_pages.opened_at),
        canonical=page.canonical_url or address,
        json_ld=structured_data.build_json_ld(story_pages, page, site.settings, address),
    )
