"""Press pages: releases as anybody may read them, with the kit and the feeds; and each trusted
contact's own page of a release that is embargoed still.

A release that is embargoed is as if it weren't there: the same answer, made in the same way, as for
one that never was. Its page opens by itself (``mailer/releases/pages.py``). A contact's own page asks each
time whether they are still trusted, and each look at it is written down before it is answered.
"""

from collections.abc import Callable, Collection
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse

from mailer import editions, embargoes, languages, message
from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.audience.subscribers import find_membership
from mailer.editions import may_send_embargoed
from mailer.errors import InputError, NotFound, TokenError
from mailer.model.contacts import Trust
from mailer.model.edition_states import EMBARGO_STATING_ROLES, EditionRole, EditionState
from mailer.model.editions import Edition
from mailer.model.embargoes import Embargo, EmbargoEvent, EmbargoEventType
from mailer.model.press_release import AssetKind
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.model.subscribers import MembershipState, Subscriber
from mailer.releases import pages
from mailer.render import translations
from mailer.render.releases import build_embargo_view
from mailer.store import SqlTransaction
from mailer.web.public import feeds, stories
from mailer.web.public.archive import parse_page_number, respond_unless_cached
from mailer.web.public.releases import structured_data
from mailer.web.public.releases.media_kit import build_kit
from mailer.web.public.response_cache import ResponseCache
from mailer.web.public.site import LANGUAGES, PublicSite, list_accepted_languages

RELEASES_PER_PAGE = 20
MAX_AGENT_LENGTH = 200
"""Characters of what a browser calls itself that the log of an embargo keeps."""


