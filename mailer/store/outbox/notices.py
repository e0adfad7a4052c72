"""Notices to staff: an edition with one body, at addresses of its own instead of a list's."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, update

from mailer.editions import Archive, Body, Edition, EditionState, Kind, NewEdition, Priority
from mailer.outbox import DeliveryState
from mailer.store.editions import Editions
from mailer.store.schema import database_now, delivery, edition
from mailer.tokens import address_key


class Notices:
    """Puts notices into the outbox."""

    def __init__(self, connection: Connection, key: bytes) -> None:
        self._db = connection
        self._key = key

    def put(
        self, body: Body, list_slug: str, to: Sequence[str], now: datetime, *, uid: str
    ) -> Edition:
        """Queue a notice to these addresses, due at once and before all else. It stands in the
        books of the list that it is about; whoever is not on it gets it all the same."""
        editions = Editions(self._db)
        made = editions.create(
            NewEdition(
                name=body.subject,
                list=list_slug,
                template="notice",
                language=body.language,
                priority=Priority.URGENT,
                state=EditionState.SENDING,
                kind=Kind.NOTICE,
                archive=Archive.PRIVATE,
            ),
            now,
        )
        editions.freeze(made, [body], (), body.digest())
        self._db.execute(
            update(edition).where(edition.c.id == made.id).values(planned_at=now, uid=uid)
        )
        self._db.execute(
            insert(delivery).values(
                edition_id=made.id,
                subscriber_id=0,
                name="",
                language=body.language,
                stories=body.stories,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=database_now(),
                updated_at=database_now(),
            ),
            [
                {"address": address, "address_key": address_key(self._key, address)}
                for address in dict.fromkeys(to)
            ],
        )
        found = editions.find(made.id)
        assert found is not None
        return found


def new_uid() -> str:
    """A notice's own, from which its body's marker is made."""
    return secrets.token_hex(8)
