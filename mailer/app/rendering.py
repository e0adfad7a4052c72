"""The real renderer: the settings and the templates of an office."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailer.config import Settings
    from mailer.model.editions import Manuscript
    from mailer.model.rendering import Composition


class SettingsRenderer:
    """Composes editions with an office's settings; implements ``model.rendering.Renderer``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def sender_details(self) -> str:
        """The parts of every mail that come from the settings."""
        return self._settings.sender_details

    def compose_edition(self, manuscript: Manuscript) -> Composition:
        """Compose an edition in every language it needs. Raises ComposeError."""
        from mailer.intake.markup import to_html
        from mailer.render import compose_edition

        return compose_edition(manuscript, self._settings, to_html)
