"""Press pages: the public pages of releases.

Once an edition of a release has begun, or its send time has come, the release's page shows the
content that was approved with the edition: text, quotes, notes, boilerplate, contacts and assets,
frozen with the mails. The newest such edition counts. The page opens automatically unless the story
is embargoed, and closes when the story is withdrawn or the edition is cancelled.

A story that was never sent as a release gets a page when an edition with it begins, for a list
whose archive anyone may read. That page shows the text that its newest edition was approved with.
If an article was changed afterwards, its page says so, and shows the new text when an edition with
it was approved and has begun. An embargoed or withdrawn story gets the same answer as one that
never existed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer.errors import NextStep, NotFound
from mailer.model.articles import ArticleQuery, ArticleState, Content, Image
from mailer.model.event_details import EventDetails
from mailer.model.lists import Topic
from mailer.model.press_release import Asset, AssetKind, Carriage, PressContact, Quote
from mailer.model.releases import About, PageTranslation, ReleasePage
from mailer.model.transaction import Transaction


def from_dict(values: Mapping[str, Any]) -> PageTranslation:
    """Rebuild a page from the result of :meth:`PageTranslation.to_dict`."""
    image, event = values["image"], values["event"]
    return PageTranslation(
        **dict(values)
        | {
            "published": datetime.fromisoformat(values["published"]),
            "topics": tuple(values["topics"]),
            "image": Image(**image) if image else None,
            "event": EventDetails(**event) if event else None,
            "pictures": tuple(Image(**item) for item in values["pictures"]),
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
    article: Content,
    *,
    topics: Sequence[str],
    contacts: Sequence[PressContact],
    about: Sequence[About],
) -> PageTranslation:
    """Build an article's page from the article, the names of its topics, its press contacts, and
    its organisations."""
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
        event=article.event,
        pictures=article.pictures,
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
    current_articles = tx.articles.find_articles(
        ArticleQuery(state=ArticleState.QUEUED, slugs=(slug,))
    )
    changes = {
        article.language: article.updated_at
        for article in current_articles
        for translation in page.pages
        if translation.language == article.language and _was_changed(translation, article)
    }
    return replace(page, changes=changes)


def _was_changed(page: PageTranslation, article: Content) -> bool:
    """Check whether an article says, or shows, something else than its page."""
    current_page = build_translation(article, topics=(), contacts=(), about=())
    return any(
        getattr(page, name) != getattr(current_page, name)
        for name in (
            "kind", "title", "subhead", "summary", "html", "quotes", "notes", "assets", "image",
            "byline", "dateline", "event", "pictures",
        )
    )  # fmt: skip


def find_story_pages(tx: Transaction, slug: str) -> ReleasePage | None:
    """Return the pages of a story that was sent in a newsletter, in all its languages, or None if
    no one may read them. They have the text that was sent last. Articles are read only if the story
    may be shown; otherwise the answer would take longer for an embargoed story than for an unknown
    one."""
    opened_at = tx.editions.find_story_sent_at(slug)
    if opened_at is None:
        return None
    sent_at = tx.editions.find_story_last_sent_at(slug)
    story_articles = tx.articles.find_articles(
        ArticleQuery(state=ArticleState.QUEUED, slugs=(slug,))
    )
    if sent_at is None:
        return None
    sent_texts = [
        (article, content)
        for article in story_articles
        if (content := tx.articles.find_content_at(article, sent_at))
    ]
    if not sent_texts:
        return None
    topics_by_slug = {topic.slug: topic for topic in tx.lists.list_topics()}
    story_pages = tuple(_build_story_page(content, topics_by_slug) for _, content in sent_texts)
    return ReleasePage(
        slug=slug,
        edition_id=0,
        language=sent_texts[0][0].language,
        opened_at=opened_at,
        updated_at=sent_at,
        pages=story_pages,
        changes={
            article.language: article.updated_at
            for (article, _), page in zip(sent_texts, story_pages, strict=True)
            if _was_changed(page, article)
        },
    )


def _build_story_page(article: Content, topics_by_slug: Mapping[str, Topic]) -> PageTranslation:
    topics = [
        topics_by_slug[topic_slug].get_name(article.language)
        for topic_slug in article.topics
        if topic_slug in topics_by_slug
    ]
    return build_translation(article, topics=topics, contacts=(), about=())
