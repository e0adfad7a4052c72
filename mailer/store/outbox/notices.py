"""Notices to staff. A notice is an edition with one body, sent to its own addresses instead of to a
list."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, update

from mailer.actor import Actor
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState, Priority
from mailer.model.editions import Edition, EditionBody, NewEdition
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions.records import EditionQueries
from mailer.tokens import hash_address


class SqlNoticeStore(SqlStore):
    """Puts notices into the outbox."""

    def queue_notice(
        self,
        body: EditionBody,
        list_slug: str,
        addresses: Sequence[str],
        now: datetime,
        actor: Actor,
        *,
        uid: str,
    ) -> Edition:
        """Queue a notice to these addresses, due at once and before all other mail. The notice is
        recorded under the list that it is about; its recipients need not be on that list. The
        marker in its body is made from `uid`."""
        editions = EditionQueries(self._db, self._key)
        new_edition = editions.create_edition(
            NewEdition(
                name=body.subject,
                list=list_slug,
                template="notice",
                language=body.language,
                priority=Priority.URGENT,
                state=EditionState.SENDING,
                kind=EditionKind.NOTICE,
                archive=ArchiveVisibility.PRIVATE,
            ),
            now,
            actor,
        )
        editions.freeze_edition(new_edition, [body], (), body.compute_hash())
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == new_edition.id)
            .values(planned_at=now, uid=uid)
        )
        self._db.execute(
            insert(schema.delivery).values(
                edition_id=new_edition.id,
                subscriber_id=0,
                name="",
                language=body.language,
                stories=body.stories,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=schema.database_now(),
                updated_at=schema.database_now(),
            ),
            [
                {"address": address, "address_key": hash_address(self._key, address)}
                for address in dict.fromkeys(addresses)
            ],
        )
        edition = editions.find_edition(new_edition.id)
        assert edition is not None
        return edition
