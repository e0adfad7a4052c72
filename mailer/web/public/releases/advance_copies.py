"""Advance copies: the private pages of a release that is still embargoed, one for each trusted
contact.

Each request checks again that the contact is still trusted, and records the visit before it is
answered.
"""

from collections.abc import Collection
from typing import Any

from fastapi import HTTPException, Request, Response

from mailer import editions
from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.audience.subscribers import find_membership
from mailer.editions import may_send_embargoed
from mailer.errors import TokenError
from mailer.model.contacts import Trust
from mailer.model.edition_states import EMBARGO_STATING_ROLES, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo, EmbargoEvent, EmbargoEventType
from mailer.model.releases import ReleasePage
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.render.releases import build_embargo_view
from mailer.store import SqlTransaction
from mailer.web.public.public_site import get_site
from mailer.web.public.releases.rendering import (
    build_file_response,
    build_kit_response,
    build_release_context,
    choose_translation,
    load_mail_gettext,
)

MAX_AGENT_LENGTH = 200
"""Maximum length of a browser's name in the embargo's log, in characters."""

_PRIVATE_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
"""Headers of a private page, which caches must not store and search engines must not list."""


def show_advance_copy(request: Request, token: str) -> Response:
    """Show the advance copy as a page."""
    site = get_site(request)
    reader = _AdvanceReader(request, token, "the page")
    if reader.release is None or reader.edition is None:
        return reader.refuse_request()
    page = choose_translation(request, reader.release)
    return site.render_page(
        request,
        "release.html",
        headers=_PRIVATE_HEADERS,
        **build_release_context(request, reader.release, page, f"/e/{token}"),
        json_ld="",
        canonical="",
        embargo=reader.get_embargo_view(site.choose_language(request)),
    )


def download_kit(request: Request, token: str) -> Response:
    reader = _AdvanceReader(request, token, "the kit")
    if reader.release is None:
        return reader.refuse_request()
    with get_site(request).mailer.store.read() as tx:
        return build_kit_response(request, tx, reader.release, _PRIVATE_HEADERS)


def download_file(request: Request, token: str, digest: str, name: str) -> Response:
    site = get_site(request)
    if not name.isprintable():
        return site.refuse_link(request)
    reader = _AdvanceReader(request, token, f"the file {name}"[:100])
    if reader.release is None:
        return reader.refuse_request()
    with site.mailer.store.read() as tx:
        return build_file_response(tx, reader.release, digest, name, _PRIVATE_HEADERS)


class _AdvanceReader:
    """The contact whose link asks for an advance copy.

    `release` and `edition` are None if the contact may not have it, because the link is invalid,
    they have left the list or are no longer trusted, or the edition was stopped."""

    def __init__(self, request: Request, token: str, request_description: str) -> None:
        self.release: ReleasePage | None = None
        self.edition: Edition | None = None
        self._was_withdrawn = False
        self._request = request
        self._site = get_site(request)
        mailer = self._site.mailer
        try:
            link = links.verify_member_link(mailer.store.key, LinkPurpose.ADVANCE, token)
        except TokenError:
            self._site.log.warning("refused", route="/e/{token}", why="the link is invalid")
            return
        agent = request.headers.get("user-agent", "")
        agent = "".join(character for character in agent if character.isprintable())
        agent = agent[:MAX_AGENT_LENGTH].strip()
        description = f"{request_description}, with {agent or 'no name of a browser'}"
        with mailer.store.begin() as tx:
            self._load_release(tx, link, description)

    def _load_release(self, tx: SqlTransaction, link: MemberLink, request_description: str) -> None:
        edition = tx.editions.find_edition(link.edition_id)
        subscriber = tx.subscribers.find_subscriber_by_id(link.subscriber_id)
        if edition is None or subscriber is None or edition.role not in EMBARGO_STATING_ROLES:
            return
        now = self._site.mailer.clock()
        active_embargoes = editions.find_embargoed_stories(tx, edition, now)
        # The link of an earlier version shows the newest version, in which corrections are marked.
        release_editions = tx.editions.list_release_editions(edition.stories[0], edition.list)
        visible_editions = [
            release_edition
            for release_edition in release_editions
            if release_edition.planned_at
            and release_edition.state not in _STOPPED_STATES
            and release_edition.role is not EditionRole.KILL
        ]
        edition = visible_editions[-1] if visible_editions else edition
        release = tx.releases.find_page_of_edition(edition.id)
        refusal_reason = _explain_refusal(tx, edition, subscriber, active_embargoes.values())
        self._was_withdrawn = refusal_reason == _WITHDRAWN_REASON
        if release is not None and not refusal_reason:
            self.edition, self.release = edition, release
        for slug in edition.stories:
            event_type, detail = (
                (EmbargoEventType.REFUSED, f"{request_description}: {refusal_reason}")
                if refusal_reason
                else (EmbargoEventType.VIEWED, request_description)
            )
            tx.embargoes.record_event(
                EmbargoEvent(slug, now, event_type, subscriber.address, detail)
            )

    def refuse_request(self) -> Response:
        """Answer a contact who may not have the copy. Raises HTTPException 410 if the release was
        withdrawn, which contacts may know."""
        if self._was_withdrawn:
            raise HTTPException(410)
        return self._site.refuse_link(self._request)

    def get_embargo_view(self, language: str) -> Any:
        """Return the end of the embargo in the form for the page, or None if the embargo has
        ended."""
        assert self.edition is not None
        with self._site.mailer.store.read() as tx:
            embargo = tx.embargoes.find_embargo(self.edition.stories[0])
        if embargo is None or not embargo.is_active(self._site.mailer.clock()):
            return None
        translate = load_mail_gettext(self._request, language)
        places = self._site.settings.press.times
        return build_embargo_view(
            embargo.terms, places, language, {place: translate(place) for place in places}
        )


_STOPPED_STATES = (EditionState.CANCELLED,)
_WITHDRAWN_REASON = "the release was withdrawn"


def _explain_refusal(
    tx: SqlTransaction,
    edition: Edition,
    subscriber: Subscriber,
    active_embargoes: Collection[Embargo],
) -> str:
    """Return why a subscriber may not see an advance copy, or "" if they may."""
    membership = find_membership(tx, subscriber, edition.list)
    if membership is None or membership.state is not MembershipState.ACTIVE:
        return "the contact has left the list"
    if not tx.editions.find_queued_slugs(edition.stories):
        return _WITHDRAWN_REASON
    contact = tx.subscribers.find_contact(subscriber)
    if active_embargoes and (contact is None or contact.profile.trust is not Trust.TRUSTED):
        return "the contact is not trusted with embargoes"
    if active_embargoes and not may_send_embargoed(edition, active_embargoes):
        return "the embargo was moved after the mail"
    if edition.state in _STOPPED_STATES:
        return "the edition was cancelled"
    if edition.planned_at is None:
        return "the edition has not begun"
    return ""
