"""Editions: one mailing each, from a digest or by itself.

State is one word, and :data:`TRANSITIONS` the only table of where it may go::

    draft ──> approved ──> sending <──> paused
      ^  <───────┘            │            │
    held                      v            v
    draft, held, approved, sending, paused ──> cancelled
                           sending <─> sent            skipped: made so, and stays so

What has been sent goes on sending when failed or doubtful deliveries are tried again.

What is approved is a hash over everything that will be sent and to whom; any later change to the
edition or to one of its articles puts it back to draft.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from mailer import languages
from mailer.articles import Story
from mailer.audience.lists import MailingList, Topic, check_line
from mailer.audience.segments import Filter, text
from mailer.errors import ApprovalVoid, BadTransition, InputError, NotFound

MOST_STORIES = 62
"""A delivery's stories are bits of one signed 64-bit integer."""


class EditionState(StrEnum):
    DRAFT = "draft"
    HELD = "held"
    SKIPPED = "skipped"
    APPROVED = "approved"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[EditionState, frozenset[EditionState]] = {
    EditionState.DRAFT: frozenset({EditionState.APPROVED, EditionState.CANCELLED}),
    EditionState.HELD: frozenset({EditionState.DRAFT, EditionState.CANCELLED}),
    EditionState.SKIPPED: frozenset(),
    EditionState.APPROVED: frozenset(
        {EditionState.DRAFT, EditionState.SENDING, EditionState.CANCELLED}
    ),
    EditionState.SENDING: frozenset(
        {EditionState.PAUSED, EditionState.SENT, EditionState.CANCELLED}
    ),
    EditionState.PAUSED: frozenset({EditionState.SENDING, EditionState.CANCELLED}),
    EditionState.SENT: frozenset({EditionState.SENDING}),
    EditionState.CANCELLED: frozenset(),
}

OPEN = (EditionState.DRAFT, EditionState.HELD, EditionState.APPROVED)
"""Nothing has been sent yet: it can still change."""


class InDoubt(StrEnum):
    """What happens to a delivery of which we don't know whether the relay took it."""

    RESEND = "resend"
    HOLD = "hold"


