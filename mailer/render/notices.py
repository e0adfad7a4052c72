"""A notice -> the frozen body of a mail to staff, in the office's language.

What tells staff that something is wrong must not fail for the same reason: it needs no postal
address, an accent too pale to be read gives way to the default one, and where the office's own
templates are broken the shipped ones serve.

Its templates, ``email/notice/``, see ``organisation``, of ``edition`` what the layout needs (name,
language, dir), no ``stories``, and ``notice``: a :class:`NoticeView`.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from mailer import config, languages, message
from mailer.config import Organisation, Settings
from mailer.editions import Body
from mailer.errors import ComposeError
from mailer.message import header_text
from mailer.notices import HASH_LENGTH, Notice, NoticeKind, commands
from mailer.render import checks, colours, translations, views
from mailer.render.environment import environment, render
from mailer.render.inline import inline

FOLDER = "email/notice"

FAULTS = (ComposeError, ValueError, TypeError, LookupError)
"""What the office's own templates and words can raise: patterns and placeholders of a .po file are
filled in here. A bug comes back from the second try, with the shipped ones."""

DAY_AND_TIME = "EEE d MMM HH:mm"
FULL_MOMENT = "EEEE d MMMM y, HH:mm (zzzz)"
"""Patterns of Unicode CLDR, in the .po files too."""

LEADS: dict[NoticeKind, tuple[str, str]] = {
    NoticeKind.REVIEW: ("Approve", "Approve by %(moment)s"),
    NoticeKind.REMINDER: ("Still to approve", "Still to approve by %(moment)s"),
    NoticeKind.VOID: ("Approve again", "Approve again by %(moment)s"),
    NoticeKind.APPROVED: ("Approved", "Approved for %(moment)s"),
    NoticeKind.LATE: ("Not approved in time", ""),
    NoticeKind.SENT: ("Sent", ""),
    NoticeKind.SKIPPED: ("Skipped", ""),
    NoticeKind.HELD: ("Held", ""),
    NoticeKind.PAUSED: ("Paused", ""),
    NoticeKind.EXPIRED: ("Never approved", ""),
    NoticeKind.CANCELLED: ("Cancelled", ""),
}
"""What a subject begins with: without a moment, and with one. English; the .po files have the
others."""

SAID: dict[NoticeKind, str] = {
    NoticeKind.REVIEW: "Nothing is sent until somebody has looked at it and approved it.",
    NoticeKind.REMINDER: "Nobody has approved it yet. Without approval it is not sent.",
    NoticeKind.VOID: "It has changed since it was approved, so that approval no longer counts. "
    "Please look at it again.",
    NoticeKind.APPROVED: "It has been approved.",
    NoticeKind.LATE: "Nobody approved it in time, so it was not sent. It is a draft again.",
    NoticeKind.SENT: "It has been sent.",
    NoticeKind.SKIPPED: "Nothing is sent this time.",
    NoticeKind.HELD: "It waits for a person to decide, and is not sent until then.",
    NoticeKind.PAUSED: "Sending has stopped. What is left waits until somebody lets it go on.",
    NoticeKind.EXPIRED: "Nobody approved it before the digest’s next edition, so it will not be "
    "sent.",
    NoticeKind.CANCELLED: "It has been stopped for good.",
}

LABELS = ("Why", "Scheduled for", "Subject", "Readers", "By", "Comment", "Hash")


@dataclass(frozen=True, slots=True)
class FrameView:
    """Of an edition, what the layout needs."""

    name: str
    language: str
    dir: str


@dataclass(frozen=True, slots=True)
class FactView:
    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepView:
    words: str
    command: str


@dataclass(frozen=True, slots=True)
class NoticeView:
    """All in the reader's language, on one line each. `lead` says in a few words what is wanted or
    has happened, `said` in a sentence or two. `tally` is how many of how many got it, or empty.
    `figures` are labels and numbers."""

    kind: str
    lead: str
    name: str
    said: str
    reason: str
    edition: int
    tally: str
    facts: tuple[FactView, ...]
    stories: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    steps: tuple[StepView, ...]


def compose_notice(notice: Notice, uid: str, settings: Settings) -> Body:
    """The mail that tells it. The same notice, uid and settings give the same bytes. Raises
    ComposeError only where the shipped templates can't compose it."""
    try:
        return _compose(notice, uid, settings, settings.template_path)
    except FAULTS:
        return _compose(notice, uid, settings, (config.shipped("templates"),))


def _compose(notice: Notice, uid: str, settings: Settings, template_path: tuple[Path, ...]) -> Body:
    language = translations.frame(settings.defaults.language, template_path) or translations.SOURCE
    env = environment(language, template_path)
    words = translations.translations(language, template_path)
    view = _Writer(notice, language, words, ZoneInfo(settings.defaults.time_zone)).view()
    context: dict[str, Any] = {
        "organisation": office(settings),
        "edition": FrameView(view.name, language, languages.direction(language)),
        "stories": (),
        "notice": view,
    }
    marker = message.marker(_fingerprint(notice, uid))
    body = Body(
        language=language,
        subject=header_text(render(env, f"{FOLDER}/subject.txt", context)),
        text=render(env, f"{FOLDER}/body.txt", context).rstrip() + "\n",
        html=inline(render(env, f"{FOLDER}/body.html", context), f"{FOLDER}/body.html"),
        marker=marker,
        stories=1,
    )
    checks.check_form(body, FOLDER)
    return body


