"""The real renderers: the settings and the templates of an office."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailer.audience.signup.service_mails import ServiceMail
    from mailer.config import Settings
    from mailer.model.deliveries import EditionReader
    from mailer.model.editions import Edition, EditionBody, Manuscript
    from mailer.model.rendering import Composition
    from mailer.notices import Notice


class SettingsRenderer:
    """Composes editions with an office's settings; implements ``model.rendering.Renderer``,
    ``audience.signup.service_mails.ServiceMailComposer`` and
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

    def compose_service_mail(self, service_mail: ServiceMail) -> EditionBody:
        """Compose a mail about a sign-up. Raises ComposeError."""
        from mailer.render import compose_service_mail

        return compose_service_mail(service_mail, self._settings)

    def mark_test_mail(
        self, body: EditionBody, edition: Edition, reader: EditionReader
    ) -> EditionBody:
        """Mark a mail as a test mail for a reader. Raises ComposeError."""
        from mailer.render import mark_test_mail

        return mark_test_mail(body, edition, reader, self._settings)


class SettingsNoticeComposer:
    """Composes notices with an office's settings; implements ``notices.NoticeComposer``."""

    def __init__(self, settings: Settings, preview_subject: Callable[[Edition], str]) -> None:
        self._settings = settings
        self._preview_subject = preview_subject

    def compose_notice(self, notice: Notice, uid: str) -> EditionBody:
        """Compose a notice. Raises ComposeError."""
        from mailer.render import compose_notice

        return compose_notice(notice, uid, self._settings)

    def preview_subject(self, edition: Edition) -> str:
        """Return the subject of an edition's mail for its first reader."""
        return self._preview_subject(edition)
