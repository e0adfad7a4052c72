"""The result of composing, and the Protocol of a renderer. The calling command or worker passes a
renderer to verbs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailer.model.editions import EditionBody, Manuscript
from mailer.model.senders import SenderIdentity


@dataclass(frozen=True, slots=True)
class Composition:
    """The frozen bodies of an edition, one for each language. `order` has the stories in the order
    of their bits; the first has bit 0. An approval is bound to `content_hash`. `embargo_until` is
    the end of the embargo that the bodies state. `sender` is the identity that sends them; None is
    the default sender as it is when they are sent."""

    bodies: tuple[EditionBody, ...]
    order: tuple[str, ...]
    content_hash: str
    warnings: tuple[str, ...]
    embargo_until: datetime | None = None
    sender: SenderIdentity | None = None


class Renderer(Protocol):
    """Turns the records of an edition into mails."""

    def describe_sender(self, sender: str) -> str:
        """Return the parts of every mail that come from the settings, with the sender of this name,
        or the default one for an empty name. The hash of an approval covers them. Returns an empty
        string if there is no such sender."""

    def compose_edition(self, manuscript: Manuscript) -> Composition:
        """Compose an edition in every language it needs. Raises ComposeError."""


class TextChecker(Protocol):
    """Checks a text that staff write before there is an edition to compose."""

    def check_staff_text(self, text: str, field: str) -> None:
        """Check a `subject`, `preheader` or `opening`. Raises InputError for a variable that does
        not exist, a broken one, or Markdown that mails can't show."""
