"""Repeats: editions that send a finished edition to one reader again.

A repeat is an edition of its own with one delivery, so the deliveries of the edition that it
repeats stay as they are: none of them is ever sent again, and its report counts nothing twice. It
has the reader's stories of the other edition, with their bits, so that embargoes and kills stop it
and other editions of the list do not bring them again. Its bodies are those of the other edition.
"""

import secrets
from datetime import datetime

from sqlalchemy import insert, select, update

from mailer import message
from mailer.actor import Actor
from mailer.model.deliveries import Delivery, DeliveryState, EditionReader
from mailer.model.edition_states import (
    ArchiveVisibility,
    EditionKind,
    EditionState,
    Priority,
)
from mailer.model.editions import Edition, NewEdition
from mailer.store import schema
from mailer.store.audience.field_values import decode_values, encode_values
from mailer.store.base import SqlStore
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox.counts import add_delivery_counts
from mailer.store.outbox.listing import build_delivery
from mailer.tokens import hash_address


class RepeatQueries(SqlStore):
    """The part of ``OutboxStore`` about repeats."""

    def queue_repeat(
        self, edition: Edition, reader: EditionReader, now: datetime, actor: Actor
    ) -> Edition:
        """Create an edition that repeats `edition` for one reader, with one delivery, due at once
        and before all other mail. The delivery has those of the reader's own fields that the mail
        prints."""
        editions = EditionQueries(self._db, self._key)
        names = message.find_field_names(editions.list_bodies(edition))
        values = {
            name: value for name, value in decode_values(reader.fields).items() if name in names
        }
        bits = {
            slug: bit
            for slug, bit in editions.fetch_story_bits(edition).items()
            if reader.stories >> bit & 1
        }
        repeat = editions.create_edition(
            NewEdition(
                name=edition.name,
                list=edition.list,
                template=edition.template,
                language=reader.language,
                priority=Priority.URGENT,
                state=EditionState.SENDING,
                stories=tuple(slug for slug in edition.stories if slug in bits),
                frequency=edition.frequency,
                kind=EditionKind.REPEAT,
                archive=ArchiveVisibility.PRIVATE,
                role=edition.role,
            ),
            now,
            actor,
        )
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == repeat.id)
            .values(
                planned_at=now,
                uid=secrets.token_hex(8),
                content_hash=edition.content_hash,
                repeated_id=edition.id,
                urgent_reasons=dict(edition.urgent_reasons),
            )
        )
        for slug, bit in bits.items():
            self._db.execute(
                update(schema.edition_story)
                .where(
                    schema.edition_story.c.edition_id == repeat.id,
                    schema.edition_story.c.slug == slug,
                )
                .values(bit=bit)
            )
        self._db.execute(
            insert(schema.delivery).values(
                edition_id=repeat.id,
                address=reader.address,
                address_key=hash_address(self._key, reader.address),
                subscriber_id=reader.subscriber_id,
                name=reader.name,
                fields=encode_values(values),
                language=reader.language,
                stories=reader.stories,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=schema.database_now(),
                updated_at=schema.database_now(),
            )
        )
        add_delivery_counts(self._db, repeat.id, {reader.language: 1})
        created = editions.find_edition(repeat.id)
        assert created is not None
        return created

    def list_repeats(self, edition: Edition, address: str) -> list[Delivery]:
        """Return the deliveries of an edition's repeats for an address, the oldest first."""
        rows = self._db.execute(
            select(schema.delivery)
            .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            .where(
                schema.edition.c.repeated_id == edition.id,
                schema.delivery.c.address == address,
            )
            .order_by(schema.edition.c.id)
        )
        return [build_delivery(row) for row in rows]
