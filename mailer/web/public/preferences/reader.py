"""The subscriber whose preferences a link opens, and rendering a page for them."""

from datetime import datetime
from typing import Any

from fastapi import Request, Response

from mailer import addresses
from mailer.audience import links
from mailer.audience.links import LinkPurpose
from mailer.audience.own_preferences import select_visible_lists
from mailer.errors import TokenError
from mailer.model.lists import MailingList
from mailer.model.subscribers import Membership, MembershipState, Subscriber
from mailer.store import SqlTransaction
from mailer.web.public.public_site import get_site

PREFERENCES_SOURCE = "preferences page"
"""The source that entries in the log of consent name."""


class PreferencesReader:
    """A subscriber and their memberships, as read in the current transaction. `edition_id` is the
    edition whose link they opened, or 0."""

    def __init__(self, tx: SqlTransaction, subscriber: Subscriber, edition_id: int = 0) -> None:
        self.subscriber = subscriber
        self.edition_id = edition_id
        self.all_lists = tx.lists.list_mailing_lists()
        self.memberships = {
            membership.list: membership
            for membership in tx.subscribers.list_memberships(subscriber)
        }

    def find_active_membership(self, mailing_list: MailingList) -> Membership | None:
        membership = self.memberships.get(mailing_list.slug)
        return membership if membership and membership.state is MembershipState.ACTIVE else None

    @property
    def active_lists(self) -> list[MailingList]:
        """The lists whose mails the reader gets."""
        return [
            mailing_list
            for mailing_list in self.all_lists
            if self.find_active_membership(mailing_list)
        ]

    @property
    def visible_lists(self) -> list[MailingList]:
        """The lists that the reader is on, and the lists that anyone may join."""
        return select_visible_lists(self.all_lists, self.memberships)

    def find_pause_end(self, now: datetime) -> datetime | None:
        """Return the end of the reader's longest pause, or None if no list is paused."""
        pause_ends = [
            membership.paused_until
            for membership in self.memberships.values()
            if membership.state is MembershipState.ACTIVE
            and membership.paused_until
            and membership.paused_until > now
        ]
        return max(pause_ends, default=None)

    @property
    def language(self) -> str:
        list_tags = [
            membership.language
            for mailing_list in self.active_lists
            if (membership := self.find_active_membership(mailing_list))
        ]
        return next((tag for tag in list_tags if tag), self.subscriber.person.language)


def find_reader(request: Request, tx: SqlTransaction, token: str) -> PreferencesReader | None:
    """Return the reader that the link names, or None if the link is invalid or the reader was
    erased."""
    try:
        link = get_site(request).mailer.link_keys.read_link(
            lambda keys: links.verify_member_link(keys, LinkPurpose.PREFERENCES, token)
        )
    except TokenError:
        return None
    subscriber = tx.subscribers.find_subscriber_by_id(link.subscriber_id)
    return PreferencesReader(tx, subscriber, link.edition_id) if subscriber else None


def show_reader_page(request: Request, token: str, template: str, **context: Any) -> Response:
    """Answer a GET request for one of the pages, in a separate transaction."""
    site = get_site(request)
    with site.mailer.store.read() as tx:
        reader = find_reader(request, tx, token)
    if reader is None:
        return site.refuse_link(request)
    return render_reader_page(request, token, reader, template, **context)


def render_reader_page(
    request: Request, token: str, reader: PreferencesReader, template: str, **context: Any
) -> Response:
    site = get_site(request)
    reader_context: dict[str, Any] = {
        "token": token,
        "address": addresses.format_isolated_address(reader.subscriber.address),
        "outcome": "",
        "problem": "",
        "paused_until": reader.find_pause_end(site.mailer.clock()),
        "is_member": bool(reader.active_lists),
    }
    return site.render_page(request, template, language=reader.language, **reader_context | context)
