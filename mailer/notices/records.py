"""The record of a notice, and the commands that it suggests.

Texts that people wrote (names, reasons, comments, titles) are unescaped here; rendering escapes
them and removes control characters.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer.message import Slot
from mailer.model.deliveries import Audience


class NoticeKind(StrEnum):
    """The event that a notice is about. REVIEW, REMINDER, VOID and KILL ask staff to act; the other
    kinds only inform them."""

    REVIEW = "review"
    """An edition needs approval."""
    REMINDER = "reminder"
    """Approval is still missing."""
    VOID = "void"
    """The edition has changed since it was approved, and needs approval again."""
    APPROVED = "approved"
    LATE = "late"
    """The edition was not approved in time, and is a draft again."""
    SENT = "sent"
    SKIPPED = "skipped"
    ON_HOLD = "held"
    """The edition waits for a person to decide."""
    PAUSED = "paused"
    EXPIRED = "expired"
    """The edition was not approved before the digest's next edition."""
    CANCELLED = "cancelled"
    SENT_BACK = "sent back"
    """An approver has sent the edition back to its authors."""
    KILL = "kill"
    """A release waits for the second person who confirms its kill."""


ASKING_KINDS = frozenset({NoticeKind.REVIEW, NoticeKind.REMINDER, NoticeKind.VOID})
"""Kinds that ask for an edition's approval."""

FIGURE_WORDS = (
    "sent",
    "queued",
    "failed",
    "in doubt",
    "expired",
    "suppressed",
    "cancelled",
    "diverted",
)
"""The figures that have words in every language; other figures are shown untranslated."""

HASH_LENGTH = 12
"""Number of digits of a content hash that people see, the same as in a preview of the edition."""


@dataclass(frozen=True, slots=True)
class EditionMail:
    """The mail of an edition in one language, with every story, as a reader without a name would
    get it: its parts, and the whole `message`."""

    language: str
    subject: str
    text: str
    html: str
    message: bytes


@dataclass(frozen=True, slots=True)
class DecisionLink:
    """The link by which each recipient of a notice may decide: the slot that it fills, and all
    fields of its token but the person (``staff_links.build_link_fields``)."""

    slot: Slot
    fields: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to staff about one event.

    `name` is the name of the edition or digest as readers see it. `digest` is the digest's slug,
    empty for an edition without a digest. `edition` is the edition's number for commands, or 0 if
    there is no edition, for example because an occurrence is skipped; `number` is the number that
    its mails print, 0 if they print none. `is_started` says that its sending has begun, and
    `is_due` that it waits for approval although its send time has come. `send_at`
    is the aware send time. `actor` is the person who approved, paused … the edition, and `comment`
    the approver's comment. `stories` are titles in order. `figures` count each delivery once, by a
    word of :data:`FIGURE_WORDS`. `subject` is the subject of the edition's mail for its first
    reader. `readers` is the number of recipients, 0 if unknown. `occurrence` names an occurrence
    without an edition, by its date and time.

    Notices that ask for approval also have a `deadline`, the `findings` of composing, the expected
    `audience`, and the `mails` of the edition, the one in its own language first. `link` is None if
    the recipients may not decide. `story` is the slug of a story to be killed."""

    kind: NoticeKind
    name: str
    digest: str = ""
    edition: int = 0
    number: int = 0
    send_at: datetime | None = None
    reason: str = ""
    actor: str = ""
    comment: str = ""
    content_hash: str = ""
    stories: tuple[str, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)
    subject: str = ""
    readers: int = 0
    occurrence: str = ""
    deadline: datetime | None = None
    findings: tuple[str, ...] = ()
    audience: Audience | None = None
    mails: tuple[EditionMail, ...] = ()
    link: DecisionLink | None = None
    story: str = ""
    is_started: bool = False
    is_due: bool = False


_SEND_NOW = "Send it now anyway"


def suggest_commands(notice: Notice) -> tuple[tuple[str, str], ...]:
    """Return the commands that staff may run next, as pairs (English msgid, command).

    A command for an edition or a digest is left out if the notice has none. Each command is one
    line, quoted for a shell."""
    number = notice.edition
    of_edition: tuple[tuple[str, str], ...] = ()
    of_digest: tuple[tuple[str, str], ...] = ()
    of_story: tuple[tuple[str, str], ...] = ()
    match notice.kind:
        case NoticeKind.REVIEW | NoticeKind.REMINDER | NoticeKind.VOID | NoticeKind.LATE:
            shown_hash = notice.content_hash[:HASH_LENGTH]
            approve = f"mailer edition approve {number}"
            of_edition = (
                ("Look at it", f"mailer edition preview {number}"),
                (
                    "Approve it",
                    f"{approve} --hash {shlex.quote(shown_hash)}" if shown_hash else approve,
                ),
            )
            if notice.kind is NoticeKind.LATE:
                of_edition += ((_SEND_NOW, f"mailer send {number}"),)
        case NoticeKind.APPROVED:
            of_edition = (
                ("Look at it", f"mailer edition preview {number}"),
                ("Withdraw the approval", f"mailer edition reopen {number}"),
            )
            if notice.send_at is None:  # an edition without a time is sent only by a person
                of_edition += ((_SEND_NOW, f"mailer send {number}"),)
        case NoticeKind.SENT:
            of_edition = (
                ("See the figures", f"mailer edition report {number}"),
                *_suggest_for_unsent(notice),
            )
        case NoticeKind.PAUSED:
            of_edition = (
                ("See the figures", f"mailer edition report {number}"),
                ("Resume it", f"mailer edition resume {number}"),
            )
        case NoticeKind.KILL:
            of_story = (
                ("Confirm the kill", f"mailer release kill {shlex.quote(notice.story)} --confirm"),
                (
                    "Take the request back",
                    f"mailer release kill {shlex.quote(notice.story)} --take-back",
                ),
            )
        case NoticeKind.ON_HOLD | NoticeKind.SENT_BACK:
            of_edition = (
                ("See what happened", f"mailer edition show {number}"),
                ("Make it a draft again", f"mailer edition reopen {number}"),
            )
            if not number:
                words = ("mailer", "schedule", "send-now", notice.digest, notice.occurrence)
                of_digest = ((_SEND_NOW, shlex.join(word for word in words if word)),)
        case NoticeKind.SKIPPED | NoticeKind.EXPIRED | NoticeKind.CANCELLED:
            of_edition = (("See what happened", f"mailer edition show {number}"),)
            preview = f"mailer schedule preview {shlex.quote(notice.digest)}"
            of_digest = (("See what comes next", preview),)
    return (
        *(of_edition if number else ()),
        *(of_digest if notice.digest else ()),
        *(of_story if notice.story else ()),
    )


def _suggest_for_unsent(notice: Notice) -> tuple[tuple[str, str], ...]:
    """Return the commands that list the recipients that the edition did not reach."""
    deliveries = f"mailer delivery list {notice.edition} --state failed"
    in_doubt = f"mailer delivery in-doubt list {notice.edition}"
    return tuple(
        step
        for word, step in (
            ("failed", ("See the recipients that it did not reach", deliveries)),
            ("in doubt", ("See which are in doubt", in_doubt)),
        )
        if notice.figures.get(word)
    )
