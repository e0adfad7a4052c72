"""The records of service mails in the outbox: the rolling edition that they share, and their
recipients."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailer.model.edition_states import EditionKind
from mailer.model.senders import SenderIdentity


@dataclass(frozen=True, slots=True)
class ServiceEditionKey:
    """The values that all service mails of a rolling edition share. Mails with another `seed`
    belong to another edition, so the seed contains everything that must be the same within an
    edition. `list` is a slug. `stories` are the slugs of the stories in the mails, so that the gate
    stops them if a story is killed; `story_order` gives all stories of the body their bits.
    `sender` sends them; None is the sender of the kind."""

    kind: EditionKind
    template: str
    list: str
    name: str
    seed: str
    stories: tuple[str, ...] = ()
    story_order: tuple[str, ...] = ()
    sender: SenderIdentity | None = None

    def derive_uid(self, sequence_number: int) -> str:
        """Return the uid of the edition with this number among the editions with this key."""
        return hashlib.sha256(f"{self.seed}\n{sequence_number}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient of a service mail. `reference` is the id in the mail's link (see
    ``message.Recipient``). `stories` are the bits of the recipient's stories; None means all.
    `fields` are the recipient's values of the office's own fields."""

    reference: int
    name: str = ""
    stories: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