class Priority(StrEnum):
    """Whose messages go first when several editions are being sent: none waits for another to
    end, each has its share."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"

    @property
    def weight(self) -> int:
        """Messages of this edition to one of a low one, while both have any."""
        return {"urgent": 64, "normal": 8, "low": 1}[self.value]


@dataclass(frozen=True, slots=True)
class NewEdition:
    """What an edition is made from. `stories` are slugs in their order; `subject` is a template,
    empty for the one of the mail's folder."""

    name: str
    list: str
    digest: str = ""
    segment: str = ""
    template: str = "digest"
    subject: str = ""
    language: str = "en"
    opening: Mapping[str, str] | None = None
    priority: Priority = Priority.NORMAL
    state: EditionState = EditionState.DRAFT
    reason: str = ""
    stories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let it go, when, and what exactly: `content_hash`."""

    approver: str
    at: datetime
    content_hash: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """`reason` says why it was skipped, held, paused or put back to draft. `opening` is the
    editor's, by language, in Markdown."""

    id: int
    uid: str
    name: str
    digest: str
    list: str
    segment: str
    template: str
    subject: str
    language: str
    opening: Mapping[str, str]
    state: EditionState
    reason: str
    in_doubt: InDoubt
    priority: Priority
    stories: tuple[str, ...]
    content_hash: str
    approval: Approval | None
    created_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Body:
    """An edition's frozen body in one language, with marks and slots (see ``message.py``).

    `marker` begins each of them; it occurs nowhere in what people wrote. `stories` are the bits of
    those stories that this body holds."""

    language: str
    subject: str
    text: str
    html: str
    marker: str
    stories: int

    def digest(self) -> str:
        """SHA-256 over all of it."""
        parts = [self.language, self.subject, self.text, self.html, self.marker, self.stories]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Manuscript:
    """All that composing needs, as plain records: the edition, its stories in their order, the
    names of topics, and the languages that its readers want (the default's among them)."""

    edition: Edition
    stories: tuple[Story, ...]
    topics: tuple[Topic, ...]
    list: MailingList
    filter: Filter
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an edition, for whoever asks later."""

    at: datetime
    what: str
    actor: str
    detail: str


class EditionStore(Protocol):
    """What the verbs here need kept."""

    def find(self, edition_id: int) -> Edition | None: ...
    def recent(self, states: Sequence[EditionState], limit: int) -> list[Edition]: ...
    def create(self, new: NewEdition, now: datetime) -> Edition: ...
    def change(self, edition: Edition, changed: Edition) -> Edition: ...
    def set_state(
        self,
        edition: Edition,
        state: EditionState,
        now: datetime,
        *,
        reason: str = "",
        actor: str = "",
    ) -> Edition: ...
    def manuscript(self, edition: Edition) -> Manuscript: ...
    def list_of(self, edition: Edition) -> MailingList: ...
    def filter_of(self, edition: Edition) -> Filter: ...
    def bodies(self, edition: Edition) -> list[Body]: ...
    def freeze(
        self, edition: Edition, bodies: Sequence[Body], order: Sequence[str], content_hash: str
    ) -> Edition: ...
    def approve(self, edition: Edition, approval: Approval) -> Edition: ...
    def release_stories(self, edition: Edition, slugs: Sequence[str]) -> None: ...
    def reserve_stories(self, edition: Edition, slugs: Sequence[str]) -> None: ...
    def known_stories(self, slugs: Sequence[str]) -> frozenset[str]: ...
    def note(
        self, edition: Edition, what: str, detail: str, now: datetime, actor: str = ""
    ) -> None: ...
    def events(self, edition: Edition) -> list[Event]: ...


def content_hash(
    edition: Edition, list_: MailingList, segment: Filter, sender: str, bodies: Sequence[Body]
) -> str:
    """SHA-256 over what would be sent and to whom: every body, the list and its name, the segment,
    and `sender`: all else that the configuration puts into a mail."""
    audience = [edition.uid, sender, list_.slug, list_.name, text(segment)]
    parts = audience + sorted(body.digest() for body in bodies)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def check_transition(edition: Edition, state: EditionState) -> None:
    """Raises BadTransition unless the table lets `edition` go to `state`."""
    if state not in TRANSITIONS[edition.state]:
        ways = ", ".join(sorted(TRANSITIONS[edition.state])) or "nothing else"
        raise BadTransition(
            f"edition {edition.id} is {edition.state}, which can't become {state}",
            hint=f"from there it can become {ways}",
        )


def get(store: EditionStore, edition_id: int) -> Edition:
    edition = store.find(edition_id)
    if edition is None:
        raise NotFound(f"there is no edition {edition_id}", hint="see `mailer edition list`")
    return edition


def create(store: EditionStore, new: NewEdition, now: datetime) -> Edition:
    """An edition by itself, such as a press release."""
    _check_stories(store, new.stories)
    checked = replace(
        new,
        name=check_line(new.name, "name"),
        subject=check_line(new.subject, "subject", required=False),
        language=languages.normalise(new.language),
    )
    return store.create(checked, now)


def _check_stories(store: EditionStore, slugs: Sequence[str]) -> None:
    if not slugs:
        raise InputError("an edition needs a story", hint="name one by its slug")
    if len(set(slugs)) < len(slugs):
        raise InputError("a story is named twice", where=", ".join(slugs))
    if len(slugs) > MOST_STORIES:
        raise InputError(f"{len(slugs)} stories are more than {MOST_STORIES}", where="stories")
    if missing := set(slugs) - store.known_stories(slugs):
        raise InputError(
            f"there is no queued story {min(missing)!r}", hint="see `mailer article list`"
        )


def arrange(
    store: EditionStore, edition: Edition, slugs: Sequence[str], now: datetime, actor: str = ""
) -> Edition:
    """Give an edition these stories in this order; what it had beside goes back to its digest."""
    edition = _reopen(store, edition, "stories arranged", now, actor)
    _check_stories(store, slugs)
    store.release_stories(edition, [slug for slug in edition.stories if slug not in slugs])
    store.reserve_stories(edition, [slug for slug in slugs if slug not in edition.stories])
    return store.change(edition, replace(edition, stories=tuple(slugs)))


def order_first(edition: Edition, slugs: Sequence[str]) -> tuple[str, ...]:
    """The edition's stories with `slugs` first, in that order. Raises InputError."""
    for slug in slugs:
        if slug not in edition.stories:
            raise InputError(
                f"edition {edition.id} has no story {slug!r}",
                hint=f"it has {', '.join(edition.stories)}",
            )
    return (*slugs, *(slug for slug in edition.stories if slug not in slugs))


