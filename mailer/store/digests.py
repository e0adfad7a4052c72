"""Digests, and the ledger of what each has run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mailer import embargoes
from mailer.articles import ArticleState, Query, Story, stories
from mailer.audience.lists import Frequency
from mailer.audience.subscribers import MembershipState
from mailer.digests import ApprovalRule, Digest, Order, Policy, WhenEmpty, WhenLate
from mailer.editions import Archive, Edition, NewEdition, SendTime
from mailer.store.articles import Articles
from mailer.store.editions import Editions
from mailer.store.embargoes import Embargoes
from mailer.store.ids import id_of, new_id
from mailer.store.schema import (
    article,
    digest,
    digest_story,
    digest_topic,
    mailing_list,
    membership,
    segment,
    topic,
)


class Digests:
    """Implements ``digests.DigestStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def digests(self) -> list[Digest]:
        topics: dict[int, list[str]] = {}
        for owner, slug in self._db.execute(
            select(digest_topic.c.digest_id, topic.c.slug)
            .join(topic, topic.c.id == digest_topic.c.topic_id)
            .order_by(digest_topic.c.position)
        ):
            topics.setdefault(owner, []).append(slug)
        run: dict[int, int] = dict(
            self._db.execute(
                select(digest_story.c.digest_id, func.count()).group_by(digest_story.c.digest_id)
            ).all()
        )
        rows = self._db.execute(
            select(
                digest,
                mailing_list.c.slug.label("list_slug"),
                segment.c.slug.label("segment_slug"),
            )
            .join(mailing_list, mailing_list.c.id == digest.c.list_id)
            .outerjoin(segment, segment.c.id == digest.c.segment_id)
            .order_by(digest.c.slug)
        )
        return [_record(row, topics.get(row.id, []), run.get(row.id, 0)) for row in rows]

    def add(self, order: Order, now: datetime) -> Digest:
        made = self._db.execute(
            insert(digest).values(
                slug=order.slug, created_at=now, updated_at=now, **self._columns(order)
            )
        )
        number = new_id(made)
        self._set_topics(number, order)
        return Digest(number, order, now, now)

    def edit(self, known: Digest, order: Order, now: datetime) -> Digest:
        self._db.execute(
            update(digest)
            .where(digest.c.id == known.id)
            .values(updated_at=now, **self._columns(order))
        )
        self._db.execute(delete(digest_topic).where(digest_topic.c.digest_id == known.id))
        self._set_topics(known.id, order)
        return Digest(known.id, order, known.created_at, now, known.stories_run)

    def candidates(self, known: Digest) -> list[Story]:
        """Stories with a queued article that the digest has not run."""
        has_run = select(digest_story.c.slug).where(digest_story.c.digest_id == known.id)
        slugs = self._db.scalars(
            select(article.c.slug)
            .where(article.c.state == ArticleState.QUEUED.value, article.c.slug.not_in(has_run))
            .distinct()
        ).all()
        found: list[Story] = []
        for start in range(0, len(slugs), 500):
            batch = tuple(slugs[start : start + 500])
            found += stories(Articles(self._db).matching(Query(slugs=batch)))
        return found

    def held(self, moment: datetime) -> frozenset[str]:
        """The slugs of stories that will be embargoed still at `moment`."""
        return frozenset(embargoes.held(Embargoes(self._db), moment))

    def chose(self, list_slug: str, frequency: Frequency) -> int:
        """How many of a list's members chose a frequency."""
        wanted = (
            select(func.count())
            .select_from(membership.join(mailing_list))
            .where(
                mailing_list.c.slug == list_slug,
                membership.c.frequency == frequency.value,
                membership.c.state == MembershipState.ACTIVE.value,
            )
        )
        return int(self._db.scalar(wanted) or 0)

    def reserve(self, known: Digest, edition: Edition, slugs: Sequence[str]) -> None:
        if slugs:
            self._db.execute(
                insert(digest_story),
                [{"digest_id": known.id, "slug": slug, "edition_id": edition.id} for slug in slugs],
            )

    def create_edition(self, new: NewEdition, now: datetime) -> Edition:
        return Editions(self._db).create(new, now)

    def _columns(self, order: Order) -> dict[str, Any]:
        return {
            "name": order.name,
            "list_id": id_of(self._db, mailing_list, order.list, "list"),
            "segment_id": id_of(self._db, segment, order.segment, "segment")
            if order.segment
            else None,
            "template": order.template,
            "subject": order.subject,
            "language": order.language,
            "fewest": order.fewest,
            "most": order.most,
            "when_empty": order.when_empty.value,
            "frequency": order.frequency.value,
            "archive": order.archive.value,
            "approval": order.policy.approval.value,
            "when_late": order.policy.when_late.value,
            "send_time": order.policy.send_time.value,
            "grace_minutes": _minutes(order.policy.grace),
            "reminders": [_minutes(one) for one in order.policy.reminders],
            "approvers": list(order.policy.approvers),
            "watchers": list(order.policy.watchers),
        }

    def _set_topics(self, number: int, order: Order) -> None:
        rows = [
            {
                "digest_id": number,
                "topic_id": id_of(self._db, topic, slug, "topic"),
                "position": position,
            }
            for position, slug in enumerate(order.topics)
        ]
        if rows:
            self._db.execute(insert(digest_topic), rows)


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds()) // 60


def _record(row: Row[Any], topics: Sequence[str], run: int) -> Digest:
    order = Order(
        slug=row.slug,
        name=row.name,
        list=row.list_slug,
        segment=row.segment_slug or "",
        topics=tuple(topics),
        template=row.template,
        subject=row.subject,
        language=row.language,
        fewest=row.fewest,
        most=row.most,
        when_empty=WhenEmpty(row.when_empty),
        frequency=Frequency(row.frequency),
        archive=Archive(row.archive),
        policy=Policy(
            approval=ApprovalRule(row.approval),
            when_late=WhenLate(row.when_late),
            send_time=SendTime(row.send_time),
            grace=timedelta(minutes=row.grace_minutes),
            reminders=tuple(timedelta(minutes=one) for one in row.reminders),
            approvers=tuple(row.approvers),
            watchers=tuple(row.watchers),
        ),
    )
    return Digest(row.id, order, row.created_at, row.updated_at, run)
