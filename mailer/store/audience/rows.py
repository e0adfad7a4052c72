"""Importing rows of people, a batch in a transaction.

What is known of a batch is read in a few statements, decided in Python, and written in a few:
that, not cleverness, makes 100,000 rows a matter of seconds.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from mailer.audience.consent import Act, Basis, Entry
from mailer.audience.lists import MailingList
from mailer.audience.rows import Row, RowOutcome, RowResult
from mailer.audience.subscribers import MembershipState, Person, merge
from mailer.store.audience.consents import Consents
from mailer.store.audience.subscribers import person_columns
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.schema import membership, subscriber, subscriber_tag, suppression
from mailer.tokens import address_key


class Rows:
    """Brings batches of rows into the audience."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def bring_in(
        self,
        rows: Sequence[Row],
        mailing_list: MailingList,
        source: str,
        now: datetime,
        basis: Basis | None = None,
    ) -> list[RowResult]:
        """Add or update each row's person and membership; what became of each, in order. The log
        of consent keeps `source` and `basis` of each who joins.

        A row whose address stands in the batch before is taken after it, in a batch of its own."""
        results: list[RowResult] = []
        batch: dict[str, Row] = {}
        for row in rows:
            if row.person.address in batch:
                results += self._batch(list(batch.values()), mailing_list, source, now, basis)
                batch = {}
            batch[row.person.address] = row
        return results + self._batch(list(batch.values()), mailing_list, source, now, basis)

    def _batch(
        self,
        rows: Sequence[Row],
        mailing_list: MailingList,
        source: str,
        now: datetime,
        basis: Basis | None,
    ) -> list[RowResult]:
        if not rows:
            return []
        known = self._known([row.person.address for row in rows], mailing_list)
        suppressed = self._suppressed([row.person.address for row in rows])
        sets = TopicSets(self._db)
        results: list[RowResult] = []
        new: list[Row] = []
        people: list[dict[str, Any]] = []
        joining: list[dict[str, Any]] = []
        changing: list[dict[str, Any]] = []
        tags: list[dict[str, Any]] = []

        def result(row: Row, outcome: RowOutcome, reason: str = "") -> None:
            results.append(RowResult(row.line, outcome, row.person.address, reason))

        for row in rows:
            address = row.person.address
            if address in suppressed:
                result(row, RowOutcome.SKIPPED, f"must not be mailed ({suppressed[address]})")
                continue
            person = known.get(address)
            if person is None:
                new.append(row)
                result(row, RowOutcome.ADDED)
                continue
            if person.state == MembershipState.UNSUBSCRIBED:
                result(row, RowOutcome.SKIPPED, f"left the list on {person.left_at:%Y-%m-%d}")
                continue
            if person.state == MembershipState.PENDING:
                result(row, RowOutcome.SKIPPED, "has not confirmed yet")
                continue
            merged = merge(person.person, replace(row.person, tags=person.person.tags))
            changed = merged != person.person
            if changed:
                people.append({"b_id": person.id, **person_columns(merged, self._key)})
            fresh = set(row.person.tags) - set(person.person.tags)
            tags += [{"subscriber_id": person.id, "tag": tag} for tag in sorted(fresh)]
            wanted = sets.id_of(row.topics) if row.topics else person.topic_set_id
            if person.state is None:
                joining.append(
                    _membership(mailing_list, person.id, sets.id_of(row.topics or ()), row, now)
                )
            elif wanted != person.topic_set_id:
                changing.append({"b_subscriber": person.id, "b_set": wanted})
            if changed or fresh or person.state is None or wanted != person.topic_set_id:
                result(row, RowOutcome.UPDATED)
            else:
                result(row, RowOutcome.UNCHANGED)
        new_ids: dict[int, str] = {}
        if new:
            new_ids = self._add(new, mailing_list, sets, source, now, joining, tags)
        self._write(people, joining, changing, tags, mailing_list)
        who = {one.id: address for address, one in known.items()} | dict(new_ids)
        Consents(self._db, self._key).log(
            [
                Entry(
                    at=now,
                    act=Act.IMPORTED,
                    subscriber_id=one["subscriber_id"],
                    address=who[one["subscriber_id"]],
                    source=source,
                    list=mailing_list.slug,
                    basis=basis,
                )
                for one in joining
            ]
        )
        return results

    def _add(
        self,
        new: Sequence[Row],
        mailing_list: MailingList,
        sets: TopicSets,
        source: str,
        now: datetime,
        joining: list[dict[str, Any]],
        tags: list[dict[str, Any]],
    ) -> dict[int, str]:
        """The new people's addresses by their numbers."""
        self._db.execute(
            insert(subscriber),
            [
                {**person_columns(row.person, self._key), "source": source, "created_at": now}
                for row in new
            ],
        )
        ids = self._ids([row.person.address for row in new])
        for row in new:
            number = ids[row.person.address]
            joining.append(
                _membership(mailing_list, number, sets.id_of(row.topics or ()), row, now)
            )
            tags += [{"subscriber_id": number, "tag": tag} for tag in row.person.tags]
        return {number: address for address, number in ids.items()}

    def _write(
        self,
        people: list[dict[str, Any]],
        joining: list[dict[str, Any]],
        changing: list[dict[str, Any]],
        tags: list[dict[str, Any]],
        mailing_list: MailingList,
    ) -> None:
        if people:
            self._db.execute(update(subscriber).where(subscriber.c.id == bindparam("b_id")), people)
        if joining:
            self._db.execute(insert(membership), joining)
        if changing:
            self._db.execute(
                update(membership)
                .where(
                    membership.c.list_id == mailing_list.id,
                    membership.c.subscriber_id == bindparam("b_subscriber"),
                )
                .values(topic_set_id=bindparam("b_set")),
                changing,
            )
        if tags:
            self._db.execute(insert(subscriber_tag), tags)

    def _ids(self, addresses: Sequence[str]) -> dict[str, int]:
        return dict(
            self._db.execute(
                select(subscriber.c.address, subscriber.c.id).where(
                    subscriber.c.address.in_(addresses)
                )
            ).all()
        )

    def _suppressed(self, addresses: Sequence[str]) -> dict[str, str]:
        keys = {address_key(self._key, address): address for address in addresses}
        return {
            keys[key]: reason
            for key, reason in self._db.execute(
                select(suppression.c.address_key, suppression.c.reason).where(
                    suppression.c.address_key.in_(keys)
                )
            )
        }

    def _known(self, addresses: Sequence[str], mailing_list: MailingList) -> dict[str, "_Known"]:
        rows = self._db.execute(
            select(
                subscriber,
                membership.c.state,
                membership.c.left_at,
                membership.c.topic_set_id,
            )
            .outerjoin(
                membership,
                (membership.c.subscriber_id == subscriber.c.id)
                & (membership.c.list_id == mailing_list.id),
            )
            .where(subscriber.c.address.in_(addresses))
        ).all()
        tags: dict[int, list[str]] = {}
        if rows:
            for owner, tag in self._db.execute(
                select(subscriber_tag.c.subscriber_id, subscriber_tag.c.tag).where(
                    subscriber_tag.c.subscriber_id.in_([row.id for row in rows])
                )
            ):
                tags.setdefault(owner, []).append(tag)
        return {row.address: _Known(row, tuple(sorted(tags.get(row.id, ())))) for row in rows}


class _Known:
    __slots__ = ("id", "left_at", "person", "state", "topic_set_id")

    def __init__(self, row: Any, tags: tuple[str, ...]) -> None:
        self.id: int = row.id
        self.state = MembershipState(row.state) if row.state else None
        self.left_at: datetime = row.left_at
        self.topic_set_id: int | None = row.topic_set_id
        self.person = Person(row.address, row.name, row.language, row.country, row.time_zone, tags)


def _membership(
    mailing_list: MailingList, number: int, topic_set_id: int | None, row: Row, now: datetime
) -> dict[str, Any]:
    return {
        "list_id": mailing_list.id,
        "subscriber_id": number,
        "state": MembershipState.ACTIVE.value,
        "topic_set_id": topic_set_id,
        "language": "",
        "joined_at": row.joined or now,
        "left_at": None,
    }
