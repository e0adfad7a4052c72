"""Mailing lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from mailer.model.lists import Frequency, MailingList, Visibility
from mailer.model.subscribers import MembershipState
from mailer.store import schema
from mailer.store.audience.topic_merges import TopicMergeQueries
from mailer.store.slug_lookup import get_inserted_id

# Built once; subscribers.py says why.
_LISTS = select(schema.mailing_list).order_by(schema.mailing_list.c.slug)
_SERVED_FREQUENCIES = (
    select(schema.digest.c.list_id, schema.digest.c.frequency)
    .where(schema.digest.c.frequency != Frequency.EVERY.value)
    .distinct()
)


class SqlListStore(TopicMergeQueries):
    """Implements :class:`mailer.model.stores.audience.ListStore`."""

    def list_mailing_lists(self, *, counted: bool = False) -> list[MailingList]:
        """Return all lists. With `counted`, include the number of active members; counting a
        million members takes a moment."""
        member_counts: dict[int, int] = {}
        if counted:
            statement = (
                select(schema.membership.c.list_id, func.count())
                .where(schema.membership.c.state == MembershipState.ACTIVE.value)
                .group_by(schema.membership.c.list_id)
            )
            member_counts = dict(self._db.execute(statement).all())
        served: dict[int, set[str]] = {}
        for list_id, frequency in self._db.execute(_SERVED_FREQUENCIES):
            served.setdefault(list_id, set()).add(frequency)
        rows = self._db.execute(_LISTS)
        return [
            _build_list(row, member_counts.get(row.id, 0), served.get(row.id, set()))
            for row in rows
        ]

    def get_list(self, slug: str) -> MailingList:
        """Return an existing list without counting its members."""
        return next(
            mailing_list for mailing_list in self.list_mailing_lists() if mailing_list.slug == slug
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
        *,
        welcome: bool = False,
        welcome_edition: bool = False,
        sender: str = "",
        counts_clicks: bool = False,
    ) -> MailingList:
        result = self._db.execute(
            insert(schema.mailing_list).values(
                slug=slug,
                name=name,
                description=description,
                language=language,
                visibility=visibility.value,
                time_zone=time_zone,
                welcome=welcome,
                welcome_edition=welcome_edition,
                sender=sender,
                counts_clicks=counts_clicks,
                created_at=now,
            )
        )
        return MailingList(
            get_inserted_id(result),
            slug,
            name,
            description,
            language,
            visibility,
            now,
            time_zone=time_zone,
            welcome=welcome,
            welcome_edition=welcome_edition,
            sender=sender,
            counts_clicks=counts_clicks,
        )

    def edit_list(self, mailing_list: MailingList) -> MailingList:
        self._db.execute(
            update(schema.mailing_list)
            .where(schema.mailing_list.c.id == mailing_list.id)
            .values(
                name=mailing_list.name,
                description=mailing_list.description,
                language=mailing_list.language,
                visibility=mailing_list.visibility.value,
                time_zone=mailing_list.time_zone,
                welcome=mailing_list.welcome,
                welcome_edition=mailing_list.welcome_edition,
                sender=mailing_list.sender,
                counts_clicks=mailing_list.counts_clicks,
            )
        )
        return mailing_list

    def save_closing(self, mailing_list: MailingList) -> None:
        """Save whether and why a list is closed, and its last mail."""
        self._db.execute(
            update(schema.mailing_list)
            .where(schema.mailing_list.c.id == mailing_list.id)
            .values(
                closed_at=mailing_list.closed_at,
                closing_reasons=dict(mailing_list.closing_reasons),
                closing_edition_id=mailing_list.closing_edition_id,
            )
        )

    def count_list_uses(self, mailing_list: MailingList) -> Mapping[str, int]:
        """Return the number of records that depend on a list, by kind. People who unsubscribed
        count, as they must stay unsubscribed. Entries of erased people in the log of consent count,
        too, because a new list with the same slug would not be the list that these people agreed
        to."""

        def count_uses(table: Any, condition: ColumnElement[bool]) -> int:
            return int(
                self._db.scalar(select(func.count()).select_from(table).where(condition)) or 0
            )

        return {
            "people who are or were on it": count_uses(
                schema.membership, schema.membership.c.list_id == mailing_list.id
            ),
            "digests": count_uses(schema.digest, schema.digest.c.list_id == mailing_list.id),
            "editions": count_uses(schema.edition, schema.edition.c.list_id == mailing_list.id),
            "lines in the log of consent": count_uses(
                schema.consent, schema.consent.c.list == mailing_list.slug
            ),
        }

    def remove_list(self, mailing_list: MailingList) -> None:
        self._db.execute(
            delete(schema.mailing_list).where(schema.mailing_list.c.id == mailing_list.id)
        )


def _build_list(row: Row[Any], members: int, served: set[str]) -> MailingList:
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
        welcome_edition=row.welcome_edition,
        sender=row.sender,
        counts_clicks=row.counts_clicks,
        frequencies=tuple(
            frequency
            for frequency in Frequency
            if frequency is Frequency.EVERY or frequency.value in served
        ),
        members=members,
        closed_at=row.closed_at,
        closing_reasons=row.closing_reasons,
        closing_edition_id=row.closing_edition_id,
    )
