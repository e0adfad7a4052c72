"""One edition, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from mailer import editions
from mailer.actor import Actor
from mailer.model.digests import ApprovalRule, DigestPolicy
from mailer.model.edition_states import ArchiveVisibility, EditionState, InDoubtPolicy
from mailer.model.editions import (
    Approval,
    Edition,
    EditionBody,
    EditionEvent,
    Manuscript,
    NewEdition,
    SendAppointment,
)
from mailer.model.lists import MailingList
from mailer.model.segments import All, Filter
from mailer.model.senders import SenderIdentity
from mailer.model.transaction import Transaction
from tests.fakes import OpenListStore, make_transaction
from tests.unit.samples import DAY, NOW, make_edition, make_mailing_list

S = EditionState
OVER = {S.SENT, S.CANCELLED, S.SKIPPED, S.EXPIRED}
"""States of an edition that is over; failed deliveries of a sent one can still be retried."""
EDITION_BODY = EditionBody(
    "en", "The week", "Hello\n", "<p>Hello</p>", "z0123456789abcde", stories=1
)
SENDER = "news@example.org"
HASH = "0123456789abcdef" * 4
WHEN = SendAppointment(NOW + DAY, (NOW + DAY).replace(tzinfo=None), "UTC")


class FakeEditionStore:
    """One edition, in memory; queued stories are a to f."""

    def __init__(self, edition: Edition, *, tree: Filter | None = None) -> None:
        self.saved_edition = edition
        self.segment_filter = tree or All(())
        self.frozen_bodies = [EDITION_BODY]
        self.mailing_list = make_mailing_list()
        self.released: list[str] = []
        self.reserved: list[str] = []
        self.recorded_events: list[EditionEvent] = []
        self.article_authors: frozenset[str] = frozenset()

    def find_edition(self, edition_id: int) -> Edition | None:
        return self.saved_edition if self.saved_edition.id == edition_id else None

    def list_recent_editions(
        self, states: Sequence[EditionState], limit: int, *, notices: bool = False
    ) -> list[Edition]:
        return [self.saved_edition] if self.saved_edition.state in states else []

    def create_edition(self, new: NewEdition, now: datetime, actor: Actor) -> Edition:
        fields = {name: getattr(new, name) for name in NewEdition.__dataclass_fields__}
        self.saved_edition = make_edition(
            **fields | {"opening": new.opening or {}, "created_at": now}
        )
        return self.saved_edition

    def update_edition(self, edition: Edition, changed: Edition) -> Edition:
        self.saved_edition = changed
        return changed

    def set_in_doubt_policy(self, edition: Edition, policy: InDoubtPolicy) -> Edition:
        self.saved_edition = replace(edition, in_doubt=policy)
        return self.saved_edition

    def set_state(
        self,
        edition: Edition,
        state: EditionState,
        now: datetime,
        actor: Actor,
        *,
        reason: str = "",
    ) -> Edition:
        self.recorded_events.append(EditionEvent(now, state.value, actor.name, reason, actor.key))
        approval = edition.approval if state is not S.DRAFT else None
        self.saved_edition = replace(edition, state=state, reason=reason, approval=approval)
        return self.saved_edition

    def load_manuscript(self, edition: Edition) -> Manuscript:
        return Manuscript(edition, (), (), make_mailing_list(), self.segment_filter, ("en",))

    def load_mailing_list(self, edition: Edition) -> MailingList:
        return self.mailing_list

    def load_segment_filter(self, edition: Edition) -> Filter:
        return self.segment_filter

    def compute_hash(self, edition: Edition, bodies: Sequence[EditionBody]) -> str:
        return editions.compute_content_hash(
            edition, make_mailing_list(), self.segment_filter, SENDER, bodies
        )

    def list_bodies(self, edition: Edition) -> list[EditionBody]:
        return self.frozen_bodies

    def freeze_edition(
        self,
        edition: Edition,
        bodies: Sequence[EditionBody],
        story_order: Sequence[str],
        content_hash: str,
        embargo_until: datetime | None = None,
        sender: SenderIdentity | None = None,
    ) -> Edition:
        self.frozen_bodies = list(bodies)
        self.saved_edition = replace(
            edition,
            stories=tuple(story_order),
            content_hash=content_hash,
            embargo_until=embargo_until,
            sender_identity=sender,
        )
        return self.saved_edition

    def save_approval(self, edition: Edition, approval: Approval) -> Edition:
        self.saved_edition = replace(edition, approval=approval)
        return self.saved_edition

    def set_send_time(self, edition: Edition, appointment: SendAppointment | None) -> Edition:
        self.saved_edition = replace(edition, appointment=appointment)
        return self.saved_edition

    def set_archive_visibility(self, edition: Edition, visibility: ArchiveVisibility) -> Edition:
        self.saved_edition = replace(edition, archive=visibility)
        return self.saved_edition

    def record_review_request(self, edition: Edition, now: datetime) -> Edition:
        self.saved_edition = replace(edition, asked_at=now, reminded_at=now)
        return self.saved_edition

    def record_reminder(self, edition: Edition, now: datetime) -> None:
        self.saved_edition = replace(edition, reminded_at=now)

    def find_author_keys(self, edition: Edition) -> frozenset[str]:
        return self.article_authors | frozenset(
            event.actor_key
            for event in self.recorded_events
            if event.event_type == editions.EDITED_EVENT
        )

    def release_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        self.released += slugs

    def reserve_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        self.reserved += slugs

    def find_queued_slugs(self, slugs: Sequence[str]) -> frozenset[str]:
        return frozenset(slug for slug in slugs if len(slug) == 1 or slug.startswith("s"))

    def add_event(
        self, edition: Edition, event_type: str, detail: str, now: datetime, actor: Actor
    ) -> None:
        self.recorded_events.append(EditionEvent(now, event_type, actor.name, detail, actor.key))

    def list_events(self, edition: Edition) -> list[EditionEvent]:
        return self.recorded_events


def make_edition_transaction(
    *, editions: FakeEditionStore, approval: ApprovalRule = ApprovalRule.ANYONE
) -> Transaction:
    """Make a transaction with one edition, whose digest, if it has one, has this approval rule."""
    digest = SimpleNamespace(
        settings=SimpleNamespace(
            slug=editions.saved_edition.digest, policy=DigestPolicy(approval=approval)
        )
    )
    return make_transaction(
        lists=OpenListStore(make_mailing_list("press"), make_mailing_list("news")),
        editions=editions,
        digests=SimpleNamespace(list_digests=lambda: [digest]),
        releases=SimpleNamespace(find_kill=lambda slug: None),
        outbox=SimpleNamespace(
            cancel_unsent_deliveries=lambda edition_id: 0,
            has_deliveries_in=lambda edition_id, *states: False,
        ),
    )


def make_frozen_store(**fields: Any) -> FakeEditionStore:
    """A draft whose hash is that of what is frozen."""
    store = FakeEditionStore(make_edition(**fields))
    content_hash = store.compute_hash(store.saved_edition, store.frozen_bodies)
    store.saved_edition = replace(store.saved_edition, content_hash=content_hash)
    return store


def make_new_edition(**fields: Any) -> NewEdition:
    return replace(NewEdition(name="Statement", list="press", stories=("a",)), **fields)
