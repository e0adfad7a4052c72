"""Notices to staff. A notice is an edition with one body, sent to its own addresses instead of to a
list."""

from collections.abc import Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.model.edition_states import EditionKind
from mailer.model.editions import Edition, EditionBody
from mailer.store.outbox.direct_mail import DirectMailQueries


class SqlNoticeStore(DirectMailQueries):
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
        edition = self.open_direct_edition(
            EditionKind.NOTICE,
            body,
            now,
            actor,
            uid=uid,
            name=body.subject,
            list_slug=list_slug,
            template="notice",
        )
        self.add_direct_deliveries(
            edition, body, [(address, 0, "") for address in dict.fromkeys(addresses)]
        )
        return edition
