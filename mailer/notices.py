"""Notices: the mails that tell staff what has happened to an edition, and what is wanted of them.

A record and what can be done next; no I/O and no wording of mails. Rendering is ``render/``'s, who
gets one and when is for whoever sends it. What people wrote (names, reasons, comments, titles)
stands here as they wrote it: rendering escapes it and takes control characters out.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """What has happened. REVIEW, REMINDER and VOID ask for something, the others tell."""

    REVIEW = "review"
    """Approval is asked for."""
    REMINDER = "reminder"
    """Approval is still missing."""
    VOID = "void"
    """It was approved and has changed since: approval is asked for again."""
    APPROVED = "approved"
    LATE = "late"
    """It was not approved in time, and is a draft again."""
    SENT = "sent"
    SKIPPED = "skipped"
    ON_HOLD = "held"
    """It is kept for a person to decide."""
    PAUSED = "paused"
    EXPIRED = "expired"
    """Nobody approved it before the digest's next edition."""
    CANCELLED = "cancelled"


FIGURE_WORDS = ("sent", "queued", "failed", "in doubt", "expired", "suppressed", "cancelled")
"""The words for figures that mails have in every language; others are shown as they are."""

HASH_LENGTH = 12
"""How much of a content hash people are shown, as by ``edition preview``."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that staff are told.

    `name` is the edition's or digest's as readers see it, `digest` its slug ("" for an edition by
    itself), `edition` its number (0: there is none, as when an occurrence is skipped). `send_at`,
    aware, is when it is or was to be sent. `actor` approved it, paused it …; `comment` is the
    approver's. `stories` are titles in order. `figures` count each delivery once, by a word of
    :data:`FIGURE_WORDS`. `subject` is that of the mail this is about, as its first reader would see it;
    `readers` is how many it goes to, 0 when that is not known. `occurrence` names one without an
    edition, as ``mailer schedule`` takes it."""

    kind: NoticeKind
    name: str
    digest: str = ""
    edition: int = 0
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


_SEND_NOW = "Send it now all the same"


def suggest_commands(notice: Notice) -> tuple[tuple[str, str], ...]:
    """What staff can do next: pairs of what it does, an English msgid, and the command.

    A command that needs an edition or a digest is left out where the notice has none. Each is one
    line that a shell takes as it stands."""
    number = notice.edition
    of_edition: tuple[tuple[str, str], ...] = ()
    of_digest: tuple[tuple[str, str], ...] = ()
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
                ("Take the approval back", f"mailer edition reopen {number}"),
            )
            if notice.send_at is None:  # it has no time, and nothing but a person sends it
                of_edition += ((_SEND_NOW, f"mailer send {number}"),)
        case NoticeKind.SENT:
            of_edition = (
                ("See the figures", f"mailer edition report {number}"),
                *_suggest_for_unsent(notice),
            )
        case NoticeKind.PAUSED:
            of_edition = (
                ("See the figures", f"mailer edition report {number}"),
                ("Let it go on", f"mailer edition resume {number}"),
            )
        case NoticeKind.ON_HOLD:
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
    return (*(of_edition if number else ()), *(of_digest if notice.digest else ()))


def _suggest_for_unsent(notice: Notice) -> tuple[tuple[str, str], ...]:
    """Where to look for those that it did not reach."""
    deliveries = f"mailer delivery list {notice.edition} --state failed"
    in_doubt = f"mailer delivery in-doubt list {notice.edition}"
    return tuple(
        step
        for word, step in (
            ("failed", ("See whom it did not reach", deliveries)),
            ("in doubt", ("See which are in doubt", in_doubt)),
        )
        if notice.figures.get(word)
    )
