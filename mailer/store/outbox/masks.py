"""Which stories a topic lets through, as bits."""

from sqlalchemy import Connection

from mailer.articles import Query
from mailer.editions import Edition
from mailer.errors import ComposeError
from mailer.store.articles import Articles
from mailer.store.editions import Editions


def story_masks(db: Connection, known: Edition) -> tuple[dict[str, int], int]:
    """Bits by topic, and the bits of stories without a topic, which are for everyone."""
    bits = Editions(db).story_bits(known)
    if not bits:
        raise ComposeError(f"edition {known.id} is not composed")
    topics: dict[str, set[str]] = {slug: set() for slug in bits}
    for found in Articles(db).matching(Query(slugs=tuple(bits))):
        topics[found.slug] |= set(found.topics)
    by_topic: dict[str, int] = {}
    everyone = 0
    for slug, about in topics.items():
        for one in about:
            by_topic[one] = by_topic.get(one, 0) | 1 << bits[slug]
        if not about:
            everyone |= 1 << bits[slug]
    return by_topic, everyone
