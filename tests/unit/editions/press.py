"""One edition, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailer import editions
from mailer.audience.lists import MailingList
from mailer.audience.segments import All, Filter
from mailer.editions import (
    Appointment,
    Approval,
    Archive,
    Body,
    Edition,
    EditionState,
    Event,
    Manuscript,
    NewEdition,
)
from tests.unit.samples import DAY, NOW, edition, mailing_list

S = EditionState
OVER = {S.SENT, S.CANCELLED, S.SKIPPED, S.EXPIRED}
"""What nobody waits for any more; what was sent can still be tried again."""
BODY = Body("en", "The week", "Hello\n", "<p>Hello</p>", "z0123456789abcde", stories=1)
SENDER = "news@example.org"
HASH = "0123456789abcdef" * 4
WHEN = Appointment(NOW + DAY, (NOW + DAY).replace(tzinfo=None), "UTC")


class Press:
    """One edition, in memory; queued stories are a to f."""

    def __init__(self, kept: Edition, *, tree: Filter | None = None) -> None:
        self.kept = kept
        self.tree = tree or All(())
        self.frozen = [BODY]
        self.released: list[str] = []
        self.reserved: list[str] = []
        self.said: list[Event] = []

    def find(self, edition_id: int) -> Edition | None:
        return self.kept if self.kept.id == edition_id else None

    def recent(
        self, states: Sequence[EditionState], limit: int, *, notices: bool = False
    ) -> list[Edition]:
        return [self.kept] if self.kept.state in states else []

    def create(self, new: NewEdition, now: datetime) -> Edition:
        fields = {name: getattr(new, name) for name in NewEdition.__dataclass_fields__}
        self.kept = edition(**fields | {"opening": new.opening or {}, "created_at": now})
        return self.kept

    def change(self, edition: Edition, changed: Edition) -> Edition:
        self.kept = changed
        return changed

    def set_state(
        self,
        edition: Edition,
        state: EditionState,
        now: datetime,
        *,
        reason: str = "",
        actor: str = "",
    ) -> Edition:
        self.said.append(Event(now, state.value, actor, reason))
        approval = edition.approval if state is not S.DRAFT else None
        self.kept = replace(edition, state=state, reason=reason, approval=approval)
        return self.kept

    def manuscript(self, edition: Edition) -> Manuscript:
        return Manuscript(edition, (), (), mailing_list(), self.tree, ("en",))

    def list_of(self, edition: Edition) -> MailingList:
        return mailing_list()

    def filter_of(self, edition: Edition) -> Filter:
        return self.tree

    def hash_of(self, edition: Edition, bodies: Sequence[Body]) -> str:
        return editions.content_hash(edition, mailing_list(), self.tree, SENDER, bodies)

    def bodies(self, edition: Edition) -> list[Body]:
        return self.frozen

    def freeze(
        self,
        edition: Edition,
        bodies: Sequence[Body],
        order: Sequence[str],
        content_hash: str,
        embargo_until: datetime | None = None,
    ) -> Edition:
        self.frozen = list(bodies)
        self.kept = replace(
            edition,
            stories=tuple(order),
            content_hash=content_hash,
            embargo_until=embargo_until,
        )
        return self.kept

    def approve(self, edition: Edition, approval: Approval) -> Edition:
        self.kept = replace(edition, approval=approval)
        return self.kept

    def appoint(self, edition: Edition, appointment: Appointment | None) -> Edition:
        self.kept = replace(edition, appointment=appointment)
        return self.kept

    def shelve(self, edition: Edition, archive: Archive) -> Edition:
        self.kept = replace(edition, archive=archive)
        return self.kept

    def asked(self, edition: Edition, now: datetime) -> Edition:
        self.kept = replace(edition, asked_at=now, reminded_at=now)
        return self.kept

    def reminded(self, edition: Edition, now: datetime) -> None:
        self.kept = replace(edition, reminded_at=now)

    def authors(self, edition: Edition) -> frozenset[str]:
        return frozenset(one.actor for one in self.said if one.what == editions.EDITED)

    def release_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        self.released += slugs

    def reserve_stories(self, edition: Edition, slugs: Sequence[str]) -> None:
        self.reserved += slugs

    def known_stories(self, slugs: Sequence[str]) -> frozenset[str]:
        return frozenset(slug for slug in slugs if len(slug) == 1 or slug.startswith("s"))

    def note(
        self, edition: Edition, what: str, detail: str, now: datetime, actor: str = ""
    ) -> None:
        self.said.append(Event(now, what, actor, detail))

    def events(self, edition: Edition) -> list[Event]:
        return self.said


def frozen(**fields: Any) -> Press:
    """A draft whose hash is that of what is frozen."""
    press = Press(edition(**fields))
    hashed = press.hash_of(press.kept, press.frozen)
    press.kept = replace(press.kept, content_hash=hashed)
    return press


def new(**fields: Any) -> NewEdition:
    return replace(NewEdition(name="Statement", list="press", stories=("a",)), **fields)
