"""The records of the keys that sign links. No record holds a key itself."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of links: derived from the secret key and `salt`, or the secret key itself if there is
    no salt. The key without `expires_at` signs; the other keys verify links until their
    `expires_at`."""

    id: int
    salt: bytes
    created_at: datetime
    actor: str
    expires_at: datetime | None

    @property
    def signs(self) -> bool:
        return self.expires_at is None

    def is_valid(self, now: datetime) -> bool:
        """Check whether links that this key signed still work."""
        return self.expires_at is None or now < self.expires_at
