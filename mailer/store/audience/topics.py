"""Topics: their names and descriptions, and what refers to them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from mailer.model.lists import Topic, TopicVisibility
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.slug_lookup import get_inserted_id

# Built once; subscribers.py says why.
_TOPICS = select(schema.topic).order_by(schema.topic.c.slug)
_NAMES = select(schema.topic_name)
_DESCRIPTIONS = select(schema.topic_description)


class TopicQueries(SqlStore):
    """The part of :class:`mailer.model.stores.audience.ListStore` for topics."""

    def list_topics(self) -> list[Topic]:
        names: dict[int, dict[str, str]] = {}
        for row in self._db.execute(_NAMES):
            names.setdefault(row.topic_id, {})[row.language] = row.name
        descriptions: dict[int, dict[str, str]] = {}
        for row in self._db.execute(_DESCRIPTIONS):
            descriptions.setdefault(row.topic_id, {})[row.language] = row.text
        return [
            Topic(
                row.id,
                row.slug,
                names.get(row.id, {}),
                descriptions.get(row.id, {}),
                TopicVisibility(row.visibility),
            )
            for row in self._db.execute(_TOPICS)
        ]

    def add_topic(self, slug: str, names: Mapping[str, str], now: datetime) -> Topic:
        result = self._db.execute(insert(schema.topic).values(slug=slug, created_at=now))
        topic = Topic(get_inserted_id(result), slug, dict(names))
        self._replace_texts(schema.topic_name, "name", topic.id, names)
        return topic

    def save_topic(self, topic: Topic) -> Topic:
        """Save a topic's slug, visibility, names and descriptions."""
        self._db.execute(
            update(schema.topic)
            .where(schema.topic.c.id == topic.id)
            .values(slug=topic.slug, visibility=topic.visibility.value)
        )
        self._replace_texts(schema.topic_name, "name", topic.id, topic.names)
        self._replace_texts(schema.topic_description, "text", topic.id, topic.descriptions)
        return topic

    def _replace_texts(
        self, table: Any, column: str, topic_id: int, texts: Mapping[str, str]
    ) -> None:
        self._db.execute(delete(table).where(table.c.topic_id == topic_id))
        rows = [
            {"topic_id": topic_id, "language": tag, column: text} for tag, text in texts.items()
        ]
        if rows:
            self._db.execute(insert(table), rows)

    def remove_topic(self, topic: Topic) -> None:
        self._db.execute(delete(schema.topic).where(schema.topic.c.id == topic.id))

    def delete_unused_topic_sets(self, topic: Topic) -> None:
        """Delete a topic from the combinations of topics that no member has."""
        in_unused_set = (
            ~select(schema.membership.c.subscriber_id)
            .where(schema.membership.c.topic_set_id == schema.topic_set_topic.c.topic_set_id)
            .exists()
        )
        self._db.execute(
            delete(schema.topic_set_topic).where(
                schema.topic_set_topic.c.topic_id == topic.id, in_unused_set
            )
        )

    def count_topic_uses(self, topic: Topic) -> Mapping[str, int]:
        """Return the number of uses of a topic, by the kind of use."""

        def count_uses(table: Any) -> int:
            statement = select(func.count()).select_from(table).where(table.c.topic_id == topic.id)
            return int(self._db.scalar(statement) or 0)

        return {
            "articles": count_uses(schema.article_topic),
            "digests": count_uses(schema.digest_topic),
            "combinations that subscribers chose": count_uses(schema.topic_set_topic),
        }
