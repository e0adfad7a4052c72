"""Clicks on links in mails, counted by story, edition and hour, and never by reader.

A link leads to a target only if the target stands in the frozen body of its edition. The
address that counts never redirects to another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer import embargoes, message
from mailer.actor import Actor
from mailer.audience.links import ClickLink
from mailer.editions import find_send_day
from mailer.model.clicks import ClickCount, CountedBody
from mailer.model.transaction import Transaction

SCANNING_TIME = timedelta(seconds=60)
"""Time from an edition's start within which clicks are those of scanners: mails arrive, and no
reader has read one."""


@dataclass(frozen=True, slots=True)
class ClickTarget:
    """The target of a counted link. `links` is the number of links in its body. `starts_at` is when
    the delivery of its edition began, or None if a click is not to be counted: before that, or if
    the list no longer counts clicks. `is_withdrawn` targets
    belong to a killed story, and must not be opened."""

    edition_id: int
    story: str
    number: int
    url: str
    links: int
    starts_at: datetime | None
    is_withdrawn: bool = False

    def is_scanned_at(self, moment: datetime) -> bool:
        """Check whether a click at this moment is too early for a reader."""
        return self.starts_at is not None and moment < self.starts_at + SCANNING_TIME


def find_target(tx: Transaction, link: ClickLink) -> ClickTarget | None:
    """Return the target of a link, or None if its edition has no such link, or while the link's
    story is embargoed."""
    counted = tx.clicks.find_counted_body(link.edition_id, link.language)
    if counted is None:
        return None
    links = message.list_counted_links(counted.body)
    counted_link = links.get(link.number)
    if counted_link is None:
        return None
    if counted_link.story in embargoes.find_embargoed(tx.embargoes, tx.embargoes.read_clock()):
        return None
    mailing_list = tx.editions.load_mailing_list(counted.edition)
    kill = tx.releases.find_kill(counted_link.story)
    return ClickTarget(
        edition_id=link.edition_id,
        story=counted_link.story,
        number=counted_link.number,
        url=_fill_send_day(tx, counted, counted_link.url),
        links=len(links),
        starts_at=counted.edition.planned_at if mailing_list.counts_clicks else None,
        is_withdrawn=kill is not None and kill.confirmed_at is not None,
    )


def _fill_send_day(tx: Transaction, counted: CountedBody, url: str) -> str:
    """Return a target with the day of sending, if a link tag prints it."""
    marker, edition = counted.body.marker, counted.edition
    if marker not in url:
        return url
    day = find_send_day(tx, edition, edition.planned_at or edition.created_at)
    return message.fill_day_slots(url, marker, day)


def count_clicks(tx: Transaction, actor: Actor, counts: Sequence[ClickCount]) -> None:
    """Add clicks to the counts. The counts name neither readers nor the actor."""
    tx.clicks.add_clicks(counts)
