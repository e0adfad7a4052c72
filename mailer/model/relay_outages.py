"""The record of a relay that accepts no mail."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RelayRest:
    """A relay that rests during a run because it failed. `reason` is its error in words. It is
    tried again in `seconds`, which is None if a person has to fix the error first."""

    reason: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class RelayOutage:
    """A relay (its name in the settings) that has accepted nothing since a moment. `reason` is its
    latest error in words, without addresses. `retry_at` is when it is tried again, as far as this
    is known."""

    relay: str
    since: datetime
    reason: str
    retry_at: datetime | None = None

    def describe_outage(self, now: datetime) -> str:
        """Describe the outage in words; times are in UTC."""
        is_today = self.since.date() == now.date()
        since_text = f"{self.since:{'%H:%M' if is_today else '%a %d %b %H:%M'}} UTC"
        retry_text = "tried again when mail is next due"
        if self.retry_at and self.retry_at > now:
            retry_text = f"tried again at {self.retry_at:%H:%M} UTC"
        problem = f"has accepted nothing since {since_text}: {self.reason}"
        return f"relay {self.relay} {problem}; {retry_text}"
