"""Who gets what: freezing an edition's audience.

Stories become bits. What each combination of topics lets through, and which body serves each
language, is worked out first, in two temporary tables of a few rows; then people are joined to
them, so that a million people cost one integer each.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    case,
    exists,
    func,
    insert,
    literal,
    not_,
    select,
    update,
)

from mailer import languages
from mailer.audience.subscribers import MembershipState
from mailer.editions import Edition
from mailer.outbox import DeliveryState, Exclusion, Plan
from mailer.store.audience.segments import condition, mailed_language, members
from mailer.store.editions import Editions
from mailer.store.outbox.masks import story_masks
from mailer.store.schema import (
    database_now,
    delivery,
    edition,
    edition_body,
    exclusion,
    mailing_list,
    membership,
    subscriber,
    suppression,
    topic,
    topic_set_topic,
)

_temporary = MetaData()
_set_mask = Table(
    "plan_set",
    _temporary,
    Column("topic_set_id", BigInteger, primary_key=True),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
_language_mask = Table(
    "plan_language",
    _temporary,
    Column("language", String(35), primary_key=True),
    Column("body", String(35), nullable=False),
    Column("stories", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)


class Plans:
    """Freezes audiences."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def plan(self, known: Edition, now: datetime) -> Plan:
        """Freeze the audience: one row for each eligible address, in one INSERT … SELECT, and the
        count of those left out, by reason. The edition must be composed."""
        stories, everyone = story_masks(self._db, known)
        with _Temporary(self._db):
            self._fill_masks(known, stories, everyone)
            source, mask = self._audience(known)
            excluded = self._excluded(known, source, mask)
            eligible = self._eligible(known, mask)
            chosen = (
                select(
                    literal(known.id),
                    subscriber.c.address,
                    subscriber.c.address_key,
                    subscriber.c.id,
                    subscriber.c.name,
                    _language_mask.c.body,
                    mask,
                    literal(DeliveryState.QUEUED.value),
                    database_now(),
                    database_now(),
                )
                .select_from(source)
                .where(*eligible)
            )
            columns = (
                "edition_id",
                "address",
                "address_key",
                "subscriber_id",
                "name",
                "language",
                "stories",
                "state",
                "next_attempt_at",
                "updated_at",
            )
            made = self._db.execute(
                insert(delivery).from_select(columns, chosen),
                # Without it SQLAlchemy 2.1 gives -1 for an INSERT on PostgreSQL.
                execution_options={"preserve_rowcount": True},
            )
        if excluded:
            self._db.execute(
                insert(exclusion),
                [
                    {"edition_id": known.id, "reason": reason.value, "members": members_}
                    for reason, members_ in excluded.items()
                ],
            )
        self._db.execute(update(edition).where(edition.c.id == known.id).values(planned_at=now))
        return Plan(made.rowcount, excluded)

    def _fill_masks(self, known: Edition, by_topic: Mapping[str, int], everyone: int) -> None:
        sets: dict[int, int] = {}
        for set_id, slug in self._db.execute(
            select(topic_set_topic.c.topic_set_id, topic.c.slug).join(
                topic, topic.c.id == topic_set_topic.c.topic_id
            )
        ):
            sets[set_id] = sets.get(set_id, everyone) | by_topic.get(slug, 0)
        if sets:
            self._db.execute(
                insert(_set_mask),
                [{"topic_set_id": one, "stories": mask} for one, mask in sets.items()],
            )
        bodies = dict(
            self._db.execute(
                select(edition_body.c.language, edition_body.c.stories).where(
                    edition_body.c.edition_id == known.id
                )
            ).all()
        )
        wanted = self._db.scalars(
            select(mailed_language)
            .select_from(members)
            .where(mailing_list.c.slug == known.list)
            .distinct()
        ).all()
        rows = []
        for tag in wanted:
            body = languages.choose(tag, sorted(bodies), known.language)
            rows.append({"language": tag, "body": body, "stories": bodies[body]})
        if rows:
            self._db.execute(insert(_language_mask), rows)

    def _audience(self, known: Edition) -> tuple[Any, ColumnElement[int]]:
        source = members.join(
            _language_mask, _language_mask.c.language == mailed_language
        ).outerjoin(_set_mask, _set_mask.c.topic_set_id == membership.c.topic_set_id)
        chosen = case(
            (membership.c.topic_set_id.is_(None), literal(-1, BigInteger)),
            else_=func.coalesce(_set_mask.c.stories, 0),
        )
        return source, chosen.bitwise_and(_language_mask.c.stories)

    def _is_suppressed(self) -> ColumnElement[bool]:
        return exists(
            select(literal(1)).where(suppression.c.address_key == subscriber.c.address_key)
        )

    def _eligible(self, known: Edition, mask: ColumnElement[int]) -> list[ColumnElement[bool]]:
        return [
            mailing_list.c.slug == known.list,
            membership.c.state == MembershipState.ACTIVE.value,
            condition(Editions(self._db).filter_of(known)),
            not_(self._is_suppressed()),
            mask != 0,
        ]

    def _excluded(
        self, known: Edition, source: Any, mask: ColumnElement[int]
    ) -> dict[Exclusion, int]:
        state = membership.c.state
        reason = case(
            (state == MembershipState.PENDING.value, Exclusion.PENDING.value),
            (state == MembershipState.UNSUBSCRIBED.value, Exclusion.UNSUBSCRIBED.value),
            (self._is_suppressed(), Exclusion.SUPPRESSED.value),
            (not_(condition(Editions(self._db).filter_of(known))), Exclusion.SEGMENT.value),
            (mask == 0, Exclusion.NO_STORY.value),
        ).label("reason")
        counted = (
            select(reason, func.count())
            .select_from(source)
            .where(mailing_list.c.slug == known.list)
            .group_by(reason)
        )
        return {
            Exclusion(why): count for why, count in self._db.execute(counted) if why is not None
        }


class _Temporary:
    """The two tables that a plan joins people to, for its length."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        _temporary.create_all(self._db, checkfirst=False)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            _temporary.drop_all(self._db, checkfirst=False)