def add_routes(site: PublicSite) -> None:
    settings = site.settings

    # ---- open pages -----------------------------------------------------------------------------

    def show_releases(request: Request) -> Response:
        number = parse_page_number(request.query_params.get("page", ""))
        with site.mailer.store.read() as tx:
            releases = tx.releases.list_newest_pages(
                site.mailer.clock(), RELEASES_PER_PAGE + 1, (number - 1) * RELEASES_PER_PAGE
            )
        return site.render_page(
            request, "press.html", number=number, older=len(releases) > RELEASES_PER_PAGE,
            releases=[_describe_release(site, request, release_pages) for release_pages in releases[:RELEASES_PER_PAGE]],
        )  # fmt: skip

    def render_release(request: Request, release_pages: ReleasePage, language: str) -> Response:
        page = release_pages.choose_translation(language)
        return site.render_page(
            request,
            "release.html",
            **_build_context(site, request, release_pages, page, f"/press/{release_pages.slug}"),
            json_ld=structured_data.build_json_ld(release_pages, page, settings),
            canonical=structured_data.build_page_url(settings, release_pages.slug, page.language),
            embargo=None,
        )

    def show_release(request: Request, slug: str) -> Response:
        try:
            release_pages = _get_release_pages(site, slug)
        except HTTPException:
            # Of one that was never sent as such, but with a newsletter.
            story_pages = _find_story_pages(site, slug)
            if story_pages is None:
                raise
            return stories.render_story(
                site,
                request,
                story_pages,
                story_pages.choose_translation(_choose_reading_language(request, story_pages)),
            )
        return render_release(
            request, release_pages, _choose_reading_language(request, release_pages)
        )

    def show_story(request: Request, slug: str, language: str) -> Response:
        with site.mailer.store.read() as tx:
            is_plain_slug = slug.isascii() and slug.isprintable()
            release_pages = (
                tx.releases.find_page(slug, site.mailer.clock()) if is_plain_slug else None
            )
        story_pages = release_pages or _find_story_pages(site, slug)
        if story_pages is None or language not in story_pages.languages:
            raise HTTPException(404)
        if release_pages is not None:
            return render_release(request, release_pages, language)
        return stories.render_story(
            site, request, story_pages, story_pages.choose_translation(language)
        )

    def show_ninjs(request: Request, slug: str) -> Response:
        release_pages = _get_release_pages(site, slug)
        page = release_pages.choose_translation(_choose_reading_language(request, release_pages))
        return JSONResponse(
            structured_data.build_ninjs(release_pages, page, settings),
            headers={"Content-Language": page.language, "Cache-Control": "public, no-cache"},
        )

    def download_kit(request: Request, slug: str) -> Response:
        release_pages = _get_release_pages(site, slug)
        with site.mailer.store.read() as tx:
            return _build_kit_response(site, tx, release_pages)

    def download_file(request: Request, slug: str, digest: str, name: str) -> Response:
        release_pages = _get_release_pages(site, slug)
        with site.mailer.store.read() as tx:
            return _build_file_response(tx, release_pages, digest, name)

    def show_atom_feed(request: Request) -> Response:
        language = site.choose_language(request)
        with site.mailer.store.read() as tx:
            releases = tx.releases.list_newest_pages(site.mailer.clock(), RELEASES_PER_PAGE)
        text = feeds.build_press_atom_feed(
            releases,
            language=language,
            settings=settings,
            corrected=site.get_catalogue(language).gettext("Corrected: %(what)s"),
        )
        headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Language": language}
        return respond_unless_cached(request, text, f"{feeds.ATOM_TYPE}; charset=utf-8", headers)

    # ---- a contact's own page -------------------------------------------------------------------

    def show_advance_copy(request: Request, token: str) -> Response:
        """The advance copy as a page."""
        reader = _AdvanceReader(site, request, token, "the page")
        if reader.release_pages is None or reader.edition is None:
            return reader.refuse_request(request)
        page = reader.release_pages.choose_translation(
            _choose_reading_language(request, reader.release_pages)
        )
        return site.render_page(
            request,
            "release.html",
            headers=_PRIVATE_HEADERS,
            **_build_context(site, request, reader.release_pages, page, f"/e/{token}"),
            json_ld="",
            canonical="",
            embargo=reader.get_embargo_view(site.choose_language(request)),
        )

    def download_advance_kit(request: Request, token: str) -> Response:
        reader = _AdvanceReader(site, request, token, "the kit")
        if reader.release_pages is None:
            return reader.refuse_request(request)
        with site.mailer.store.read() as tx:
            return _build_kit_response(site, tx, reader.release_pages, _PRIVATE_HEADERS)

    def download_advance_file(request: Request, token: str, digest: str, name: str) -> Response:
        if not name.isprintable():
            return site.refuse_link(request)
        reader = _AdvanceReader(site, request, token, f"the file {name}"[:100])
        if reader.release_pages is None:
            return reader.refuse_request(request)
        with site.mailer.store.read() as tx:
            return _build_file_response(tx, reader.release_pages, digest, name, _PRIVATE_HEADERS)

    cache = ResponseCache()
    for path, handler in (
        ("/press", show_releases),
        ("/press/atom.xml", show_atom_feed),
        ("/press/{slug}", show_release),
        ("/stories/{slug}/{language}", show_story),
        ("/press/{slug}/ninjs.json", show_ninjs),
        ("/press/{slug}/kit.zip", download_kit),
        ("/press/{slug}/files/{digest}/{name}", download_file),
    ):
        site.add_get_route(path, cache.cache_page(handler))
    site.add_get_route("/e/{token}", show_advance_copy)
    site.add_get_route("/e/{token}/kit.zip", download_advance_kit)
    site.add_get_route("/e/{token}/files/{digest}/{name}", download_advance_file)


_PRIVATE_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
"""Of what is one person's: nobody keeps it, and nobody finds it."""


