"""Editions that go to given addresses instead of to a list: notices and service mails."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import insert, update

from mailer.actor import Actor
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState, Priority
from mailer.model.editions import Edition, EditionBody, NewEdition
from mailer.model.senders import SenderIdentity
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox.counts import add_delivery_counts
from mailer.tokens import hash_address


class DirectMailQueries(SqlStore):
    """Opens such editions, and adds deliveries to them."""

    def open_direct_edition(
        self,
        kind: EditionKind,
        body: EditionBody,
        now: datetime,
        actor: Actor,
        *,
        uid: str,
        name: str,
        list_slug: str,
        template: str,
        sender: SenderIdentity | None = None,
        stories: tuple[str, ...] = (),
        story_order: tuple[str, ...] = (),
    ) -> Edition:
        """Create an edition with one body, which is sent at once and before all other mail, by
        `sender` or the sender that the settings have for this kind. `stories` are the slugs of its
        stories, if it has any; `story_order` gives the stories of the body their bits."""
        editions = EditionQueries(self._db, self._key)
        new_edition = editions.create_edition(
            NewEdition(
                name=name,
                list=list_slug,
                template=template,
                language=body.language,
                priority=Priority.URGENT,
                state=EditionState.SENDING,
                kind=kind,
                archive=ArchiveVisibility.PRIVATE,
                stories=stories,
            ),
            now,
            actor,
        )
        editions.freeze_edition(
            new_edition, [body], story_order, body.compute_hash(), sender=sender
        )
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == new_edition.id)
            .values(planned_at=now, uid=uid)
        )
        edition = editions.find_edition(new_edition.id)
        assert edition is not None
        return edition

    def add_direct_deliveries(
        self,
        edition: Edition,
        body: EditionBody,
        recipients: Iterable[tuple[str, int, str]],
        stories: Mapping[str, int] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Queue a delivery, due at once, for each recipient: (address, reference, name). The
        reference is the id in the mail's link. `stories` are the bits of the stories for recipients
        who do not get all, and `fields` the encoded values that the body prints, both by
        address."""
        recipient_list = list(recipients)
        add_delivery_counts(self._db, edition.id, {body.language: len(recipient_list)})
        self._db.execute(
            insert(schema.delivery).values(
                edition_id=edition.id,
                language=body.language,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=schema.database_now(),
                updated_at=schema.database_now(),
            ),
            [
                {
                    "address": address,
                    "address_key": hash_address(self._key, address),
                    "subscriber_id": reference,
                    "name": name,
                    "fields": (fields or {}).get(address, ""),
                    "stories": (stories or {}).get(address, body.stories),
                }
                for address, reference, name in recipient_list
            ],
        )
