"""Mails to staff: notices and test mails. Each is an edition with one body, sent to its own
addresses instead of to a list."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import func, select

from mailer.actor import Actor
from mailer.model.edition_states import EditionKind
from mailer.model.editions import Edition, EditionBody
from mailer.model.senders import SenderIdentity
from mailer.store import schema
from mailer.store.locks import lock_test_mails
from mailer.store.outbox.direct_mail import DirectMailQueries
from mailer.store.releases.files import FileQueries


class SqlNoticeStore(DirectMailQueries):
    """Puts mails to staff into the outbox."""

    def queue_notice(
        self,
        body: EditionBody,
        list_slug: str,
        addresses: Sequence[str],
        now: datetime,
        actor: Actor,
        *,
        uid: str,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Edition:
        """Queue a notice to these addresses, due at once and before all other mail. The notice is
        recorded under the list that it is about; its recipients need not be on that list. The
        marker in its body is made from `uid`. `files` are the contents of its attachments, by their
        hash."""
        file_queries = FileQueries(self._db, self._key)
        for attachment in body.attachments:
            file_queries.save_file(
                attachment.sha256, attachment.media_type, files[attachment.sha256], now
            )
        return self._queue_direct_mail(
            EditionKind.NOTICE,
            body,
            list_slug,
            [(address, 0) for address in dict.fromkeys(addresses)],
            now,
            actor,
            uid=uid,
            name=body.subject,
        )

    def queue_test_mail(
        self,
        body: EditionBody,
        tested_edition: Edition,
        addresses: Sequence[str],
        now: datetime,
        actor: Actor,
        *,
        uid: str,
        reader_id: int,
        sender: SenderIdentity | None,
    ) -> Edition:
        """Queue a test mail of an edition to these addresses, due at once and before all other
        mail. `reader_id` is the id of the subscriber whose values are in the body, or 0. `sender`
        is the identity that sends the edition."""
        return self._queue_direct_mail(
            EditionKind.TEST,
            body,
            tested_edition.list,
            [(address, reader_id) for address in addresses],
            now,
            actor,
            uid=uid,
            name=f"test of edition {tested_edition.id}: {tested_edition.name}",
            sender=sender,
        )

    def _queue_direct_mail(
        self,
        kind: EditionKind,
        body: EditionBody,
        list_slug: str,
        recipients: Sequence[tuple[str, int]],
        now: datetime,
        actor: Actor,
        *,
        uid: str,
        name: str,
        sender: SenderIdentity | None = None,
    ) -> Edition:
        edition = self.open_direct_edition(
            kind,
            body,
            now,
            actor,
            uid=uid,
            name=name,
            list_slug=list_slug,
            template=kind.value,
            sender=sender,
        )
        self.add_direct_deliveries(
            edition, body, [(address, reference, "") for address, reference in recipients]
        )
        return edition

    def lock_test_mails(self) -> None:
        """Let no other transaction count or queue test mails until this one ends."""
        lock_test_mails(self._db)

    def count_test_mails(self, since: datetime) -> int:
        """Return how many test mails were queued since then."""
        count = self._db.scalar(
            select(func.count())
            .select_from(schema.delivery)
            .join(schema.edition, schema.edition.c.id == schema.delivery.c.edition_id)
            .where(
                schema.edition.c.kind == EditionKind.TEST.value,
                schema.edition.c.created_at > since,
            )
        )
        return int(count or 0)
