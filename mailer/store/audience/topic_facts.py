"""The facts that an audit of topics shows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from mailer.model.articles import ArticleState
from mailer.model.edition_states import EditionKind
from mailer.model.lists import TopicFacts, TopicVisibility
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.topics import TopicQueries

_is_active = schema.membership.c.state == MembershipState.ACTIVE.value


class TopicFactQueries(TopicQueries):
    """The part of :class:`mailer.model.stores.audience.ListStore` for auditing topics."""

    def list_topic_facts(self) -> Sequence[TopicFacts]:
        """Return the facts about each topic."""
        readers: dict[int, int] = dict(
            self._db.execute(
                select(schema.topic_set_topic.c.topic_id, func.count())
                .join(
                    schema.membership,
                    schema.membership.c.topic_set_id == schema.topic_set_topic.c.topic_set_id,
                )
                .where(_is_active)
                .group_by(schema.topic_set_topic.c.topic_id)
            ).all()
        )
        queued: dict[int, int] = dict(
            self._db.execute(
                select(schema.article_topic.c.topic_id, func.count())
                .join(schema.article, schema.article.c.id == schema.article_topic.c.article_id)
                .where(schema.article.c.state == ArticleState.QUEUED.value)
                .group_by(schema.article_topic.c.topic_id)
            ).all()
        )
        sent: dict[int, datetime] = dict(
            self._db.execute(
                select(schema.article_topic.c.topic_id, func.max(schema.edition.c.planned_at))
                .join(schema.article, schema.article.c.id == schema.article_topic.c.article_id)
                .join(schema.edition_story, schema.edition_story.c.slug == schema.article.c.slug)
                .join(schema.edition, schema.edition.c.id == schema.edition_story.c.edition_id)
                .where(
                    schema.edition.c.kind == EditionKind.MAILING.value,
                    schema.edition.c.planned_at.is_not(None),
                )
                .group_by(schema.article_topic.c.topic_id)
            ).all()
        )
        return [
            TopicFacts(topic, readers.get(topic.id, 0), queued.get(topic.id, 0), sent.get(topic.id))
            for topic in self.list_topics()
        ]

    def list_unchoosable_stories(self, limit: int) -> Sequence[str]:
        """Return the slugs of queued stories that have topics, all of them hidden."""
        hidden = select(schema.topic.c.id).where(
            schema.topic.c.visibility == TopicVisibility.HIDDEN.value
        )
        topic_rows = schema.article_topic.c
        with_hidden = (
            select(schema.article.c.slug)
            .join(schema.article_topic)
            .where(
                topic_rows.topic_id.in_(hidden),
                schema.article.c.state == ArticleState.QUEUED.value,
            )
        )
        with_offered = (
            select(schema.article.c.slug)
            .join(schema.article_topic)
            .where(topic_rows.topic_id.not_in(hidden))
        )
        return self._db.scalars(
            with_hidden.where(schema.article.c.slug.not_in(with_offered))
            .distinct()
            .order_by(schema.article.c.slug)
            .limit(limit)
        ).all()
