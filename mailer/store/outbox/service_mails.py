"""Queueing of service mails. All service mails with the same text on the same day are deliveries of
one rolling edition.

A rolling edition starts with its first service mail. Each further mail returns the edition to
sending, in the transaction that queues the mail. That transaction locks the edition's row, and so
does the ledger's transaction that finds no delivery left and marks the edition as sent
(``delivery/ledger.py``). One of the two transactions comes first and the other sees its changes, so
no service mail stays unsent in an edition that is marked as sent.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import count

from sqlalchemy import select

from mailer import message
from mailer.actor import Actor
from mailer.editions import check_transition
from mailer.model.edition_states import EditionKind, EditionRole, EditionState
from mailer.model.editions import Edition, EditionBody
from mailer.model.lists import Frequency, MailingList
from mailer.model.service_mails import Addressee, ServiceEditionKey
from mailer.store import schema
from mailer.store.audience.field_values import encode_values
from mailer.store.editions.records import EditionQueries
from mailer.store.outbox.direct_mail import DirectMailQueries


class SqlServiceMailStore(DirectMailQueries):
    """Puts service mails into the outbox."""

    def queue_service_mail(
        self,
        edition_key: ServiceEditionKey,
        body: EditionBody,
        addressees: Mapping[str, Addressee],
        now: datetime,
        actor: Actor,
    ) -> frozenset[str]:
        """Queue a service mail to these addresses, due at once and before all other mail. Returns
        the addresses for which it was queued.

        An edition has at most one delivery for each address. An address that has already had this
        mail today gets it from another edition. As a transaction uses only one edition, such an
        address is left for the next call. So the result may have fewer addresses than `addressees`,
        but it is never empty."""
        while True:
            sequence_number, new_addresses = self._find_room(edition_key, addressees)
            edition = self._open_edition(edition_key, body, sequence_number, now, actor)
            if (
                edition.state is not EditionState.CANCELLED
            ):  # it may have been cancelled since _find_room
                break
        if edition.state is EditionState.SENT:
            check_transition(edition, EditionState.SENDING)
            EditionQueries(self._db, self._key).set_state(edition, EditionState.SENDING, now, actor)
        field_names = message.find_field_names([body])
        self.add_direct_deliveries(
            edition,
            body,
            [
                (address, addressees[address].reference, addressees[address].name)
                for address in sorted(new_addresses)
            ],
            {
                address: stories
                for address in new_addresses
                if (stories := addressees[address].stories) is not None
            },
            {
                address: encode_values(
                    {
                        name: value
                        for name, value in addressees[address].fields.items()
                        if name in field_names
                    }
                )
                for address in new_addresses
            },
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
        self,
        edition_key: ServiceEditionKey,
        body: EditionBody,
        sequence_number: int,
        now: datetime,
        actor: Actor,
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
        return self.open_direct_edition(
            edition_key.kind,
            body,
            now,
            actor,
            uid=uid,
            name=edition_key.name + (f" ({sequence_number + 1})" if sequence_number else ""),
            list_slug=edition_key.list,
            template=edition_key.template,
            sender=edition_key.sender,
            stories=edition_key.stories,
            story_order=edition_key.story_order,
        )

    def find_latest_edition(
        self, mailing_list: MailingList, frequency: Frequency
    ) -> Edition | None:
        """Return the edition that was last sent to all members of a list with this frequency. In
        place of a release that was corrected, return its last correction."""
        columns = schema.edition.c
        statement = (
            select(columns.id)
            .where(
                columns.list_id == mailing_list.id,
                columns.kind == EditionKind.MAILING.value,
                columns.state == EditionState.SENT.value,
                columns.segment_id.is_(None),
                columns.planned_at.is_not(None),
            )
            .limit(1)
        )
        edition_id = self._db.scalar(
            statement.where(
                columns.role.in_([EditionRole.PLAIN.value, EditionRole.RELEASE.value]),
                columns.frequency == frequency.value,
            ).order_by(columns.planned_at.desc(), columns.id.desc())
        )
        if edition_id is None:
            return None
        own_slugs = select(schema.edition_story.c.slug).where(
            schema.edition_story.c.edition_id == edition_id
        )
        is_release = select(columns.role).where(columns.id == edition_id).scalar_subquery()
        correction_id = self._db.scalar(
            statement.join(schema.edition_story, schema.edition_story.c.edition_id == columns.id)
            .where(
                columns.role == EditionRole.CORRECTION.value,
                columns.id > edition_id,
                schema.edition_story.c.slug.in_(own_slugs),
                is_release == EditionRole.RELEASE.value,
            )
            .order_by(columns.id.desc())
        )
        return EditionQueries(self._db, self._key).find_edition(correction_id or edition_id)

    def find_corrected_slugs(self, edition: Edition) -> frozenset[str]:
        """Return the stories of an edition that a later edition corrects."""
        own_story = schema.edition_story.alias("own_story")
        return frozenset(
            self._db.scalars(
                select(schema.edition_story.c.slug)
                .join(own_story, own_story.c.slug == schema.edition_story.c.slug)
                .join(schema.edition, schema.edition.c.id == schema.edition_story.c.edition_id)
                .where(
                    own_story.c.edition_id == edition.id,
                    schema.edition.c.role == EditionRole.CORRECTION.value,
                    schema.edition.c.planned_at > edition.planned_at,
                )
            )
        )
