"""The result of composing, and the Protocol of a renderer. The calling command or worker passes a
renderer to verbs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.model.editions import EditionBody, Manuscript


@dataclass(frozen=True, slots=True)
class Composition:
    """The frozen bodies of an edition, one for each language. `order` has the stories in the order
    of their bits; the first has bit 0. An approval is bound to `content_hash`. `embargo_until` is
    the end of the embargo that the bodies state."""

    bodies: tuple[EditionBody, ...]
    order: tuple[str, ...]
    content_hash: str
    warnings: tuple[str, ...]
    embargo_until: datetime | None = None


class Renderer(Protocol):
    """Turns the records of an edition into mails."""

    @property
    def sender_details(self) -> str:
        """The parts of every mail that come from the settings. The hash of an approval covers
        them."""

    def compose_edition(self, manuscript: Manuscript) -> Composition:
        """Compose an edition in every language it needs. Raises ComposeError."""
