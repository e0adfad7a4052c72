"""The numbers of people who joined and left lists.

A transaction only adds rows to ``membership_change``. Adding to a common row instead would make
people who leave at the same time wait for one another, and for imports. The worker adds these rows
to ``membership_count``, one row for each hour, kind, source and edition. A report sums both tables
in one statement, so it is the same before and after.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, union_all

from mailer.audience.membership_counts import shorten_source
from mailer.model.membership_counts import (
    CountedChange,
    MembershipChange,
    MembershipChangeKind,
)
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.upsert import build_upsert

_KEYS = ("list_id", "hour", "kind", "source", "edition_id")


class SqlMembershipCountStore(SqlStore):
    """Implements :class:`mailer.model.stores.audience.MembershipCountStore`."""

    def add_changes(self, changes: Sequence[MembershipChange], now: datetime) -> None:
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if changes:
            self._db.execute(
                insert(schema.membership_change),
                [
                    {
                        "list_id": change.list_id,
                        "hour": hour,
                        "kind": change.kind.value,
                        "source": shorten_source(change.source),
                        "edition_id": change.edition_id,
                        "people": change.people,
                    }
                    for change in changes
                ],
            )

    def list_changes(
        self, list_id: int, since: datetime, until: datetime | None = None
    ) -> list[CountedChange]:
        """Return the changes of a list in the hours that begin within a period, the oldest
        first."""

        def build_condition(table: Table) -> list[ColumnElement[bool]]:
            conditions = [table.c.list_id == list_id, table.c.hour >= since]
            return [*conditions, table.c.hour < until] if until else conditions

        return self._sum_changes(
            build_condition(schema.membership_change), build_condition(schema.membership_count)
        )

    def list_edition_changes(self, edition_id: int) -> list[CountedChange]:
        """Return the changes of people who used the links of an edition, the oldest first."""
        return self._sum_changes(
            [schema.membership_change.c.edition_id == edition_id],
            [schema.membership_count.c.edition_id == edition_id],
        )

    def _sum_changes(
        self,
        change_conditions: Sequence[ColumnElement[bool]],
        count_conditions: Sequence[ColumnElement[bool]],
    ) -> list[CountedChange]:
        rows = union_all(
            *(
                select(*(table.c[key] for key in _KEYS), table.c.people).where(*conditions)
                for table, conditions in (
                    (schema.membership_change, change_conditions),
                    (schema.membership_count, count_conditions),
                )
            )
        ).subquery()
        columns = [rows.c[key] for key in _KEYS[1:]]
        summed = (
            select(*columns, func.sum(rows.c.people).label("people"))
            .group_by(*columns)
            .order_by(*columns)
        )
        return [
            CountedChange(
                row.hour,
                MembershipChangeKind(row.kind),
                row.source,
                row.edition_id,
                int(row.people),
            )
            for row in self._db.execute(summed)
        ]

    def has_unmerged_changes(self) -> bool:
        return self._db.scalar(select(schema.membership_change.c.id).limit(1)) is not None

    def merge_changes(self, limit: int) -> int:
        """Move up to `limit` changes into the counts forever. Returns the number of moved
        changes."""
        changes = schema.membership_change.c
        rows = self._db.execute(
            select(changes.id, *(changes[key] for key in _KEYS), changes.people)
            .order_by(changes.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not rows:
            return 0
        sums: Counter[tuple[Any, ...]] = Counter()
        for row in rows:
            sums[tuple(row._mapping[key] for key in _KEYS)] += row.people
        self._db.execute(
            delete(schema.membership_change).where(changes.id.in_([row.id for row in rows]))
        )
        statement = build_upsert(self._db.dialect.name, schema.membership_count)
        self._db.execute(
            statement.on_conflict_do_update(
                index_elements=_KEYS,
                set_={"people": schema.membership_count.c.people + statement.excluded.people},
            ),
            [
                {**dict(zip(_KEYS, key_values, strict=True)), "people": people}
                for key_values, people in sums.items()
            ],
        )
        return len(rows)
