"""Moving everything that refers to a topic to another topic or another slug.

Members share combinations of topics, so a merge changes one row for each combination and one UPDATE
for its members, whatever their number.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, literal, select, update

from mailer.actor import Actor
from mailer.audience.segments import from_plain, replace_topic, to_plain
from mailer.errors import ConcurrencyError, NextStep
from mailer.model.articles import ArticleState
from mailer.model.edition_states import REVERTIBLE_STATES
from mailer.model.lists import Topic
from mailer.model.signup import ConfirmationState
from mailer.model.subscribers import ConsentAction, MembershipState
from mailer.store import schema
from mailer.store.audience.topic_facts import TopicFactQueries
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.editions import revert

MERGE_SOURCE = "merge of topics"
"""The source that entries in the log of consent name."""

_OPEN_SIGN_UPS = [ConfirmationState.ASKED.value, ConfirmationState.MAILED.value]

_is_active = schema.membership.c.state == MembershipState.ACTIVE.value


class TopicMergeQueries(TopicFactQueries):
    """The part of :class:`mailer.model.stores.audience.ListStore` for merging topics."""

    def move_topic(
        self, source: Topic, target: Topic, now: datetime, actor: Actor
    ) -> Mapping[str, int]:
        """Move all that refers to `source` to `target`. Returns numbers by the kind of record.

        Transactions that give an article or a new combination one of the two topics come before or
        after this one. Raises ConcurrencyError if one of the two was removed in the meantime."""
        self._lock_topics(source, target)
        moved = Counter(self.replace_topic_slug(source.slug, target.slug, now, actor))
        moved["editions returned to draft"] += self._revert_editions(
            f"the topic {source.slug} was merged into {target.slug}",
            schema.edition.c.id.in_(
                select(schema.edition_story.c.edition_id)
                .join(schema.article, schema.article.c.slug == schema.edition_story.c.slug)
                .join(
                    schema.article_topic, schema.article_topic.c.article_id == schema.article.c.id
                )
                .where(schema.article_topic.c.topic_id == source.id)
            ),
            now,
            actor,
        )
        self._pass_over_stories(source, target)
        moved["articles"] = self._move_articles(source, target)
        moved["digests"] = self._move_digests(source, target)
        moved["members"] = self._move_members(source, target, now, actor)
        return {kind: moved[kind] for kind in sorted(moved) if moved[kind]}

    def _lock_topics(self, *topics: Topic) -> None:
        topic_ids = [topic.id for topic in topics]
        statement = (
            select(schema.topic.c.id)
            .where(schema.topic.c.id.in_(topic_ids))
            .order_by(schema.topic.c.id)
            .with_for_update()
        )
        if len(self._db.scalars(statement).all()) < len(topics):
            raise ConcurrencyError(
                "one of the two topics was removed at the same time",
                next_steps=[NextStep("list_topics")],
            )

    def _move_articles(self, source: Topic, target: Topic) -> int:
        """Move articles; one that has both topics keeps the earlier of their two positions."""
        topics = schema.article_topic.c
        of_source = schema.article_topic.alias("of_source")
        has_source = (
            select(of_source.c.article_id)
            .where(
                of_source.c.topic_id == source.id,
                of_source.c.article_id == topics.article_id,
            )
            .correlate(schema.article_topic)
        )
        source_position = (
            select(of_source.c.position)
            .where(of_source.c.topic_id == source.id, of_source.c.article_id == topics.article_id)
            .correlate(schema.article_topic)
            .scalar_subquery()
        )
        self._db.execute(
            update(schema.article_topic)
            .where(
                topics.topic_id == target.id,
                has_source.exists(),
                topics.position > source_position,
            )
            .values(position=source_position)
        )
        with_target = select(topics.article_id).where(topics.topic_id == target.id)
        doubled = self._db.execute(
            delete(schema.article_topic).where(
                topics.topic_id == source.id, topics.article_id.in_(with_target)
            )
        ).rowcount
        changed = self._db.execute(
            update(schema.article_topic)
            .where(topics.topic_id == source.id)
            .values(topic_id=target.id)
        ).rowcount
        return doubled + changed

    def _move_digests(self, source: Topic, target: Topic) -> int:
        topics = schema.digest_topic.c
        with_target = select(topics.digest_id).where(topics.topic_id == target.id)
        doubled = self._db.execute(
            delete(schema.digest_topic).where(
                topics.topic_id == source.id, topics.digest_id.in_(with_target)
            )
        ).rowcount
        changed = self._db.execute(
            update(schema.digest_topic)
            .where(topics.topic_id == source.id)
            .values(topic_id=target.id)
        ).rowcount
        return doubled + changed

    def _pass_over_stories(self, source: Topic, target: Topic) -> None:
        """Write into the ledger of each digest with one of the two topics the queued stories that
        it takes only from now on."""
        for digest_id in self._db.scalars(
            select(schema.digest_topic.c.digest_id)
            .where(schema.digest_topic.c.topic_id.in_([source.id, target.id]))
            .distinct()
        ).all():
            own_topics = select(schema.digest_topic.c.topic_id).where(
                schema.digest_topic.c.digest_id == digest_id
            )
            own_slugs = (
                select(schema.article.c.slug)
                .join(schema.article_topic)
                .where(schema.article_topic.c.topic_id.in_(own_topics))
            )
            run_slugs = select(schema.digest_story.c.slug).where(
                schema.digest_story.c.digest_id == digest_id
            )
            gained = (
                select(literal(digest_id), schema.article.c.slug)
                .join(schema.article_topic)
                .where(
                    schema.article_topic.c.topic_id.in_([source.id, target.id]),
                    schema.article.c.state == ArticleState.QUEUED.value,
                    schema.article.c.slug.not_in(own_slugs),
                    schema.article.c.slug.not_in(run_slugs),
                )
                .distinct()
            )
            self._db.execute(insert(schema.digest_story).from_select(["digest_id", "slug"], gained))

    def _move_members(self, source: Topic, target: Topic, now: datetime, actor: Actor) -> int:
        """Move the choices of members, those who left included, and log them for the active ones.
        Returns the number of active members."""
        topic_sets = SqlTopicSetStore(self._db)
        set_ids = self._db.scalars(
            select(schema.topic_set_topic.c.topic_set_id)
            .where(schema.topic_set_topic.c.topic_id == source.id)
            .order_by(schema.topic_set_topic.c.topic_set_id)
        ).all()
        slugs_by_set = topic_sets.find_slugs(set_ids)
        new_slugs = {
            set_id: tuple(sorted({*slugs} - {source.slug} | {target.slug}))
            for set_id, slugs in slugs_by_set.items()
        }
        topic_sets.prepare_ids(new_slugs.values())
        count = 0
        for set_id, slugs in new_slugs.items():
            self._replace_in_set(set_id, source, target)
            detail = f"topics: {', '.join(slugs)} ({source.slug} was merged into {target.slug})"
            count += self._log_move(set_id, detail, now, actor)
            self._db.execute(
                update(schema.membership)
                .where(schema.membership.c.topic_set_id == set_id)
                .values(topic_set_id=topic_sets.find_or_create_id(slugs))
            )
        return count

    def _replace_in_set(self, set_id: int, source: Topic, target: Topic) -> None:
        """Replace a topic in a combination that its members are about to leave. This waits for
        transactions that give the combination to a member now. Later ones may do so after this
        transaction, and their member must not end up without topics. The combination loses its key,
        so that no other transaction finds it."""
        in_set = schema.topic_set_topic.c.topic_set_id == set_id
        has_target = select(schema.topic_set_topic.c.topic_id).where(
            in_set, schema.topic_set_topic.c.topic_id == target.id
        )
        of_source = and_(in_set, schema.topic_set_topic.c.topic_id == source.id)
        if self._db.scalar(has_target) is None:
            statement = update(schema.topic_set_topic).values(topic_id=target.id)
            self._db.execute(statement.where(of_source))
        else:
            self._db.execute(delete(schema.topic_set_topic).where(of_source))
        self._db.execute(
            update(schema.topic_set)
            .where(schema.topic_set.c.id == set_id)
            .values(key=f"merged {set_id}")
        )

    def _log_move(self, set_id: int, detail: str, now: datetime, actor: Actor) -> int:
        """Log a change of topics for the active members with a combination. Returns their
        number."""
        columns: dict[str, ColumnElement[Any]] = {
            "at": literal(now, schema.Utc),
            "act": literal(ConsentAction.CHANGED.value),
            "list": schema.mailing_list.c.slug,
            "subscriber_id": schema.subscriber.c.id,
            "address_key": schema.subscriber.c.address_key,
            "address": schema.subscriber.c.address,
            "source": literal(MERGE_SOURCE),
            "basis": literal(""),
            "detail": literal(detail),
            "actor_key": literal(actor.key),
        }
        entries = (
            select(*columns.values())
            .select_from(
                schema.membership.join(
                    schema.subscriber,
                    schema.subscriber.c.id == schema.membership.c.subscriber_id,
                ).join(schema.mailing_list, schema.mailing_list.c.id == schema.membership.c.list_id)
            )
            .where(schema.membership.c.topic_set_id == set_id, _is_active)
        )
        return self._db.execute(
            insert(schema.consent).from_select(list(columns), entries),
            # Without this option, SQLAlchemy 2.1 returns -1 for an INSERT on PostgreSQL.
            execution_options={"preserve_rowcount": True},
        ).rowcount

    # ---- slugs ----------------------------------------------------------------------------------

    def replace_topic_slug(
        self, old_slug: str, new_slug: str, now: datetime, actor: Actor
    ) -> Mapping[str, int]:
        """Replace a slug in segments, sources and sign-ups that wait for confirmation, which name
        topics by their slugs. Returns numbers by the kind of record."""
        segment_ids = self._replace_in_segments(old_slug, new_slug)
        return {
            "segments": len(segment_ids),
            "sources": self._replace_in_sources(old_slug, new_slug),
            "sign-ups": self._replace_in_sign_ups(old_slug, new_slug),
            "editions returned to draft": self._revert_editions(
                f"the topic {old_slug} became {new_slug} in the segment",
                schema.edition.c.segment_id.in_(segment_ids),
                now,
                actor,
            ),
        }

    def _replace_in_segments(self, old_slug: str, new_slug: str) -> list[int]:
        changed_ids = []
        for row in self._db.execute(select(schema.segment)).all():
            tree = from_plain(row.tree)
            changed_tree = replace_topic(tree, old_slug, new_slug)
            if changed_tree != tree:
                self._db.execute(
                    update(schema.segment)
                    .where(schema.segment.c.id == row.id)
                    .values(tree=to_plain(changed_tree))
                )
                changed_ids.append(row.id)
        return changed_ids

    def _replace_in_sources(self, old_slug: str, new_slug: str) -> int:
        count = 0
        for row in self._db.execute(select(schema.source.c.id, schema.source.c.topics)).all():
            if old_slug in row.topics:
                self._db.execute(
                    update(schema.source)
                    .where(schema.source.c.id == row.id)
                    .values(topics=_replace_slug(row.topics, old_slug, new_slug))
                )
                count += 1
        return count

    def _replace_in_sign_ups(self, old_slug: str, new_slug: str) -> int:
        count = 0
        rows = self._db.execute(
            select(schema.confirmation.c.id, schema.confirmation.c.wishes)
            .where(schema.confirmation.c.state.in_(_OPEN_SIGN_UPS))
            .with_for_update()
        ).all()
        for row in rows:
            if old_slug in row.wishes["topics"]:
                topics = sorted(_replace_slug(row.wishes["topics"], old_slug, new_slug))
                self._db.execute(
                    update(schema.confirmation)
                    .where(schema.confirmation.c.id == row.id)
                    .values(wishes={**row.wishes, "topics": topics})
                )
                count += 1
        return count

    def _revert_editions(
        self, reason: str, condition: ColumnElement[bool], now: datetime, actor: Actor
    ) -> int:
        """Revert unsent editions to draft, and return their number."""
        edition_ids = self._db.scalars(
            select(schema.edition.c.id)
            .where(
                schema.edition.c.state.in_([state.value for state in REVERTIBLE_STATES]), condition
            )
            .order_by(schema.edition.c.id)
            .with_for_update(of=schema.edition)
        ).all()
        for edition_id in edition_ids:
            revert.revert_to_draft(self._db, edition_id, reason, now, actor)
        return len(edition_ids)

    # ---- numbers --------------------------------------------------------------------------------

    def count_choosers(self, source: Topic, target: Topic) -> tuple[int, int, int]:
        """Return the number of active members who chose only the source, only the target, and
        both. Each list counts by itself."""

        def count(has_source: bool, has_target: bool) -> int:
            conditions = [
                schema.membership.c.topic_set_id.in_(_select_sets(topic))
                if is_chosen
                else schema.membership.c.topic_set_id.not_in(_select_sets(topic))
                for topic, is_chosen in ((source, has_source), (target, has_target))
            ]
            statement = select(func.count()).select_from(schema.membership)
            return int(self._db.scalar(statement.where(_is_active, *conditions)) or 0)

        return count(True, False), count(False, True), count(True, True)


def _select_sets(topic: Topic) -> Select[int]:
    return select(schema.topic_set_topic.c.topic_set_id).where(
        schema.topic_set_topic.c.topic_id == topic.id
    )


def _replace_slug(slugs: Sequence[str], old_slug: str, new_slug: str) -> list[str]:
    return list(dict.fromkeys(new_slug if slug == old_slug else slug for slug in slugs))
