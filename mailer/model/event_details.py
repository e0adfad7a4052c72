"""The record of an event's own fields: when and where it takes place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class EventDetails:
    """When and where an event takes place.

    `starts` and `ends` are what clocks in `zone` show at the place: a day such as ``2026-12-18`` if
    the event takes whole days, otherwise a day and a time, ``2026-12-18T15:30``. `ends` is empty if
    it is not known; a day that ends an event belongs to it."""

    starts: str
    zone: str
    ends: str = ""
    place: str = ""

    @property
    def is_whole_day(self) -> bool:
        return "T" not in self.starts

    @property
    def start(self) -> datetime:
        """The beginning, aware, in the event's zone."""
        return self._read_clock(self.starts)

    @property
    def end(self) -> datetime | None:
        """The end, aware, in the event's zone: for whole days the beginning of the next day."""
        if not self.ends:
            return self.start + timedelta(days=1) if self.is_whole_day else None
        return self._read_clock(self.ends) + timedelta(days=self.is_whole_day)

    @property
    def last_day(self) -> datetime:
        """A moment on the event's last day."""
        return self._read_clock(self.ends or self.starts)

    def _read_clock(self, wall: str) -> datetime:
        return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(self.zone))