class _AdvanceReader:
    """Who asks for an advance copy. `sheet` is None for whoever may not have it: a link that is no
    good, somebody who has left or is not trusted any more, an edition that was stopped."""

    def __init__(
        self, site: PublicSite, request: Request, token: str, request_description: str
    ) -> None:
        self.release_pages: ReleasePage | None = None
        self.edition: Edition | None = None
        self._was_withdrawn = False
        self._site = site
        try:
            link = links.verify_member_link(site.mailer.store.key, LinkPurpose.ADVANCE, token)
        except TokenError:
            site.log.warning("refused", route="/e/{token}", why="a link that is no good")
            return
        agent = "".join(
            character
            for character in request.headers.get("user-agent", "")
            if character.isprintable()
        )
        agent = agent[:MAX_AGENT_LENGTH].strip()
        with site.mailer.store.begin() as tx:
            self._load_release(
                tx, link, f"{request_description}, with {agent or 'no name of a browser'}"
            )

    def _load_release(self, tx: SqlTransaction, link: MemberLink, request_description: str) -> None:
        edition = tx.editions.find_edition(link.edition_id)
        subscriber = tx.subscribers.find_subscriber_by_id(link.subscriber_id)
        if edition is None or subscriber is None or edition.role not in EMBARGO_STATING_ROLES:
            return
        now = self._site.mailer.clock()
        active_embargoes = editions.find_embargoed_stories(tx, edition, now)
        # Whoever has an earlier version is shown the newest: what it corrects is marked on it.
        release_editions = tx.editions.list_release_editions(edition.stories[0], edition.list)
        begun_editions = [
            begun_edition
            for begun_edition in release_editions
            if begun_edition.planned_at and begun_edition.state not in _STOPPED_STATES
        ]
        visible_editions = [
            begun_edition
            for begun_edition in begun_editions
            if begun_edition.role is not EditionRole.KILL
        ]
        edition = visible_editions[-1] if visible_editions else edition
        release_pages = tx.releases.find_page_of_edition(edition.id)
        refusal_reason = _explain_refusal(tx, edition, subscriber, active_embargoes.values())
        self._was_withdrawn = refusal_reason == _WITHDRAWN_REASON
        if release_pages is not None and not refusal_reason:
            self.edition, self.release_pages = edition, release_pages
        for slug in edition.stories:
            event_type, detail = (
                (EmbargoEventType.REFUSED, f"{request_description}: {refusal_reason}")
                if refusal_reason
                else (EmbargoEventType.VIEWED, request_description)
            )
            tx.embargoes.record_event(
                EmbargoEvent(slug, now, event_type, subscriber.address, detail)
            )

    def refuse_request(self, request: Request) -> Response:
        """What somebody is told who may not have it: if it was taken back, that it was."""
        if self._was_withdrawn:
            raise HTTPException(410)
        return self._site.refuse_link(request)

    def get_embargo_view(self, language: str) -> Any:
        """Until when it is embargoed, as the page shows it; None where it is not any more."""
        assert self.edition is not None
        with self._site.mailer.store.read() as tx:
            embargo = tx.embargoes.find_embargo(self.edition.stories[0])
        if embargo is None or not embargo.is_active(self._site.mailer.clock()):
            return None
        translate = _load_mail_gettext(self._site, language)
        places = self._site.settings.press.times
        return build_embargo_view(
            embargo.terms, places, language, {place: translate(place) for place in places}
        )


_STOPPED_STATES = (EditionState.CANCELLED,)
_WITHDRAWN_REASON = "the release was taken back"


def _explain_refusal(
    tx: SqlTransaction,
    edition: Edition,
    subscriber: Subscriber,
    active_embargoes: Collection[Embargo],
) -> str:
    """Why somebody may not see an advance copy; empty where they may."""
    membership = find_membership(tx, subscriber, edition.list)
    if membership is None or membership.state is not MembershipState.ACTIVE:
        return "they have left the list"
    if not tx.editions.find_queued_slugs(edition.stories):
        return _WITHDRAWN_REASON
    contact = tx.subscribers.find_contact(subscriber)
    if active_embargoes and (contact is None or contact.profile.trust is not Trust.TRUSTED):
        return "they are not trusted with embargoes any more"
    if active_embargoes and not may_send_embargoed(edition, active_embargoes):
        return "the embargo has moved since"
    if edition.state in _STOPPED_STATES:
        return "it was stopped"
    if edition.planned_at is None:
        return "it has not begun"
    return ""


def _find_story_pages(site: PublicSite, slug: str) -> ReleasePage | None:
    """The pages of a story that was sent, but not as a release."""
    if not (slug.isascii() and slug.isprintable()):
        return None
    with site.mailer.store.read() as tx:
        return stories.find_story_pages(tx, slug)


def _get_release_pages(site: PublicSite, slug: str) -> ReleasePage:
    if not (slug.isascii() and slug.isprintable()):
        raise HTTPException(404)
    with site.mailer.store.read() as tx:
        try:
            return pages.get_page(tx, slug, site.mailer.clock())
        except NotFound as error:
            raise HTTPException(410 if tx.releases.was_open(slug) else 404) from error


