"""Taking a release back for good: one person asks for it, another confirms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Kill:
    """Who wants a story killed and why, as recipients read it, by language; and who has confirmed
    that."""

    slug: str
    why: Mapping[str, str]
    asked_by: str
    asked_at: datetime
    confirmed_by: str = ""
    confirmed_at: datetime | None = None

    @property
    def reason(self) -> str:
        """Why, in a few words for staff: as it was said first."""
        return next(iter(self.why.values()), "")


class KillStore(Protocol):
    def find_kill(self, slug: str) -> Kill | None: ...
    def save_kill(self, kill: Kill) -> None: ...
    def remove_kill(self, kill: Kill) -> None: ...