def edit(
    store: EditionStore,
    edition: Edition,
    changes: Mapping[str, Any],
    now: datetime,
    actor: str = "",
) -> Edition:
    """Change name, subject, opening, segment, priority or the rule for rows in doubt."""
    edition = _reopen(store, edition, f"{', '.join(sorted(changes))} edited", now, actor)
    changed = replace(edition, **changes)
    return store.change(
        edition,
        replace(
            changed,
            name=check_line(changed.name, "name"),
            subject=check_line(changed.subject, "subject", required=False),
            opening={
                languages.normalise(tag): said for tag, said in changed.opening.items() if said
            },
        ),
    )


def _reopen(
    store: EditionStore, edition: Edition, reason: str, now: datetime, actor: str
) -> Edition:
    if edition.state is EditionState.DRAFT:
        return edition
    if edition.state not in OPEN:
        check_transition(edition, EditionState.DRAFT)
    return store.set_state(edition, EditionState.DRAFT, now, reason=reason, actor=actor)


def approve(
    store: EditionStore,
    edition: Edition,
    approver: str,
    now: datetime,
    *,
    comment: str = "",
    seen: str = "",
) -> Edition:
    """Let the edition go as it is frozen now. `seen` is the hash, or its beginning, of what the
    approver looked at: when it is not the one frozen, ApprovalVoid."""
    check_transition(edition, EditionState.APPROVED)
    if seen and (len(seen) < 8 or not edition.content_hash.startswith(seen.lower())):
        raise ApprovalVoid(
            f"edition {edition.id} is now {edition.content_hash[:12]}, not {seen}",
            hint="preview it again, then approve what you see",
        )
    approval = Approval(
        check_line(approver, "approver"),
        now,
        edition.content_hash,
        check_line(comment, "comment", required=False),
    )
    approved = store.approve(edition, approval)
    return store.set_state(approved, EditionState.APPROVED, now, actor=approver, reason=comment)


def check_approval(store: EditionStore, edition: Edition, sender: str) -> None:
    """Raises ApprovalVoid unless the frozen bodies are the very ones approved."""
    approval = edition.approval
    if approval is None:
        raise ApprovalVoid(
            f"edition {edition.id} is {edition.state}, not approved",
            hint=f"approve it with `mailer edition approve {edition.id}`",
        )
    # Not from the manuscript: it asks a million members for their languages.
    now_hash = content_hash(
        edition,
        store.list_of(edition),
        store.filter_of(edition),
        sender,
        store.bodies(edition),
    )
    if now_hash != approval.content_hash:
        raise ApprovalVoid(
            f"edition {edition.id} was approved as {approval.content_hash[:12]} and is now "
            f"{now_hash[:12]}",
            hint=f"look at it and run `mailer edition approve {edition.id}` again",
        )


def pause(
    store: EditionStore, edition: Edition, now: datetime, *, reason: str = "", actor: str = ""
) -> Edition:
    """Stop at the gate: once this is committed, nothing more of it goes out."""
    check_transition(edition, EditionState.PAUSED)
    return store.set_state(edition, EditionState.PAUSED, now, reason=reason, actor=actor)


def resume(store: EditionStore, edition: Edition, now: datetime, *, actor: str = "") -> Edition:
    """Let a paused edition go on."""
    if edition.state is not EditionState.PAUSED:
        check_transition(edition, EditionState.PAUSED)
        raise BadTransition(f"edition {edition.id} is {edition.state}, not paused")
    return store.set_state(edition, EditionState.SENDING, now, actor=actor)


def cancel(
    store: EditionStore, edition: Edition, now: datetime, *, reason: str = "", actor: str = ""
) -> Edition:
    """Stop for good. Its stories go back to the digest when none of it was sent."""
    check_transition(edition, EditionState.CANCELLED)
    if edition.planned_at is None:
        store.release_stories(edition, edition.stories)
    return store.set_state(edition, EditionState.CANCELLED, now, reason=reason, actor=actor)