def _build_context(
    site: PublicSite, request: Request, release_pages: ReleasePage, page: PageTranslation, here: str
) -> dict[str, Any]:
    """What a release's page shows. `here` is its own address: the kit and files are below it."""
    page_language = site.choose_language(request)
    return {
        "page": page,
        "sheet": release_pages,
        "here": here,
        "dir_of": languages.get_direction(page.language),
        "others_in": [tag for tag in release_pages.languages if tag != page.language],
        "day": site.to_office_date(release_pages.opened_at),
        "corrections": [
            (
                site.to_office_date(correction.at),
                languages.choose_text(correction.what, page.language),
                languages.choose_text(correction.why, page.language),
            )
            for correction in reversed(release_pages.corrections)
        ],
        "quoted": _get_quote_pattern(site, page),
        "kinds": {
            asset_kind.value: _load_mail_gettext(site, page_language)(asset_kind.value)
            for asset_kind in AssetKind
        },
    }


def _load_mail_gettext(site: PublicSite, language: str) -> Callable[[str], str]:
    """Words that mails have as well: kinds of assets, names of places."""
    return translations.load_translations(language, site.settings.template_path).gettext


def _get_quote_pattern(site: PublicSite, page: PageTranslation) -> str:
    """How the release's language marks what somebody says, as far as we know."""
    tag = languages.choose_language(page.language, LANGUAGES, "en")
    return site.get_catalogue(tag).gettext("“%(text)s”")


def _describe_release(
    site: PublicSite, request: Request, release_pages: ReleasePage
) -> dict[str, Any]:
    page = release_pages.choose_translation(_choose_reading_language(request, release_pages))
    return {
        "path": f"/press/{release_pages.slug}",
        "page": page,
        "day": site.to_office_date(release_pages.opened_at),
        "others": [tag for tag in release_pages.languages if tag != page.language],
    }


def _choose_reading_language(request: Request, release_pages: ReleasePage) -> str:
    """The language to read a release in: what is asked for, what the browser likes best, or the
    release's own."""
    for tag in (request.query_params.get("lang", "")[:36], *list_accepted_languages(request)):
        try:
            reading_language = (
                languages.choose_language(languages.normalise_tag(tag), release_pages.languages, "")
                if tag
                else ""
            )
        except InputError:
            continue
        if reading_language:
            return reading_language
    return release_pages.language


def _build_kit_response(
    site: PublicSite,
    tx: SqlTransaction,
    release_pages: ReleasePage,
    headers: dict[str, str] | None = None,
) -> Response:
    embargo = embargoes.find_embargoed(tx.embargoes, site.mailer.clock()).get(release_pages.slug)
    embargo_lines: list[str] = []
    if embargo is not None:
        embargo_times = build_embargo_view(embargo.terms, site.settings.press.times, "en", {})
        embargo_lines = ["EMBARGOED UNTIL"]
        embargo_lines += [
            f"{time_view.moment:%A %d %B %Y, %H:%M} {time_view.place}"
            for time_view in embargo_times.times
        ]
    kit_bytes = build_kit(release_pages, site.settings, tx.releases.read_content, embargo_lines)
    return Response(
        kit_bytes,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{release_pages.slug}.zip"',
            "Cache-Control": "public, no-cache",
        }
        | (headers or {}),
    )


def _build_file_response(
    tx: SqlTransaction,
    release_pages: ReleasePage,
    sha256: str,
    name: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """A file of a release: saved, never shown, whatever it is."""
    asset = next(
        (
            matching_asset
            for page in release_pages.pages
            if (matching_asset := page.find_asset(sha256, name))
        ),
        None,
    )
    content = tx.releases.read_content(asset.file) if asset else None
    if asset is None or content is None:
        raise HTTPException(404)
    return Response(
        content,
        media_type=asset.media_type or "application/octet-stream",
        headers={
            "Content-Disposition": message.format_disposition(asset.name),
            "Cache-Control": "public, no-cache",
        }
        | (headers or {}),
    )
