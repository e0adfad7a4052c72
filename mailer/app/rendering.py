"""The real renderers: the settings and the templates of an office."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from mailer.audience.signup.service_mails import ServiceMail
    from mailer.config import Settings
    from mailer.model.articles import Content
    from mailer.model.deliveries import EditionReader
    from mailer.model.editions import Edition, EditionBody, Manuscript
    from mailer.model.lists import MailingList
    from mailer.model.rendering import Composition
    from mailer.model.transaction import Transaction
    from mailer.notices import EditionMail, Notice


class SettingsRenderer:
    """Composes editions with an office's settings; implements ``model.rendering.Renderer`` and
    ``TextChecker``, ``audience.signup.service_mails.ServiceMailComposer``,
    ``list_closing.ClosingStoryWriter`` and
    ``notices.test_mails.ReaderMailRenderer``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def describe_sender(self, sender: str) -> str:
        """Return the parts of every mail that come from the settings, with the sender of this
        name."""
        return self._settings.describe_sender(sender)

    @property
    def sender_details(self) -> str:
        """The parts of every service mail that come from the settings."""
        from mailer.message.senders import SERVICE_SENDER

        name = SERVICE_SENDER if SERVICE_SENDER in self._settings.senders else ""
        return self._settings.describe_sender(name)

    def compose_edition(self, manuscript: Manuscript) -> Composition:
        """Compose an edition in every language it needs. Raises ComposeError."""
        from mailer.intake.markup import to_html
        from mailer.render import compose_edition

        return compose_edition(manuscript, self._settings, to_html)

    def check_staff_text(self, text: str, field: str) -> None:
        """Check a subject, a preheader or an opening. Raises InputError."""
        from mailer.intake.markdown_checks import read_markdown
        from mailer.render.staff_texts import check_staff_text, mask_fields

        check_staff_text(text, field, self._settings.template_path)
        if field == "opening":
            read_markdown(mask_fields(text), field)

    def compose_service_mail(self, service_mail: ServiceMail) -> EditionBody:
        """Compose a mail about a sign-up. Raises ComposeError."""
        from mailer.render import compose_service_mail

        return compose_service_mail(service_mail, self._settings)

    def fill_send_day(self, body: EditionBody, edition: Edition) -> EditionBody:
        """Return a frozen body with the day on which its edition was sent."""
        from mailer.message.send_day import fill_send_day

        day = edition.planned_at
        return fill_send_day(body, edition.get_send_day(day)) if day else body

    def mark_test_mail(
        self, body: EditionBody, edition: Edition, reader: EditionReader
    ) -> EditionBody:
        """Mark a mail as a test mail for a reader. Raises ComposeError."""
        from mailer.render import mark_test_mail

        return mark_test_mail(body, edition, reader, self._settings)

    def write_closing_story(
        self, mailing_list: MailingList, reasons: Mapping[str, str], slug: str, now: datetime
    ) -> Sequence[Content]:
        """Return the story of a list's last mail, in the language of each reason. Raises
        ComposeError."""
        from mailer.intake.markup import to_html
        from mailer.model.articles import ArticleKind, Content
        from mailer.render import write_closing_text

        contents = []
        for language, reason in reasons.items():
            title, summary, text = write_closing_text(
                mailing_list, reason, language, self._settings
            )
            contents.append(
                Content(
                    slug=slug,
                    language=language,
                    kind=ArticleKind.NEWS,
                    title=title,
                    published=now,
                    body=text,
                    html=to_html(text),
                    summary=summary,
                )
            )
        return contents


class SettingsNoticeComposer:
    """Composes notices with an office's settings; implements ``notices.NoticeComposer``."""

    def __init__(
        self,
        settings: Settings,
        tx: Transaction,
        build_mails: Callable[[Edition], tuple[EditionMail, ...]],
    ) -> None:
        self._settings = settings
        self._tx = tx
        self._build_mails = build_mails

    def compose_notice(self, notice: Notice, uid: str) -> EditionBody:
        """Compose a notice. Raises ComposeError."""
        from mailer.render import compose_notice

        return compose_notice(notice, uid, self._settings)

    def build_mails(self, edition: Edition) -> tuple[EditionMail, ...]:
        """Return the mails of a composed edition, the one in its own language first."""
        return self._build_mails(edition)

    def list_findings(self, edition: Edition) -> tuple[str, ...]:
        """Return what composing the edition finds, or why it can't be composed."""
        return list_findings(self._tx, edition, SettingsRenderer(self._settings))


def list_findings(tx: Transaction, edition: Edition, renderer: SettingsRenderer) -> tuple[str, ...]:
    """Return what composing an unapproved edition finds, or why it can't be composed."""
    from mailer import editions
    from mailer.errors import ComposeError

    try:
        return editions.find_warnings(tx, edition, renderer)
    except ComposeError as error:
        return (str(error),)
