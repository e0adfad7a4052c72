"""The stories for each topic, as bits."""

from sqlalchemy import Connection

from mailer.errors import ComposeError
from mailer.model.articles import ArticleQuery
from mailer.model.editions import Edition
from mailer.store.articles import ArticleQueries
from mailer.store.editions.records import EditionQueries


def build_story_masks(db: Connection, key: bytes, edition: Edition) -> tuple[dict[str, int], int]:
    """Return the story bits of each topic, and the bits of stories without a topic, which are for
    everyone."""
    bits = EditionQueries(db, key).fetch_story_bits(edition)
    if not bits:
        raise ComposeError(f"edition {edition.id} is not composed")
    topics: dict[str, set[str]] = {slug: set() for slug in bits}
    for article in ArticleQueries(db, key).find_articles(ArticleQuery(slugs=tuple(bits))):
        topics[article.slug] |= set(article.topics)
    by_topic: dict[str, int] = {}
    everyone = 0
    for slug, about in topics.items():
        for topic in about:
            by_topic[topic] = by_topic.get(topic, 0) | 1 << bits[slug]
        if not about:
            everyone |= 1 << bits[slug]
    return by_topic, everyone
