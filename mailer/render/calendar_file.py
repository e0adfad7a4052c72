"""Build the iCalendar file (RFC 5545) by which readers add an event to their calendar."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from icalendar import Calendar, Event

from mailer.model.event_details import EventDetails


def build_calendar_file(
    details: EventDetails,
    *,
    slug: str,
    title: str,
    summary: str,
    address: str,
    changed_at: datetime,
) -> bytes:
    """Return a calendar with one event. `address` is the web address of its story, and `changed_at`
    when the story last changed.

    The event's UID follows from its story and the site, so that a calendar that gets the file again
    moves the event and does not repeat it (§3.8.4.7). Times are in UTC, which needs no definition
    of a zone."""
    event = Event()
    event.add("uid", f"{slug}@{urlsplit(address).hostname}")
    event.add("dtstamp", changed_at.astimezone(UTC))
    event.add("summary", title)
    if details.is_whole_day:
        event.add("dtstart", details.start.date())
    else:
        event.add("dtstart", details.start.astimezone(UTC))
    if end := details.end:
        event.add("dtend", end.date() if details.is_whole_day else end.astimezone(UTC))
    if details.place:
        event.add("location", details.place)
    event.add("description", f"{summary}\n\n{address}".strip())
    event.add("url", address)
    calendar = Calendar()
    calendar.add("prodid", "-//mailer//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return bytes(calendar.to_ical())
