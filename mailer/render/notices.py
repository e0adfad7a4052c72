"""Compose a notice: the frozen body of a mail to staff, in the office's language.

A mail that reports a fault must not fail for the same reason. So a notice needs no postal address,
the default accent colour replaces one that is too pale, and the shipped templates replace the
office's own templates if those are broken.

The templates in ``email/notice/`` see ``organisation``, the parts of ``edition`` that the layout
needs (name, language, dir), an empty ``stories``, and ``notice``: a :class:`NoticeView`.
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
from mailer.errors import ComposeError
from mailer.message import clean_header_text
from mailer.model.editions import EditionBody
from mailer.notices import HASH_LENGTH, Notice, NoticeKind, suggest_commands
from mailer.render import checks, colours, translations, views
from mailer.render.edition_fragments import extract_fragment
from mailer.render.environment import get_environment, render_template
from mailer.render.inline import inline_css

FOLDER = "email/notice"

TEMPLATE_FAULTS = (ComposeError, ValueError, TypeError, LookupError)
"""Errors that the office's own templates and translations can raise (the placeholders of a .po file
are filled in here). A bug in our code raises again on the second try, which uses the shipped
templates."""

DAY_AND_TIME = "EEE d MMM HH:mm"
FULL_MOMENT = "EEEE d MMMM y, HH:mm (zzzz)"
"""A date pattern of Unicode CLDR; the .po files have the patterns of other languages."""

LEADS: dict[NoticeKind, tuple[str, str]] = {
    NoticeKind.REVIEW: ("Approve", "Approve by %(moment)s"),
    NoticeKind.REMINDER: ("Still to approve", "Still to approve by %(moment)s"),
    NoticeKind.VOID: ("Approve again", "Approve again by %(moment)s"),
    NoticeKind.APPROVED: ("Approved", "Approved for %(moment)s"),
    NoticeKind.LATE: ("Not approved in time", ""),
    NoticeKind.SENT: ("Sent", ""),
    NoticeKind.SKIPPED: ("Skipped", ""),
    NoticeKind.ON_HOLD: ("Held", ""),
    NoticeKind.PAUSED: ("Paused", ""),
    NoticeKind.EXPIRED: ("Never approved", ""),
    NoticeKind.CANCELLED: ("Cancelled", ""),
    NoticeKind.SENT_BACK: ("Sent back", ""),
    NoticeKind.KILL: ("Confirm a kill", ""),
}
"""The beginnings of subjects: (without a time, with a time). These are the English texts; the .po
files have the translations."""

SENTENCES: dict[NoticeKind, str] = {
    NoticeKind.REVIEW: "It will not be sent until it has been reviewed and approved.",
    NoticeKind.REMINDER: "It has not been approved yet. Without approval it will not be sent.",
    NoticeKind.VOID: "It has changed since it was approved, so that approval no longer counts. "
    "Please look at it again.",
    NoticeKind.APPROVED: "It has been approved.",
    NoticeKind.LATE: "It was not approved in time, so it was not sent. It is a draft again.",
    NoticeKind.SENT: "It has been sent.",
    NoticeKind.SKIPPED: "Nothing is sent this time.",
    NoticeKind.ON_HOLD: "It is held, and will not be sent until a person decides.",
    NoticeKind.PAUSED: "Sending is paused. The remaining mails wait until sending is resumed.",
    NoticeKind.EXPIRED: "It was not approved before the digest’s next edition, so it will not be "
    "sent.",
    NoticeKind.CANCELLED: "It has been cancelled permanently.",
    NoticeKind.SENT_BACK: "An approver has sent it back. It will not be sent until it has been "
    "changed and approved.",
    NoticeKind.KILL: "A member of staff wants this release to be killed: withdrawn permanently, "
    "with a mail to everyone who has it. A second person has to confirm it. Until then, none of "
    "its mails goes out.",
}

LABELS = (
    "Why",
    "Findings",
    "Scheduled for",
    "Subject",
    "Readers",
    "Left out",
    "By",
    "Comment",
    "Hash",
)

BUTTONS: dict[NoticeKind, str] = {NoticeKind.KILL: "Look at it and confirm or refuse"}
DEFAULT_BUTTON = "Look at it and approve or send back"


@dataclass(frozen=True, slots=True)
class FrameView:
    """The parts of an edition that the layout needs."""

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
class MailView:
    """A mail of the edition. `place` is the word at whose place the mail is inserted."""

    language_name: str
    subject: str
    place: str


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice for its template, in the reader's language. Each value is one line.

    `lead` says in a few words what staff should do or what has happened; `sentence` says it in a
    sentence or two. `tally` is the number of readers who got the edition, such as "190 of 200", or
    empty. `figures` are labels and numbers. `link` is the recipient's own link to decide, with the
    words of its `button`; both are empty if the recipients may not decide."""

    kind: str
    lead: str
    name: str
    sentence: str
    reason: str
    edition: int
    tally: str
    facts: tuple[FactView, ...]
    stories: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    steps: tuple[StepView, ...]
    link: str
    button: str
    mails: tuple[MailView, ...]


