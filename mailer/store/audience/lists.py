"""Topics and mailing lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from mailer.audience.lists import MailingList, Topic, Visibility
from mailer.audience.subscribers import MembershipState
from mailer.store.ids import new_id
from mailer.store.schema import (
    article_topic,
    digest_topic,
    mailing_list,
    membership,
    topic,
    topic_name,
    topic_set_topic,
)


class Lists:
    """Implements ``audience.lists.ListStore``."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def topics(self) -> list[Topic]:
        names: dict[int, dict[str, str]] = {}
        for row in self._db.execute(select(topic_name)):
            names.setdefault(row.topic_id, {})[row.language] = row.name
        return [
            Topic(row.id, row.slug, names.get(row.id, {}))
            for row in self._db.execute(select(topic).order_by(topic.c.slug))
        ]

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

    def lists(self) -> list[MailingList]:
        members: dict[int, int] = dict(
            self._db.execute(
                select(membership.c.list_id, func.count())
                .where(membership.c.state == MembershipState.ACTIVE.value)
                .group_by(membership.c.list_id)
            ).all()
        )
        rows = self._db.execute(select(mailing_list).order_by(mailing_list.c.slug))
        return [_list(row, members.get(row.id, 0)) for row in rows]

    def uncounted(self, slug: str) -> MailingList:
        """A list that is there, with `members` left at 0: counting a million takes a moment."""
        return _list(
            self._db.execute(select(mailing_list).where(mailing_list.c.slug == slug)).one(), 0
        )

    def add_list(
        self,
        slug: str,
        name: str,
        description: str,
        language: str,
        visibility: Visibility,
        now: datetime,
        time_zone: str = "",
    ) -> MailingList:
        made = self._db.execute(
            insert(mailing_list).values(
                slug=slug,
                name=name,
                description=description,
                language=language,
                visibility=visibility.value,
                time_zone=time_zone,
                created_at=now,
            )
        )
        return MailingList(
            new_id(made), slug, name, description, language, visibility, now, time_zone=time_zone
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
            )
        )
        return changed


def _list(row: Row[Any], members: int) -> MailingList:
    return MailingList(
        row.id,
        row.slug,
        row.name,
        row.description,
        row.language,
        Visibility(row.visibility),
        row.created_at,
        time_zone=row.time_zone,
        members=members,
    )
