"""The records of service mails in the outbox: the rolling edition that they share, and their
recipients."""

import hashlib
from dataclasses import dataclass

from mailer.model.edition_states import EditionKind


@dataclass(frozen=True, slots=True)
class ServiceEditionKey:
    """The values that all service mails of a rolling edition share. Mails with another `seed`
    belong to another edition, so the seed contains everything that must be the same within an
    edition. `list` is a slug."""

    kind: EditionKind
    template: str
    list: str
    name: str
    seed: str

    def derive_uid(self, sequence_number: int) -> str:
        """Return the uid of the edition with this number among the editions with this key."""
        return hashlib.sha256(f"{self.seed}\n{sequence_number}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient of a service mail. `reference` is the id in the mail's link (see
    ``message.Recipient``)."""

    reference: int
    name: str = ""