def compose_notice(notice: Notice, uid: str, settings: Settings) -> EditionBody:
    """Compose the mail for a notice. The same notice, uid and settings give the same bytes.

    Raises ComposeError only if the shipped templates also fail."""
    try:
        return _compose_from_templates(notice, uid, settings, settings.template_path)
    except TEMPLATE_FAULTS:
        return _compose_from_templates(
            notice, uid, settings, (config.find_shipped_folder("templates"),)
        )


def _compose_from_templates(
    notice: Notice, uid: str, settings: Settings, template_path: tuple[Path, ...]
) -> EditionBody:
    language = (
        translations.choose_frame_language(settings.defaults.language, template_path)
        or translations.SOURCE
    )
    env = get_environment(language, template_path)
    catalogue = translations.load_translations(language, template_path)
    marker = message.create_marker(_hash_notice(notice, uid))
    view = _NoticeWriter(
        notice, language, catalogue, ZoneInfo(settings.defaults.time_zone), marker
    ).build_view()
    context: dict[str, Any] = {
        "organisation": build_readable_organisation_view(settings),
        "edition": FrameView(view.name, language, languages.get_direction(language)),
        "stories": (),
        "notice": view,
    }
    body = EditionBody(
        language=language,
        subject=clean_header_text(render_template(env, f"{FOLDER}/subject.txt", context)),
        text=render_template(env, f"{FOLDER}/body.txt", context).rstrip() + "\n",
        html=inline_css(
            render_template(env, f"{FOLDER}/body.html", context), f"{FOLDER}/body.html"
        ),
        marker=marker,
        stories=1,
    )
    body = _insert_mails(body, notice, view)
    checks.check_mail_structure(body, FOLDER)
    return body


def _insert_mails(body: EditionBody, notice: Notice, view: NoticeView) -> EditionBody:
    """Insert the mails of the edition into both parts. They are composed already, so neither the
    inliner nor the templates' limits may touch them."""
    text, html = body.text, body.html
    for mail, mail_view in zip(notice.mails, view.mails, strict=True):
        text = text.replace(mail_view.place, mail.text.strip())
        html = html.replace(f"<!--{mail_view.place}-->", extract_fragment(mail.html, mail.language))
    return replace(body, text=text, html=html)


def build_readable_organisation_view(settings: Settings) -> views.OrganisationView:
    """Return the view of the office, with the default accent if its own is unreadable."""
    organisation_view = views.build_organisation_view(settings)
    if colours.is_readable(organisation_view.accent):
        return organisation_view
    accent = Organisation().accent
    return replace(organisation_view, accent=accent, accent_dark=colours.find_lighter_tint(accent))


