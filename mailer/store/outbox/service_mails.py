"""Queueing of service mails. All service mails with the same text on the same day are deliveries of
one rolling edition.

A rolling edition starts with its first service mail. Each further mail returns the edition to
sending, in the transaction that queues the mail. That transaction locks the edition's row, and so
does the ledger's transaction that finds no delivery left and marks the edition as sent
(``delivery/ledger.py``). One of the two transactions comes first and the other sees its changes, so
no service mail stays unsent in an edition that is marked as sent.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from sqlalchemy import insert, select, update

from mailer.actor import WORKER
from mailer.editions import check_transition
from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import ArchiveVisibility, EditionKind, EditionState, Priority
from mailer.model.editions import Edition, EditionBody, NewEdition
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.editions.records import EditionQueries
from mailer.tokens import hash_address


@dataclass(frozen=True, slots=True)
class ServiceEditionKey:
    """The values that all service mails of a rolling edition share. Mails with another `seed`
    belong to another edition, so the seed contains everything that must be the same within an
    edition. `list` is a slug."""

    kind: EditionKind
    template: str
    list: str
    name: str
    seed: str

    def derive_uid(self, sequence_number: int) -> str:
        """Return the uid of the edition with this number among the editions with this key."""
        return hashlib.sha256(f"{self.seed}\n{sequence_number}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient of a service mail. `reference` is the id in the mail's link (see
    ``message.Recipient``)."""

    reference: int
    name: str = ""


class SqlServiceMailStore(SqlStore):
    """Puts service mails into the outbox."""

    def queue_service_mail(
        self,
        edition_key: ServiceEditionKey,
        body: EditionBody,
        addressees: Mapping[str, Addressee],
        now: datetime,
    ) -> frozenset[str]:
        """Queue a service mail to these addresses, due at once and before all other mail. Returns
        the addresses for which it was queued.

        An edition has at most one delivery for each address. An address that has already had this
        mail today gets it from another edition. As a transaction uses only one edition, such an
        address is left for the next call. So the result may have fewer addresses than `addressees`,
        but it is never empty."""
        while True:
            sequence_number, new_addresses = self._find_room(edition_key, addressees)
            edition = self._open_edition(edition_key, body, sequence_number, now)
            if (
                edition.state is not EditionState.CANCELLED
            ):  # it may have been cancelled since _find_room
                break
        if edition.state is EditionState.SENT:
            check_transition(edition, EditionState.SENDING)
            EditionQueries(self._db, self._key).set_state(
                edition, EditionState.SENDING, now, WORKER
            )
        self._db.execute(
            insert(schema.delivery).values(
                edition_id=edition.id,
                language=body.language,
                stories=body.stories,
                state=DeliveryState.QUEUED.value,
                next_attempt_at=schema.database_now(),
                updated_at=schema.database_now(),
            ),
            [
                {
                    "address": address,
                    "address_key": hash_address(self._key, address),
                    "subscriber_id": addressees[address].reference,
                    "name": addressees[address].name,
                }
                for address in sorted(new_addresses)
            ],
        )
        return frozenset(new_addresses)

    def _find_room(
        self, edition_key: ServiceEditionKey, addressees: Mapping[str, Addressee]
    ) -> tuple[int, set[str]]:
        """Return the first edition that can take some of these addresses, and those addresses. A
        cancelled edition can take none."""
        for sequence_number in count():
            row = self._db.execute(
                select(schema.edition.c.id, schema.edition.c.state).where(
                    schema.edition.c.uid == edition_key.derive_uid(sequence_number)
                )
            ).one_or_none()
            if row is None:
                return sequence_number, set(addressees)
            if row.state == EditionState.CANCELLED.value:
                continue
            used_addresses = self._db.scalars(
                select(schema.delivery.c.address).where(
                    schema.delivery.c.edition_id == row.id,
                    schema.delivery.c.address.in_(list(addressees)),
                )
            )
            if new_addresses := set(addressees) - set(used_addresses):
                return sequence_number, new_addresses
        raise AssertionError("unreachable")

    def _open_edition(
        self, edition_key: ServiceEditionKey, body: EditionBody, sequence_number: int, now: datetime
    ) -> Edition:
        """Return the edition with this key and number, locked. Create and start it if it does not
        exist."""
        editions = EditionQueries(self._db, self._key)
        uid = edition_key.derive_uid(sequence_number)
        edition_id = self._db.scalar(select(schema.edition.c.id).where(schema.edition.c.uid == uid))
        if edition_id is not None:
            edition = editions.find_edition(edition_id)
            assert edition is not None
            return edition
        new_edition = editions.create_edition(
            NewEdition(
                name=edition_key.name + (f" ({sequence_number + 1})" if sequence_number else ""),
                list=edition_key.list,
                template=edition_key.template,
                language=body.language,
                priority=Priority.URGENT,
                state=EditionState.SENDING,
                kind=edition_key.kind,
                archive=ArchiveVisibility.PRIVATE,
            ),
            now,
            WORKER,
        )
        editions.freeze_edition(new_edition, [body], (), body.compute_hash())
        self._db.execute(
            update(schema.edition)
            .where(schema.edition.c.id == new_edition.id)
            .values(planned_at=now, uid=uid)
        )
        edition = editions.find_edition(new_edition.id)
        assert edition is not None
        return edition
