"""Digests, and each digest's ledger of the stories that it has run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, literal, or_, select, update

from mailer import embargoes
from mailer.actor import Actor
from mailer.articles import group_stories
from mailer.model.articles import ArticleKind, ArticleQuery, ArticleState, Story
from mailer.model.digests import (
    ApprovalRule,
    Digest,
    DigestPolicy,
    DigestSettings,
    WhenEmpty,
    WhenLate,
)
from mailer.model.edition_states import OPEN_STATES, ArchiveVisibility, SendTimeBasis
from mailer.model.editions import Edition, NewEdition
from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.articles import ArticleQueries
from mailer.store.base import SqlStore
from mailer.store.editions.records import EditionQueries
from mailer.store.releases.embargoes import SqlEmbargoStore
from mailer.store.slug_lookup import find_id, get_inserted_id

_count_run_stories = (
    select(func.count())
    .where(
        schema.digest_story.c.digest_id == schema.digest.c.id,
        schema.digest_story.c.edition_id.is_not(None),
    )
    .correlate(schema.digest)
    .scalar_subquery()
    .label("stories_run")
)


class SqlDigestStore(SqlStore):
    """Implements :class:`mailer.model.stores.sending.DigestStore`."""

    def list_digests(self, *, counted: bool = False) -> list[Digest]:
        """Return all digests. With `counted`, include the number of stories that each has run."""
        topics: dict[int, list[str]] = {}
        for digest_id, slug in self._db.execute(
            select(schema.digest_topic.c.digest_id, schema.topic.c.slug)
            .join(schema.topic, schema.topic.c.id == schema.digest_topic.c.topic_id)
            .order_by(schema.digest_topic.c.position)
        ):
            topics.setdefault(digest_id, []).append(slug)
        rows = self._db.execute(
            select(
                schema.digest,
                schema.mailing_list.c.slug.label("list_slug"),
                schema.segment.c.slug.label("segment_slug"),
                _count_run_stories if counted else literal(0).label("stories_run"),
            )
            .join(schema.mailing_list, schema.mailing_list.c.id == schema.digest.c.list_id)
            .outerjoin(schema.segment, schema.segment.c.id == schema.digest.c.segment_id)
            .order_by(schema.digest.c.slug)
        )
        return [_build_digest(row, topics.get(row.id, [])) for row in rows]

    def add_digest(self, settings: DigestSettings, now: datetime) -> Digest:
        result = self._db.execute(
            insert(schema.digest).values(
                slug=settings.slug, created_at=now, updated_at=now, **self._build_columns(settings)
            )
        )
        digest_id = get_inserted_id(result)
        self._set_topics(digest_id, settings)
        return Digest(digest_id, settings, now, now)

    def update_digest(self, digest: Digest, settings: DigestSettings, now: datetime) -> Digest:
        self._db.execute(
            update(schema.digest)
            .where(schema.digest.c.id == digest.id)
            .values(updated_at=now, **self._build_columns(settings))
        )
        self._db.execute(
            delete(schema.digest_topic).where(schema.digest_topic.c.digest_id == digest.id)
        )
        self._set_topics(digest.id, settings)
        return Digest(digest.id, settings, digest.created_at, now, digest.stories_run)

    def list_candidate_stories(self, digest: Digest) -> list[Story]:
        """Return the stories with a queued article that the digest has not run or passed over.
        Those for an immediate digest were queued after it was made. The story of a closed list's
        last mail is for no digest."""
        run_slugs = select(schema.digest_story.c.slug).where(
            schema.digest_story.c.digest_id == digest.id
        )
        closing_slugs = select(schema.edition_story.c.slug).where(
            schema.edition_story.c.edition_id.in_(
                select(schema.mailing_list.c.closing_edition_id).where(
                    schema.mailing_list.c.closing_edition_id.is_not(None)
                )
            )
        )
        statement = select(schema.article.c.slug).where(
            schema.article.c.state == ArticleState.QUEUED.value,
            schema.article.c.slug.not_in(run_slugs),
            schema.article.c.slug.not_in(closing_slugs),
        )
        if digest.settings.frequency is Frequency.IMMEDIATE:
            statement = statement.where(schema.article.c.queued_at >= digest.created_at)
        slugs = self._db.scalars(statement.distinct()).all()
        candidate_stories: list[Story] = []
        for start in range(0, len(slugs), 500):
            batch = tuple(slugs[start : start + 500])
            candidate_stories += group_stories(
                ArticleQueries(self._db, self._key).find_articles(ArticleQuery(slugs=batch))
            )
        return candidate_stories

    def has_new_stories(self, digest: Digest, since: datetime) -> bool:
        """Check whether the digest has not run an article that was queued `since` a moment."""
        is_run = (
            select(schema.digest_story.c.slug)
            .where(
                schema.digest_story.c.digest_id == digest.id,
                schema.digest_story.c.slug == schema.article.c.slug,
            )
            .exists()
        )
        statement = select(schema.article.c.id).where(
            schema.article.c.state == ArticleState.QUEUED.value,
            schema.article.c.queued_at >= since,
            ~is_run,
        )
        return self._db.scalar(statement.limit(1)) is not None

    def find_embargoed_slugs(self, moment: datetime) -> frozenset[str]:
        """Return the slugs of stories that are still embargoed at `moment`."""
        return frozenset(embargoes.find_embargoed(SqlEmbargoStore(self._db, self._key), moment))

    def count_members_by_frequency(self, list_slug: str, frequency: Frequency) -> int:
        """Return the number of a list's members who chose a frequency."""
        statement = (
            select(func.count())
            .select_from(schema.membership.join(schema.mailing_list))
            .where(
                schema.mailing_list.c.slug == list_slug,
                schema.membership.c.frequency == frequency.value,
                schema.membership.c.state == MembershipState.ACTIVE.value,
            )
        )
        return int(self._db.scalar(statement) or 0)

    def reserve_stories(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None:
        if slugs:
            self._db.execute(
                insert(schema.digest_story),
                [
                    {"digest_id": digest.id, "slug": slug, "edition_id": edition.id}
                    for slug in slugs
                ],
            )

    def count_unsent_stories(self, digest: Digest) -> dict[int, int]:
        """Return the number of the digest's stories in each of its unsent editions, by the
        edition's number."""
        statement = (
            select(schema.digest_story.c.edition_id, func.count())
            .join(schema.edition, schema.edition.c.id == schema.digest_story.c.edition_id)
            .where(
                schema.digest_story.c.digest_id == digest.id,
                schema.edition.c.state.in_([state.value for state in OPEN_STATES]),
            )
            .group_by(schema.digest_story.c.edition_id)
            .order_by(schema.digest_story.c.edition_id)
        )
        return dict(self._db.execute(statement).all())

    def find_last_number(self, digest: Digest) -> int:
        """Return the highest number of the digest's editions that were sent or may be sent, or
        0."""
        statement = (
            select(schema.edition.c.number)
            .where(
                schema.edition.c.digest_id == digest.id,
                or_(
                    schema.edition.c.planned_at.is_not(None),
                    schema.edition.c.state.in_([state.value for state in OPEN_STATES]),
                ),
            )
            .order_by(schema.edition.c.number.desc())
            .limit(1)
        )
        return int(self._db.scalar(statement) or 0)

    def create_edition(self, new: NewEdition, now: datetime, actor: Actor) -> Edition:
        return EditionQueries(self._db, self._key).create_edition(new, now, actor)

    def _build_columns(self, settings: DigestSettings) -> dict[str, Any]:
        return {
            "name": settings.name,
            "list_id": find_id(self._db, schema.mailing_list, settings.list, "list"),
            "segment_id": find_id(self._db, schema.segment, settings.segment, "segment")
            if settings.segment
            else None,
            "template": settings.template,
            "subject": settings.subject,
            "names": dict(settings.names),
            "subjects": dict(settings.subjects),
            "language": settings.language,
            "kinds": [kind.value for kind in settings.kinds],
            "fewest": settings.fewest,
            "most": settings.most,
            "when_empty": settings.when_empty.value,
            "frequency": settings.frequency.value,
            "archive": settings.archive.value,
            "sender": settings.sender,
            "link_tags": dict(settings.link_tags),
            "approval": settings.policy.approval.value,
            "when_late": settings.policy.when_late.value,
            "send_time": settings.policy.send_time.value,
            "grace_minutes": _to_minutes(settings.policy.grace),
            "approve_minutes": _to_minutes(settings.policy.approve_by),
            "quiet_minutes": _to_minutes(settings.policy.quiet),
            "wait_minutes": _to_minutes(settings.policy.longest_wait),
            "reminders": [_to_minutes(reminder) for reminder in settings.policy.reminders],
            "approvers": list(settings.policy.approvers),
            "watchers": list(settings.policy.watchers),
        }

    def _set_topics(self, digest_id: int, settings: DigestSettings) -> None:
        rows = [
            {
                "digest_id": digest_id,
                "topic_id": find_id(self._db, schema.topic, slug, "topic"),
                "position": position,
            }
            for position, slug in enumerate(settings.topics)
        ]
        if rows:
            self._db.execute(insert(schema.digest_topic), rows)


def _to_minutes(duration: timedelta) -> int:
    return int(duration.total_seconds()) // 60


def _build_digest(row: Row[Any], topics: Sequence[str]) -> Digest:
    settings = DigestSettings(
        slug=row.slug,
        name=row.name,
        list=row.list_slug,
        segment=row.segment_slug or "",
        topics=tuple(topics),
        template=row.template,
        subject=row.subject,
        names=row.names,
        subjects=row.subjects,
        language=row.language,
        kinds=tuple(ArticleKind(kind) for kind in row.kinds),
        fewest=row.fewest,
        most=row.most,
        when_empty=WhenEmpty(row.when_empty),
        frequency=Frequency(row.frequency),
        archive=ArchiveVisibility(row.archive),
        sender=row.sender,
        link_tags=row.link_tags,
        policy=DigestPolicy(
            approval=ApprovalRule(row.approval),
            when_late=WhenLate(row.when_late),
            send_time=SendTimeBasis(row.send_time),
            grace=timedelta(minutes=row.grace_minutes),
            approve_by=timedelta(minutes=row.approve_minutes),
            reminders=tuple(timedelta(minutes=minutes) for minutes in row.reminders),
            approvers=tuple(row.approvers),
            watchers=tuple(row.watchers),
            quiet=timedelta(minutes=row.quiet_minutes),
            longest_wait=timedelta(minutes=row.wait_minutes),
        ),
    )
    return Digest(row.id, settings, row.created_at, row.updated_at, row.stories_run)