def _hash_notice(notice: Notice, uid: str) -> str:
    """Hash the text that people wrote. The marker made from the hash can't occur in that text."""
    parts = {field.name: getattr(notice, field.name) for field in fields(Notice)}
    parts |= {"figures": dict(notice.figures), "uid": uid}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class _NoticeWriter:
    """Writes one notice in one language."""

    def __init__(
        self,
        notice: Notice,
        language: str,
        catalogue: NullTranslations,
        zone: ZoneInfo,
        marker: str,
    ) -> None:
        self.notice, self.catalogue, self._marker = notice, catalogue, marker
        self._language, self._locale, self._zone = language, languages.get_locale(language), zone

    def build_view(self) -> NoticeView:
        notice, gettext = self.notice, self.catalogue.gettext
        figures = (
            (gettext(word), self._format_number(count)) for word, count in notice.figures.items()
        )
        return NoticeView(
            kind=notice.kind.value,
            lead=self._build_lead(),
            name=clean_header_text(notice.name),
            sentence=self._build_sentence(),
            reason=clean_header_text(notice.reason),
            edition=notice.number or notice.edition,
            tally=self._build_tally(),
            facts=tuple(self._build_facts()),
            stories=tuple(clean_header_text(title) for title in notice.stories),
            figures=tuple(
                (clean_header_text(word[:1].upper() + word[1:]), number) for word, number in figures
            ),
            steps=tuple(
                StepView(gettext(step_text), command)
                for step_text, command in suggest_commands(notice)
            ),
            link=self._build_link(),
            button=gettext(BUTTONS.get(notice.kind, DEFAULT_BUTTON)) if notice.link else "",
            mails=tuple(
                MailView(
                    languages.get_language_name(mail.language, in_language=self._language),
                    clean_header_text(mail.subject),
                    # No text of people can hold the marker; its halves must not stand alone.
                    f"mail-{self._marker[::-1]}-{position}",
                )
                for position, mail in enumerate(notice.mails)
            ),
        )

    def _build_link(self) -> str:
        link = self.notice.link
        return message.create_slot(self._marker, link.slot, link.fields) if link else ""

    def _format_number(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def _format_moment(self, moment: datetime, pattern: str) -> str:
        return str(format_datetime(moment, self.catalogue.gettext(pattern), locale=self._locale))

    def _build_lead(self) -> str:
        untimed_lead, timed_lead = LEADS[self.notice.kind]
        due_at = self.notice.deadline or self.notice.send_at
        if timed_lead and due_at is not None and not self.notice.is_due:
            moment = self._format_moment(due_at.astimezone(self._zone), DAY_AND_TIME)
            return self.catalogue.gettext(timed_lead) % {"moment": moment}
        return self.catalogue.gettext(untimed_lead)

    def _count_readers(self) -> tuple[int, int]:
        """Return (sent, total): the number of readers who got the edition, and the number of all
        its readers."""
        figures = self.notice.figures
        return figures.get("sent", 0), self.notice.readers or sum(figures.values())

    def _build_tally(self) -> str:
        sent, total = self._count_readers()
        if "sent" not in self.notice.figures or not total:
            return ""
        if sent == total:
            return self._format_number(sent)
        counts = {"sent": self._format_number(sent), "total": self._format_number(total)}
        return self.catalogue.gettext("%(sent)s of %(total)s") % counts

    def _build_sentence(self) -> str:
        notice, gettext, ngettext = self.notice, self.catalogue.gettext, self.catalogue.ngettext
        if notice.kind is NoticeKind.APPROVED and notice.send_at is not None:
            return gettext("It has been approved, and will be sent at the time below.")
        if notice.kind is NoticeKind.APPROVED and not notice.is_started:
            return gettext(
                "It has been approved. It has no send time: nothing is sent until a person sends "
                "it or gives it a time."
            )
        if notice.kind is NoticeKind.SENT and self._build_tally():
            sent, total = self._count_readers()
            counts = {"sent": self._format_number(sent), "total": self._format_number(total)}
            if sent == total:
                sentence = ngettext(
                    "It has been sent to %(total)s reader.",
                    "It has been sent to all %(total)s readers.",
                    total,
                )
            else:
                sentence = ngettext(
                    "It has been sent to %(sent)s of %(total)s reader.",
                    "It has been sent to %(sent)s of %(total)s readers.",
                    total,
                )
            return sentence % counts
        return gettext(SENTENCES[notice.kind])

    def _build_facts(self) -> Iterator[FactView]:
        """Yield the facts that the notice has, in the order in which staff need them."""
        notice = self.notice
        has_hash_command = any("--hash" in command for _, command in suggest_commands(notice))
        facts: dict[str, tuple[str, ...]] = {
            "Why": (notice.reason,),
            "Findings": notice.findings,
            "Scheduled for": self._format_send_time(),
            "Subject": (notice.subject,),
            "Readers": self._format_readers(),
            "Left out": self._format_exclusions(),
            "By": (notice.actor,),
            "Comment": (notice.comment,),
            "Hash": ("" if has_hash_command else notice.content_hash[:HASH_LENGTH],),
        }
        for label in LABELS:
            lines = tuple(
                fact_line for line in facts[label] if (fact_line := clean_header_text(line))
            )
            if lines:
                yield FactView(self.catalogue.gettext(label), lines)

    def _format_readers(self) -> tuple[str, ...]:
        """Return the number of readers, and those of each language. Return nothing if the notice
        has figures, which are more precise."""
        notice = self.notice
        if notice.figures or not (notice.audience or notice.readers):
            return ()
        if notice.audience is None:
            return (self._format_number(notice.readers),)
        by_language = (
            f"{languages.get_language_name(tag, in_language=self._language)}: "
            f"{self._format_number(count)}"
            for tag, count in notice.audience.readers.items()
        )
        return self._format_number(notice.audience.total), *by_language

    def _format_exclusions(self) -> tuple[str, ...]:
        """Return the number of members who are left out, by reason."""
        if self.notice.audience is None:
            return ()
        return tuple(
            f"{self.catalogue.gettext(reason.value)}: {self._format_number(count)}"
            for reason, count in self.notice.audience.excluded.items()
        )

    def _format_send_time(self) -> tuple[str, ...]:
        """Return the send time in the office's zone, and also in UTC if the zone is not UTC."""
        if self.notice.send_at is None:
            return ()
        local_time, utc_time = (
            self.notice.send_at.astimezone(self._zone),
            self.notice.send_at.astimezone(UTC),
        )
        local_text = self._format_moment(local_time, FULL_MOMENT)
        if local_time.tzname() == "UTC":
            return (local_text,)
        return local_text, f"{self._format_moment(utc_time, DAY_AND_TIME)} UTC"
