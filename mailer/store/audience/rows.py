"""Importing rows of people, a batch in a transaction.

What is known of a batch is read in a few statements, decided by ``audience.arrivals``, and written
in a few: that, not cleverness, makes 100,000 rows a matter of seconds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from mailer.audience import suppressions
from mailer.audience.arrivals import Decision, Known, decide
from mailer.audience.consent import Act, Basis, Entry
from mailer.audience.lists import MailingList
from mailer.audience.rows import Row, RowResult
from mailer.audience.subscribers import Person
from mailer.store.audience import memberships
from mailer.store.audience.consents import Consents
from mailer.store.audience.subscribers import person_columns
from mailer.store.audience.suppressions import Suppressions
from mailer.store.audience.topic_sets import TopicSets
from mailer.store.schema import consent, membership, subscriber, subscriber_tag, suppression
from mailer.tokens import address_key


class _Source(NamedTuple):
    """Where a batch comes from."""

    list: MailingList
    source: str
    now: datetime
    basis: Basis | None


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
        """Carry out what is decided of each row; what became of each, in order. The log of consent
        keeps `source` of each who joins, changes or leaves, and of those who join the `basis`.

        A row whose address stands in the batch before is taken after it, in a batch of its own."""
        origin = _Source(mailing_list, source, now, basis)
        results: list[RowResult] = []
        batch: dict[str, Row] = {}
        for row in rows:
            if row.person.address in batch:
                results += self._batch(list(batch.values()), origin)
                batch = {}
            batch[row.person.address] = row
        return results + self._batch(list(batch.values()), origin)

    def _batch(self, rows: Sequence[Row], origin: _Source) -> list[RowResult]:
        if not rows:
            return []
        addresses = [row.person.address for row in rows]
        known = self._known(addresses, origin.list)
        suppressed = self._suppressed(addresses)
        decided = [
            decide(row, known.get(address), suppressed.get(address), origin.list, origin.now)
            for address, row in zip(addresses, rows, strict=True)
        ]
        ids = {address: one.id for address, one in known.items()}
        new = [one.person for one in decided if one.person and one.person.address not in known]
        ids |= self._add(new, origin)
        self._change(decided, known, ids)
        self._place(decided, known, ids, origin)
        self._stop(decided, origin)
        return [one.result for one in decided]

    def _add(self, new: Sequence[Person], origin: _Source) -> dict[str, int]:
        """The new people's numbers by their addresses."""
        if not new:
            return {}
        self._db.execute(
            insert(subscriber),
            [
                {
                    **person_columns(person, self._key),
                    "source": origin.source,
                    "created_at": origin.now,
                }
                for person in new
            ],
        )
        addresses = [person.address for person in new]
        found = select(subscriber.c.address, subscriber.c.id)
        return dict(self._db.execute(found.where(subscriber.c.address.in_(addresses))).all())

    def _change(
        self, decided: Sequence[Decision], known: dict[str, Known], ids: dict[str, int]
    ) -> None:
        """People's fields, and their tags, which are only added to."""
        people: list[dict[str, Any]] = []
        tags: list[dict[str, Any]] = []
        for one in decided:
            if one.person is None:
                continue
            earlier = known.get(one.person.address)
            if earlier:
                # Their address is the one that they were found by, or another that they have got
                # in the meantime.
                columns = person_columns(one.person, self._key)
                del columns["address"], columns["address_key"]
                people.append({"b_id": earlier.id, **columns})
            fresh = set(one.person.tags) - set(earlier.person.tags if earlier else ())
            number = ids[one.person.address]
            tags += [{"subscriber_id": number, "tag": tag} for tag in sorted(fresh)]
        if people:
            self._db.execute(update(subscriber).where(subscriber.c.id == bindparam("b_id")), people)
        if tags:
            self._db.execute(insert(subscriber_tag), tags)

    def _place(
        self,
        decided: Sequence[Decision],
        known: dict[str, Known],
        ids: dict[str, int],
        origin: _Source,
    ) -> None:
        """Their memberships, and what the log says of them."""
        sets = TopicSets(self._db)
        sets.prepare(one.membership.topics for one in decided if one.membership)
        joining: list[dict[str, Any]] = []
        changing: list[dict[str, Any]] = []
        entries: list[Entry] = []
        for one in decided:
            if one.membership is None or one.act is None:
                continue
            address = one.result.address
            number = ids[address]
            values = memberships.columns(one.membership, sets)
            earlier = known.get(address)
            if earlier and earlier.membership:
                changing.append({"b_subscriber": number, **values})
            else:
                joining.append({"list_id": origin.list.id, "subscriber_id": number, **values})
            entries.append(
                Entry(
                    at=origin.now,
                    act=one.act,
                    subscriber_id=number,
                    address=address,
                    source=origin.source,
                    list=origin.list.slug,
                    basis=origin.basis if one.act is Act.IMPORTED else None,
                    detail=one.detail,
                )
            )
        if joining:
            self._db.execute(insert(membership), joining)
        if changing:
            self._db.execute(
                update(membership).where(
                    membership.c.list_id == origin.list.id,
                    membership.c.subscriber_id == bindparam("b_subscriber"),
                ),
                changing,
            )
        Consents(self._db, self._key).log(entries)

    def _stop(self, decided: Sequence[Decision], origin: _Source) -> None:
        """Addresses that must not be mailed from now on."""
        made = [one.suppression for one in decided if one.suppression]
        if made:
            store = Suppressions(self._db, self._key)
            suppressions.suppress_all(store, made, origin.now, source=origin.source)

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

    def _known(self, addresses: Sequence[str], mailing_list: MailingList) -> dict[str, Known]:
        if self._db.dialect.name == "postgresql":
            # Nobody leaves between this and what is written: they wait, and have left then.
            theirs = select(membership.c.subscriber_id).join(subscriber)
            self._db.execute(
                theirs.where(
                    membership.c.list_id == mailing_list.id, subscriber.c.address.in_(addresses)
                )
                .order_by(membership.c.subscriber_id)
                .with_for_update(of=membership)
            )
        undated = exists().where(
            consent.c.subscriber_id == subscriber.c.id,
            consent.c.list == mailing_list.slug,
            consent.c.act == Act.IMPORTED.value,
            consent.c.at == membership.c.joined_at,
        )
        rows = self._db.execute(
            select(subscriber, *memberships.SELECTED, undated.label("undated"))
            .outerjoin(
                membership,
                (membership.c.subscriber_id == subscriber.c.id)
                & (membership.c.list_id == mailing_list.id),
            )
            .where(subscriber.c.address.in_(addresses))
        ).all()
        if not rows:
            return {}
        tags: dict[int, list[str]] = {}
        for owner, tag in self._db.execute(
            select(subscriber_tag.c.subscriber_id, subscriber_tag.c.tag).where(
                subscriber_tag.c.subscriber_id.in_([row.id for row in rows])
            )
        ):
            tags.setdefault(owner, []).append(tag)
        topics = TopicSets(self._db).slugs(row.topic_set_id for row in rows if row.topic_set_id)

        return {
            row.address: Known(
                row.id,
                Person(
                    row.address,
                    row.name,
                    row.language,
                    row.country,
                    row.time_zone,
                    tuple(sorted(tags.get(row.id, ()))),
                ),
                memberships.record(row, mailing_list.slug, topics) if row.state else None,
                bool(row.undated),
            )
            for row in rows
        }
