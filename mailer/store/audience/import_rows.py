"""The import of people, with a transaction for each batch.

The stored data about a batch is read in a few statements, ``audience/imports/decisions.py`` decides
about each row, and the results are written in a few statements. So 100,000 rows take only seconds.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, bindparam, exists, select, update

from mailer.actor import Actor
from mailer.audience import suppressions
from mailer.audience.imports.decisions import ImportDecision, KnownPerson, decide_row
from mailer.audience.membership_counts import is_active
from mailer.audience.subscribers import is_other_frequency
from mailer.model.imports import ImportRow, RowResult
from mailer.model.lists import Frequency, MailingList
from mailer.model.membership_counts import MembershipChange, MembershipChangeKind
from mailer.model.subscribers import ConsentAction, ConsentEntry, LawfulBasis, Person
from mailer.store import schema
from mailer.store.audience import memberships
from mailer.store.audience.consents import ConsentQueries
from mailer.store.audience.field_values import decode_values
from mailer.store.audience.membership_counts import SqlMembershipCountStore
from mailer.store.audience.past_frequencies import record_past_frequencies
from mailer.store.audience.subscriber_store import SqlSubscriberStore
from mailer.store.audience.subscribers import PERSON_COLUMNS, build_person_columns
from mailer.store.audience.topic_sets import SqlTopicSetStore
from mailer.store.base import SqlStore
from mailer.store.prepared_statements import (
    PreparedInsert,
    PreparedStatement,
    among,
    encode_moment,
    encode_texts,
)
from mailer.store.search.sqlite import index_in_bulk
from mailer.tokens import hash_address

# Prepared, as an import runs them for each of its rows or batches. With a parameter for each
# address, SQLAlchemy would take longer than the database.
_is_imported = among(schema.subscriber.c.address, "addresses")
_IDS = PreparedStatement(
    select(schema.subscriber.c.address, schema.subscriber.c.id).where(_is_imported)
)
_SUPPRESSIONS = PreparedStatement(
    select(schema.suppression.c.address_key, schema.suppression.c.reason).where(
        among(schema.suppression.c.address_key, "keys")
    )
)
_LOCKED_MEMBER_IDS = PreparedStatement(
    select(schema.membership.c.subscriber_id)
    .join(schema.subscriber)
    .where(schema.membership.c.list_id == bindparam("of_list", type_=BigInteger), _is_imported)
    .order_by(schema.membership.c.subscriber_id)
    .with_for_update(of=schema.membership)
)
_INSERT_SUBSCRIBERS = PreparedInsert(schema.subscriber, *PERSON_COLUMNS, "source", "created_at")
_INSERT_TAGS = PreparedInsert(schema.subscriber_tag, "subscriber_id", "tag")
_INSERT_MEMBERSHIPS = PreparedInsert(
    schema.membership, "list_id", "subscriber_id", *memberships.COLUMNS
)


class _ImportOrigin(NamedTuple):
    """The origin of a batch."""

    actor: Actor
    list: MailingList
    source: str
    now: datetime
    basis: LawfulBasis | None


class SqlImportRowStore(SqlStore):
    """The import of batches of rows into the audience."""

    def import_people(
        self,
        actor: Actor,
        rows: Sequence[ImportRow],
        mailing_list: MailingList,
        source: str,
        now: datetime,
        basis: LawfulBasis | None = None,
    ) -> list[RowResult]:
        """Decide about each row, and import the rows accordingly. The log of consent records
        `source` for each person who joins, changes or leaves, and `basis` for each person who
        joins.

        If an address occurs several times in `rows`, each further occurrence is imported after the
        one before it, in another batch. Returns the result of each row, in order."""
        origin = _ImportOrigin(actor, mailing_list, source, now, basis)
        results: list[RowResult] = []
        batch: dict[str, ImportRow] = {}
        for row in rows:
            if row.person.address in batch:
                results += self._import_batch(list(batch.values()), origin)
                batch = {}
            batch[row.person.address] = row
        return results + self._import_batch(list(batch.values()), origin)

    def _import_batch(self, rows: Sequence[ImportRow], origin: _ImportOrigin) -> list[RowResult]:
        if not rows:
            return []
        addresses = [row.person.address for row in rows]
        known_people = self._find_known_people(addresses, origin.list)
        suppression_reasons = self._find_suppression_reasons(addresses)
        decisions = [
            decide_row(
                row,
                known_people.get(address),
                suppression_reasons.get(address),
                origin.list,
                origin.now,
            )
            for address, row in zip(addresses, rows, strict=True)
        ]
        subscriber_ids = {address: person.id for address, person in known_people.items()}
        new_people = [
            decision.person
            for decision in decisions
            if decision.person and decision.person.address not in known_people
        ]
        subscriber_ids |= self._insert_subscribers(new_people, origin)
        self._update_subscribers(decisions, known_people, subscriber_ids)
        self._write_memberships(decisions, known_people, subscriber_ids, origin)
        self._suppress_addresses(decisions, origin)
        return [decision.result for decision in decisions]

    def _insert_subscribers(
        self, new_people: Sequence[Person], origin: _ImportOrigin
    ) -> dict[str, int]:
        """Insert the new people. Returns their ids by address."""
        if not new_people:
            return {}
        addresses = [person.address for person in new_people]
        created_at = encode_moment(self._db, origin.now)
        with index_in_bulk(self._db, schema.subscriber.c.search_text):
            _INSERT_SUBSCRIBERS.run(
                self._db,
                [
                    (*build_person_columns(person, self._key).values(), origin.source, created_at)
                    for person in new_people
                ],
            )
        return dict(_IDS.fetch_rows(self._db, {"addresses": encode_texts(self._db, addresses)}))

    def _update_subscribers(
        self,
        decisions: Sequence[ImportDecision],
        known_people: dict[str, KnownPerson],
        subscriber_ids: dict[str, int],
    ) -> None:
        """Update people's fields, and add their new tags."""
        people: list[dict[str, Any]] = []
        tags: list[tuple[int, str]] = []
        for decision in decisions:
            if decision.person is None:
                continue
            known_person = known_people.get(decision.person.address)
            if known_person:
                # The stored address stays: they were found by this address, or it is a newer one.
                columns = build_person_columns(decision.person, self._key)
                del columns["address"], columns["address_key"]
                people.append({"b_id": known_person.id, **columns})
            new_tags = set(decision.person.tags) - set(
                known_person.person.tags if known_person else ()
            )
            subscriber_id = subscriber_ids[decision.person.address]
            tags += [(subscriber_id, tag) for tag in sorted(new_tags)]
        if people:
            self._db.execute(
                update(schema.subscriber).where(schema.subscriber.c.id == bindparam("b_id")), people
            )
        _INSERT_TAGS.run(self._db, tags)

    def _write_memberships(
        self,
        decisions: Sequence[ImportDecision],
        known_people: dict[str, KnownPerson],
        subscriber_ids: dict[str, int],
        origin: _ImportOrigin,
    ) -> None:
        """Write the memberships and their entries in the log of consent."""
        topic_sets = SqlTopicSetStore(self._db)
        topic_sets.prepare_ids(
            decision.membership.topics for decision in decisions if decision.membership
        )
        joining: list[tuple[Any, ...]] = []
        encoded_moments: dict[datetime | None, Any] = {None: None}
        changing: list[dict[str, Any]] = []
        past_frequencies: dict[int, Frequency] = {}
        entries: list[ConsentEntry] = []
        changes: Counter[MembershipChangeKind] = Counter()
        for decision in decisions:
            if decision.membership is None or decision.act is None:
                continue
            address = decision.result.address
            subscriber_id = subscriber_ids[address]
            values = memberships.build_membership_columns(decision.membership, topic_sets)
            known_person = known_people.get(address)
            if known_person and known_person.membership:
                if is_other_frequency(known_person.membership, decision.membership):
                    past_frequencies[subscriber_id] = known_person.membership.frequency
                changing.append({"b_subscriber": subscriber_id, **values})
            else:
                for column in memberships.MOMENT_COLUMNS:
                    moment = values[column]
                    if moment not in encoded_moments:
                        encoded_moments[moment] = encode_moment(self._db, moment)
                    values[column] = encoded_moments[moment]
                joining.append((origin.list.id, subscriber_id, *values.values()))
            was_active = is_active(known_person.membership if known_person else None)
            if was_active is not is_active(decision.membership):
                change = MembershipChangeKind.LEFT if was_active else MembershipChangeKind.IMPORTED
                changes[change] += 1
            entries.append(
                ConsentEntry(
                    at=origin.now,
                    act=decision.act,
                    subscriber_id=subscriber_id,
                    address=address,
                    source=origin.source,
                    list=origin.list.slug,
                    basis=origin.basis if decision.act is ConsentAction.IMPORTED else None,
                    detail=decision.detail,
                    actor_key=origin.actor.key,
                )
            )
        _INSERT_MEMBERSHIPS.run(self._db, joining)
        record_past_frequencies(self._db, origin.list.id, past_frequencies, origin.now)
        if changing:
            self._db.execute(
                update(schema.membership).where(
                    schema.membership.c.list_id == origin.list.id,
                    schema.membership.c.subscriber_id == bindparam("b_subscriber"),
                ),
                changing,
            )
        ConsentQueries(self._db, self._key).log_consent(entries)
        SqlMembershipCountStore(self._db, self._key).add_changes(
            [
                MembershipChange(origin.list.id, kind, origin.source, people=count)
                for kind, count in changes.items()
            ],
            origin.now,
        )

    def _suppress_addresses(
        self, decisions: Sequence[ImportDecision], origin: _ImportOrigin
    ) -> None:
        """Suppress the addresses that must not be mailed from now on."""
        new_suppressions = [decision.suppression for decision in decisions if decision.suppression]
        if new_suppressions:
            store = SqlSubscriberStore(self._db, self._key)
            suppressions.suppress_addresses(
                store, origin.actor, new_suppressions, origin.now, source=origin.source
            )

    def _find_suppression_reasons(self, addresses: Sequence[str]) -> dict[str, str]:
        addresses_by_key = {hash_address(self._key, address): address for address in addresses}
        rows = _SUPPRESSIONS.fetch_rows(
            self._db, {"keys": encode_texts(self._db, addresses_by_key)}
        )
        return {addresses_by_key[key]: reason for key, reason in rows}

    def _find_known_people(
        self, addresses: Sequence[str], mailing_list: MailingList
    ) -> dict[str, KnownPerson]:
        encoded_addresses = encode_texts(self._db, addresses)
        if self._db.dialect.name == "postgresql":
            # The lock makes a member who unsubscribes now wait until the rows are written, so that
            # they stay unsubscribed.
            values = {"of_list": mailing_list.id, "addresses": encoded_addresses}
            _LOCKED_MEMBER_IDS.fetch_rows(self._db, values)
        if not _IDS.fetch_rows(self._db, {"addresses": encoded_addresses}):
            return {}  # nearly always, unless a file is imported again
        has_undated_import = exists().where(
            schema.consent.c.subscriber_id == schema.subscriber.c.id,
            schema.consent.c.list == mailing_list.slug,
            schema.consent.c.act == ConsentAction.IMPORTED.value,
            schema.consent.c.at == schema.membership.c.joined_at,
        )
        rows = self._db.execute(
            select(
                schema.subscriber,
                *memberships.MEMBERSHIP_COLUMNS,
                has_undated_import.label("undated"),
            )
            .outerjoin(
                schema.membership,
                (schema.membership.c.subscriber_id == schema.subscriber.c.id)
                & (schema.membership.c.list_id == mailing_list.id),
            )
            .where(schema.subscriber.c.address.in_(addresses))
        ).all()
        tags: dict[int, list[str]] = {}
        for subscriber_id, tag in self._db.execute(
            select(schema.subscriber_tag.c.subscriber_id, schema.subscriber_tag.c.tag).where(
                schema.subscriber_tag.c.subscriber_id.in_([row.id for row in rows])
            )
        ):
            tags.setdefault(subscriber_id, []).append(tag)
        topics = SqlTopicSetStore(self._db).find_slugs(
            row.topic_set_id for row in rows if row.topic_set_id
        )

        return {
            row.address: KnownPerson(
                row.id,
                Person(
                    row.address,
                    row.name,
                    row.language,
                    row.country,
                    row.time_zone,
                    tuple(sorted(tags.get(row.id, ()))),
                    decode_values(row.fields),
                ),
                memberships.build_membership(row, mailing_list.slug, topics) if row.state else None,
                bool(row.undated),
            )
            for row in rows
        }
