"""Topics and mailing lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from mailer.audience.lists import Frequency, MailingList, Topic, Visibility
from mailer.audience.subscribers import MembershipState
from mailer.store.ids import new_id
from mailer.store.schema import (
    article_topic,
    consent,
    digest,
    digest_topic,
    edition,
    mailing_list,
    membership,
    topic,
    topic_name,
    topic_set_topic,
)

# Made once: see subscribers.py.
_TOPICS = select(topic).order_by(topic.c.slug)
_NAMES = select(topic_name)
_LISTS = select(mailing_list).order_by(mailing_list.c.slug)
_SERVED = (
    select(digest.c.list_id, digest.c.frequency)
    .where(digest.c.frequency != Frequency.EVERY.value)
    .distinct()
)


class Lists:
    """Implements ``audience.lists.ListStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def topics(self) -> list[Topic]:
        names: dict[int, dict[str, str]] = {}
        for row in self._db.execute(_NAMES):
            names.setdefault(row.topic_id, {})[row.language] = row.name
        return [Topic(row.id, row.slug, names.get(row.id, {})) for row in self._db.execute(_TOPICS)]

    def add_topic(self, slug: str, names: Mapping[str, str], now: datetime) -> Topic:
        made = self._db.execute(insert(topic).values(slug=slug, created_at=now))
        return self.name_topic(Topic(new_id(made), slug, {}), names)

    def name_topic(self, topic_: Topic, names: Mapping[str, str]) -> Topic:
        self._db.execute(delete(topic_name).where(topic_name.c.topic_id == topic_.id))
        self._db.execute(
            insert(topic_name),
            [{"topic_id": topic_.id, "language": tag, "name": name} for tag, name in names.items()],
        )
        return Topic(topic_.id, topic_.slug, dict(names))

    def remove_topic(self, topic_: Topic) -> None:
        self._db.execute(delete(topic).where(topic.c.id == topic_.id))

    def topic_uses(self, topic_: Topic) -> Mapping[str, int]:
        """How many of what hold the topic. Combinations that nobody has any longer don't count;
        they are dropped here."""
        unused = ~topic_set_topic.c.topic_set_id.in_(
            select(membership.c.topic_set_id).where(membership.c.topic_set_id.is_not(None))
        )
        self._db.execute(
            delete(topic_set_topic).where(topic_set_topic.c.topic_id == topic_.id, unused)
        )

        def count(table: Any) -> int:
            wanted = select(func.count()).select_from(table).where(table.c.topic_id == topic_.id)
            return int(self._db.scalar(wanted) or 0)

        return {
            "articles": count(article_topic),
            "digests": count(digest_topic),
            "combinations that subscribers chose": count(topic_set_topic),
        }

    def lists(self, *, counted: bool = False) -> list[MailingList]:
        """All lists; `counted` with their active members: counting a million takes a moment."""
        members: dict[int, int] = {}
        if counted:
            active = (
                select(membership.c.list_id, func.count())
                .where(membership.c.state == MembershipState.ACTIVE.value)
                .group_by(membership.c.list_id)
            )
            members = dict(self._db.execute(active).all())
        served: dict[int, set[str]] = {}
        for of, frequency in self._db.execute(_SERVED):
            served.setdefault(of, set()).add(frequency)
        rows = self._db.execute(_LISTS)
        return [_list(row, members.get(row.id, 0), served.get(row.id, set())) for row in rows]

    def named(self, slug: str) -> MailingList:
        """A list that is there, its members not counted."""
        return next(one for one in self.lists() if one.slug == slug)

    def add_list(
        self,
        slug: str,
        name: str,
        description: str,
        language: str,
        visibility: Visibility,
        now: datetime,
        time_zone: str = "",
        *,
        welcome: bool = False,
    ) -> MailingList:
        made = self._db.execute(
            insert(mailing_list).values(
                slug=slug,
                name=name,
                description=description,
                language=language,
                visibility=visibility.value,
                time_zone=time_zone,
                welcome=welcome,
                created_at=now,
            )
        )
        return MailingList(
            new_id(made),
            slug,
            name,
            description,
            language,
            visibility,
            now,
            time_zone=time_zone,
            welcome=welcome,
        )

    def edit_list(self, changed: MailingList) -> MailingList:
        self._db.execute(
            update(mailing_list)
            .where(mailing_list.c.id == changed.id)
            .values(
                name=changed.name,
                description=changed.description,
                language=changed.language,
                visibility=changed.visibility.value,
                time_zone=changed.time_zone,
                welcome=changed.welcome,
            )
        )
        return changed

    def list_uses(self, known: MailingList) -> Mapping[str, int]:
        """How many of what hang on the list. Who has left it counts: they must stay off it; and so
        does the log of those who were erased: another list of that name is not what they saw."""

        def count(table: Any, here: ColumnElement[bool]) -> int:
            return int(self._db.scalar(select(func.count()).select_from(table).where(here)) or 0)

        return {
            "people who are or were on it": count(membership, membership.c.list_id == known.id),
            "digests": count(digest, digest.c.list_id == known.id),
            "editions": count(edition, edition.c.list_id == known.id),
            "lines in the log of consent": count(consent, consent.c.list == known.slug),
        }

    def remove_list(self, known: MailingList) -> None:
        self._db.execute(delete(mailing_list).where(mailing_list.c.id == known.id))


def _list(row: Row[Any], members: int, served: set[str]) -> MailingList:
    return MailingList(
        row.id,
        row.slug,
        row.name,
        row.description,
        row.language,
        Visibility(row.visibility),
        row.created_at,
        time_zone=row.time_zone,
        welcome=row.welcome,
        frequencies=tuple(
            one for one in Frequency if one is Frequency.EVERY or one.value in served
        ),
        members=members,
    )
