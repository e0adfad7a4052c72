"""Advance copies: the pages of a release that is still embargoed, one for each trusted contact.

Each request checks again whether the contact may see the copy, and the visit is recorded and
committed before the answer (``mailer/releases/advance_copies.py``).
"""

from typing import Any

from fastapi import HTTPException, Request, Response

from mailer import releases
from mailer.actor import SUBSCRIBER
from mailer.audience import links
from mailer.audience.links import LinkPurpose
from mailer.errors import TokenError
from mailer.model.editions import Edition
from mailer.releases import AdvanceCopy, AdvanceRefusal
from mailer.render.releases import build_embargo_view
from mailer.web.public.public_site import get_site
from mailer.web.public.releases.rendering import (
    build_file_response,
    build_kit_response,
    build_release_context,
    build_text_headers,
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
    copy = _open_copy(request, token, "the page")
    if copy.release is None or copy.edition is None:
        return _refuse_request(request, copy)
    page = choose_translation(request, copy.release)
    return site.render_page(
        request,
        "release.html",
        headers=build_text_headers(request, page) | _PRIVATE_HEADERS,
        **build_release_context(request, copy.release, page, f"/e/{token}"),
        json_ld="",
        canonical="",
        embargo=_build_active_embargo(request, copy.edition),
    )


def download_kit(request: Request, token: str) -> Response:
    copy = _open_copy(request, token, "the kit")
    if copy.release is None:
        return _refuse_request(request, copy)
    with get_site(request).mailer.store.read() as tx:
        return build_kit_response(request, tx, copy.release, _PRIVATE_HEADERS)


def download_file(request: Request, token: str, digest: str, name: str) -> Response:
    site = get_site(request)
    if not name.isprintable():
        return site.refuse_link(request)
    copy = _open_copy(request, token, f"the file {name}"[:100])
    if copy.release is None:
        return _refuse_request(request, copy)
    with site.mailer.store.read() as tx:
        return build_file_response(tx, copy.release, digest, name, _PRIVATE_HEADERS)


def _open_copy(request: Request, token: str, part: str) -> AdvanceCopy:
    """Open the advance copy that a link names. `part` is the requested part of the copy."""
    site = get_site(request)
    try:
        link = site.mailer.link_keys.read_link(
            lambda keys: links.verify_member_link(keys, LinkPurpose.ADVANCE, token)
        )
    except TokenError:
        site.log.warning("refused", route="/e/{token}", why="the link is invalid")
        return AdvanceCopy(refusal=AdvanceRefusal.INVALID_LINK)
    description = f"{part}, with {_read_agent(request) or 'no name of a browser'}"
    with site.mailer.store.begin() as tx:
        return releases.open_advance_copy(tx, SUBSCRIBER, link, description, site.mailer.clock())


def _read_agent(request: Request) -> str:
    agent = request.headers.get("user-agent", "")
    agent = "".join(character for character in agent if character.isprintable())
    return agent[:MAX_AGENT_LENGTH].strip()


def _refuse_request(request: Request, copy: AdvanceCopy) -> Response:
    """Answer a contact who may not have the copy. Raises HTTPException 410 if the release was
    withdrawn, since the contact may know that."""
    if copy.refusal is AdvanceRefusal.WITHDRAWN:
        raise HTTPException(410)
    return get_site(request).refuse_link(request)


def _build_active_embargo(request: Request, edition: Edition) -> Any:
    """Return the end of the embargo as the page shows it, or None if the embargo has ended."""
    site = get_site(request)
    with site.mailer.store.read() as tx:
        embargo = tx.embargoes.find_embargo(edition.stories[0])
    if embargo is None or not embargo.is_active(site.mailer.clock()):
        return None
    language = site.choose_language(request)
    translate = load_mail_gettext(request, language)
    places = site.settings.press.times
    return build_embargo_view(
        embargo.terms, places, language, {place: translate(place) for place in places}
    )
