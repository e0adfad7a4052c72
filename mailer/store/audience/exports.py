"""Subscribers for an export, in batches whose rows come from the driver without other objects in
between. An export reads every row, and that way takes a fifth of the time.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, select

from mailer.model.lists import MailingList
from mailer.model.subscribers import ExportedSubscriber
from mailer.store import schema
from mailer.store.audience.field_values import decode_values
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.base import SqlStore
from mailer.store.prepared_statements import PreparedStatement

EXPORT_BATCH = 2000
"""The number of subscribers that are read at once, so that memory does not grow with them."""

_NO_VALUES: Mapping[str, str] = {}
_last_id = bindparam("last", type_=BigInteger)
_end_id = bindparam("end", type_=BigInteger)
_list_id = bindparam("of_list", type_=BigInteger)
_limit = bindparam("most", type_=Integer)
_PERSON_COLUMNS = (
    schema.subscriber.c.id,
    schema.subscriber.c.address,
    schema.subscriber.c.name,
    schema.subscriber.c.language,
    schema.subscriber.c.country,
    schema.subscriber.c.time_zone,
    schema.subscriber.c.fields,
    schema.suppression.c.reason,
)
_suppression = schema.suppression.c.address_key == schema.subscriber.c.address_key
_member = schema.membership.c.subscriber_id == schema.subscriber.c.id

_EVERYONE = PreparedStatement(
    select(*_PERSON_COLUMNS)
    .select_from(schema.subscriber.outerjoin(schema.suppression, _suppression))
    .where(schema.subscriber.c.id > _last_id)
    .order_by(schema.subscriber.c.id)
    .limit(_limit)
)
_TAGS_OF_EVERYONE = PreparedStatement(
    select(schema.subscriber_tag.c.subscriber_id, schema.subscriber_tag.c.tag)
    .where(
        schema.subscriber_tag.c.subscriber_id > _last_id,
        schema.subscriber_tag.c.subscriber_id <= _end_id,
    )
    .order_by(schema.subscriber_tag.c.tag)
)
_MEMBERS = PreparedStatement(
    select(
        *_PERSON_COLUMNS,
        schema.membership.c.topic_set_id,
        schema.membership.c.joined_at,
        schema.membership.c.state,
        schema.membership.c.left_at,
        schema.membership.c.language,
        schema.membership.c.frequency,
        schema.membership.c.paused_until,
    )
    .select_from(
        schema.membership.join(schema.subscriber, _member).outerjoin(
            schema.suppression, _suppression
        )
    )
    .where(schema.membership.c.list_id == _list_id, schema.membership.c.subscriber_id > _last_id)
    .order_by(schema.membership.c.subscriber_id)
    .limit(_limit)
)
_TAGS_OF_MEMBERS = PreparedStatement(
    select(schema.subscriber_tag.c.subscriber_id, schema.subscriber_tag.c.tag)
    .join(
        schema.membership,
        schema.membership.c.subscriber_id == schema.subscriber_tag.c.subscriber_id,
    )
    .where(
        schema.membership.c.list_id == _list_id,
        schema.membership.c.subscriber_id > _last_id,
        schema.membership.c.subscriber_id <= _end_id,
    )
    .order_by(schema.subscriber_tag.c.tag)
)


class ExportQueries(SqlStore):
    """The part of the store of subscribers for exports."""

    def iterate_exported(
        self, mailing_list: MailingList | None = None
    ) -> Iterator[ExportedSubscriber]:
        """Iterate over all subscribers, or over a list's subscribers with their memberships, in the
        order of ids."""
        last_id = 0
        topics_by_set: dict[int, tuple[str, ...]] = {}
        while True:
            values: dict[str, Any] = {"last": last_id, "most": EXPORT_BATCH}
            if mailing_list is not None:
                values["of_list"] = mailing_list.id
            statement = _EVERYONE if mailing_list is None else _MEMBERS
            rows = statement.fetch_rows(self._db, values)
            if not rows:
                return
            values["end"] = last_id = rows[-1][0]
            tags = self._fetch_tags_between(values)
            if mailing_list is None:
                for person_id, address, name, language, country, time_zone, fields, reason in rows:
                    yield ExportedSubscriber(
                        address,
                        name,
                        language,
                        country,
                        time_zone,
                        tags.get(person_id, ()),
                        suppressed=reason,
                        fields=decode_values(fields) if fields else _NO_VALUES,
                    )
            else:
                yield from self._build_members(rows, tags, topics_by_set)

    def _build_members(
        self,
        rows: list[tuple[Any, ...]],
        tags: dict[int, tuple[str, ...]],
        topics_by_set: dict[int, tuple[str, ...]],
    ) -> Iterator[ExportedSubscriber]:
        """Build a batch of a list's members. The topics of a combination are read once and kept in
        `topics_by_set`."""
        if new_set_ids := {row[8] for row in rows if row[8]} - topics_by_set.keys():
            topics_by_set.update(SqlTopicSetStore(self._db).find_slugs(new_set_ids))
        format_moment = _format_text if self._db.dialect.name == "sqlite" else _format_moment
        for (
            person_id, address, name, language, country, time_zone, fields, reason,
            set_id, joined_at, state, left_at, list_language, frequency, paused_until,
        ) in rows:  # fmt: skip
            yield ExportedSubscriber(
                address,
                name,
                language,
                country,
                time_zone,
                tags.get(person_id, ()),
                topics_by_set[set_id] if set_id else (),
                format_moment(joined_at),
                state,
                format_moment(left_at) if left_at else "",
                list_language,
                frequency,
                format_moment(paused_until) if paused_until else "",
                reason,
                decode_values(fields) if fields else _NO_VALUES,
            )

    def _fetch_tags_between(self, values: dict[str, Any]) -> dict[int, tuple[str, ...]]:
        statement = _TAGS_OF_MEMBERS if "of_list" in values else _TAGS_OF_EVERYONE
        tags: dict[int, tuple[str, ...]] = {}
        for subscriber_id, tag in statement.fetch_rows(self._db, values):
            tags[subscriber_id] = (*tags.get(subscriber_id, ()), tag)
        return tags


def _format_text(moment: str) -> str:
    """Format a moment of SQLite, ``2026-12-18 09:30:00.000000``, as :func:`_format_moment` does."""
    return f"{moment[:10]}T{moment[11:].removesuffix('.000000')}+00:00"


def _format_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