def office(settings: Settings) -> views.OrganisationView:
    """The office with an accent that can be read, whatever its settings say."""
    ours = views.organisation(settings)
    if colours.readable(ours.accent):
        return ours
    accent = Organisation().accent
    return replace(ours, accent=accent, accent_dark=colours.lightened(accent))


def _fingerprint(notice: Notice, uid: str) -> str:
    """A hash of what people wrote: a marker made from it can't stand in any of it."""
    parts = {one.name: getattr(notice, one.name) for one in fields(Notice)}
    parts |= {"figures": dict(notice.figures), "uid": uid}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class _Writer:
    """Puts one notice into one language."""

    def __init__(
        self, notice: Notice, language: str, words: NullTranslations, zone: ZoneInfo
    ) -> None:
        self.notice, self.words = notice, words
        self._locale, self._zone = languages.locale(language), zone

    def view(self) -> NoticeView:
        notice, gettext = self.notice, self.words.gettext
        figures = ((gettext(word), self._number(n)) for word, n in notice.figures.items())
        return NoticeView(
            kind=notice.kind.value,
            lead=self._lead(),
            name=header_text(notice.name),
            said=self._said(),
            reason=header_text(notice.reason),
            edition=notice.edition,
            tally=self._tally(),
            facts=tuple(self._facts()),
            stories=tuple(header_text(title) for title in notice.stories),
            figures=tuple(
                (header_text(word[:1].upper() + word[1:]), number) for word, number in figures
            ),
            steps=tuple(StepView(gettext(what), command) for what, command in commands(notice)),
        )

    def _number(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def _moment(self, moment: datetime, pattern: str) -> str:
        return str(format_datetime(moment, self.words.gettext(pattern), locale=self._locale))

    def _lead(self) -> str:
        plain, timed = LEADS[self.notice.kind]
        if timed and self.notice.send_at is not None:
            moment = self._moment(self.notice.send_at.astimezone(self._zone), DAY_AND_TIME)
            return self.words.gettext(timed) % {"moment": moment}
        return self.words.gettext(plain)

    def _counted(self) -> tuple[int, int]:
        """How many got it, and how many were to."""
        figures = self.notice.figures
        return figures.get("sent", 0), self.notice.readers or sum(figures.values())

    def _tally(self) -> str:
        sent, total = self._counted()
        if "sent" not in self.notice.figures or not total:
            return ""
        if sent == total:
            return self._number(sent)
        counts = {"sent": self._number(sent), "total": self._number(total)}
        return self.words.gettext("%(sent)s of %(total)s") % counts

    def _said(self) -> str:
        notice, gettext, ngettext = self.notice, self.words.gettext, self.words.ngettext
        if notice.kind is NoticeKind.APPROVED and notice.send_at is not None:
            return gettext("It has been approved, and will be sent at the time below.")
        if notice.kind is NoticeKind.SENT and self._tally():
            sent, total = self._counted()
            counts = {"sent": self._number(sent), "total": self._number(total)}
            if sent == total:
                said = ngettext(
                    "It has been sent to %(total)s reader.",
                    "It has been sent to all %(total)s readers.",
                    total,
                )
            else:
                said = ngettext(
                    "It has been sent to %(sent)s of %(total)s reader.",
                    "It has been sent to %(sent)s of %(total)s readers.",
                    total,
                )
            return said % counts
        return gettext(SAID[notice.kind])

    def _facts(self) -> Iterator[FactView]:
        """Those that are known, in the order in which staff need them."""
        notice = self.notice
        asks = any("--hash" in command for _, command in commands(notice))
        known: dict[str, tuple[str, ...]] = {
            "Why": (notice.reason,),
            "Scheduled for": self._when(),
            "Subject": (notice.subject,),
            "Readers": (self._readers(),),
            "By": (notice.actor,),
            "Comment": (notice.comment,),
            "Hash": ("" if asks else notice.content_hash[:HASH_LENGTH],),
        }
        for label in LABELS:
            lines = tuple(said for line in known[label] if (said := header_text(line)))
            if lines:
                yield FactView(self.words.gettext(label), lines)

    def _readers(self) -> str:
        """How many, where no figures say more."""
        known = self.notice.readers and not self.notice.figures
        return self._number(self.notice.readers) if known else ""

    def _when(self) -> tuple[str, ...]:
        """In the office's zone, and in UTC where that is another."""
        if self.notice.send_at is None:
            return ()
        here, utc = self.notice.send_at.astimezone(self._zone), self.notice.send_at.astimezone(UTC)
        said = self._moment(here, FULL_MOMENT)
        if here.tzname() == "UTC":
            return (said,)
        return said, f"{self._moment(utc, DAY_AND_TIME)} UTC"
