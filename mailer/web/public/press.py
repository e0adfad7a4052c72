"""Press pages: releases as anybody may read them, with the kit and the feeds; and each trusted
contact's own page of a release that is embargoed still.

A release that is embargoed is as if it weren't there: the same answer, made in the same way, as for
one that never was. Its page opens by itself (``mailer/press.py``). A contact's own page asks each
time whether they are still trusted, and each look at it is written down before it is answered.
"""

from collections.abc import Callable, Collection
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse

from mailer import embargoes, languages, message, press
from mailer.app import leaving
from mailer.articles.release import AssetKind
from mailer.audience import links
from mailer.audience.contacts import Trust
from mailer.audience.links import MemberLink, Purpose
from mailer.audience.subscribers import MembershipState, Subscriber, membership_of
from mailer.editions import (
    STATES_EMBARGO,
    Edition,
    EditionState,
    Role,
    may_leave_embargoed,
)
from mailer.embargoes import Embargo, Happening, What
from mailer.errors import InputError, NotFound, TokenError
from mailer.press import Page, Sheet
from mailer.render import translations
from mailer.render.releases import embargo_view
from mailer.store import Transaction
from mailer.web.public import feeds, newsjson, stories
from mailer.web.public.archive import page_number, unless_held
from mailer.web.public.kept import Kept
from mailer.web.public.kit import kit
from mailer.web.public.site import LANGUAGES, Site, accepted

ON_A_PAGE = 20
LONGEST_AGENT = 200
"""Characters of what a browser calls itself that the log of an embargo keeps."""


def add(site: Site) -> None:
    settings = site.settings

    # ---- open pages -----------------------------------------------------------------------------

    def everything(request: Request) -> Response:
        number = page_number(request.query_params.get("page", ""))
        with site.mailer.store.read() as tx:
            found = tx.sheets.newest(site.mailer.clock(), ON_A_PAGE + 1, (number - 1) * ON_A_PAGE)
        return site.page(
            request, "press.html", number=number, older=len(found) > ON_A_PAGE,
            releases=[_line(site, request, one) for one in found[:ON_A_PAGE]],
        )  # fmt: skip

    def shown(request: Request, sheet: Sheet, language: str) -> Response:
        page = sheet.page(language)
        return site.page(
            request,
            "release.html",
            **_context(site, request, sheet, page, f"/press/{sheet.slug}"),
            json_ld=newsjson.json_ld(sheet, page, settings),
            canonical=newsjson.page_url(settings, sheet.slug, page.language),
            embargo=None,
        )

    def release(request: Request, slug: str) -> Response:
        try:
            sheet = _sheet(site, slug)
        except HTTPException:
            # Of one that was never sent as such, but with a newsletter.
            story = _story(site, slug)
            if story is None:
                raise
            return stories.shown(site, request, story, story.page(_reading(request, story)))
        return shown(request, sheet, _reading(request, sheet))

    def story(request: Request, slug: str, language: str) -> Response:
        with site.mailer.store.read() as tx:
            plain = slug.isascii() and slug.isprintable()
            sheet = tx.sheets.sheet(slug, site.mailer.clock()) if plain else None
        found = sheet or _story(site, slug)
        if found is None or language not in found.languages:
            raise HTTPException(404)
        if sheet is not None:
            return shown(request, sheet, language)
        return stories.shown(site, request, found, found.page(language))

    def as_ninjs(request: Request, slug: str) -> Response:
        sheet = _sheet(site, slug)
        page = sheet.page(_reading(request, sheet))
        return JSONResponse(
            newsjson.ninjs(sheet, page, settings),
            headers={"Content-Language": page.language, "Cache-Control": "public, no-cache"},
        )

    def whole(request: Request, slug: str) -> Response:
        sheet = _sheet(site, slug)
        with site.mailer.store.read() as tx:
            return _kit(site, tx, sheet)

    def file(request: Request, slug: str, digest: str, name: str) -> Response:
        sheet = _sheet(site, slug)
        with site.mailer.store.read() as tx:
            return _file(tx, sheet, digest, name)

    def atom(request: Request) -> Response:
        language = site.language(request)
        with site.mailer.store.read() as tx:
            found = tx.sheets.newest(site.mailer.clock(), ON_A_PAGE)
        text = feeds.press_atom(
            found,
            language=language,
            settings=settings,
            corrected=site.words(language).gettext("Corrected: %(what)s"),
        )
        headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Language": language}
        return unless_held(request, text, f"{feeds.ATOM_TYPE}; charset=utf-8", headers)

    # ---- a contact's own page -------------------------------------------------------------------

    def advance(request: Request, token: str) -> Response:
        """The advance copy as a page."""
        reader = _Reader(site, request, token, "the page")
        if reader.sheet is None or reader.edition is None:
            return reader.refusal(request)
        page = reader.sheet.page(_reading(request, reader.sheet))
        return site.page(
            request,
            "release.html",
            headers=_PRIVATE,
            **_context(site, request, reader.sheet, page, f"/e/{token}"),
            json_ld="",
            canonical="",
            embargo=reader.embargo(site.language(request)),
        )

    def advance_kit(request: Request, token: str) -> Response:
        reader = _Reader(site, request, token, "the kit")
        if reader.sheet is None:
            return reader.refusal(request)
        with site.mailer.store.read() as tx:
            return _kit(site, tx, reader.sheet, _PRIVATE)

    def advance_file(request: Request, token: str, digest: str, name: str) -> Response:
        if not name.isprintable():
            return site.refusal(request)
        reader = _Reader(site, request, token, f"the file {name}"[:100])
        if reader.sheet is None:
            return reader.refusal(request)
        with site.mailer.store.read() as tx:
            return _file(tx, reader.sheet, digest, name, _PRIVATE)

    kept = Kept()
    for path, page in (
        ("/press", everything),
        ("/press/atom.xml", atom),
        ("/press/{slug}", release),
        ("/stories/{slug}/{language}", story),
        ("/press/{slug}/ninjs.json", as_ninjs),
        ("/press/{slug}/kit.zip", whole),
        ("/press/{slug}/files/{digest}/{name}", file),
    ):
        site.get(path, kept.page(page))
    site.get("/e/{token}", advance)
    site.get("/e/{token}/kit.zip", advance_kit)
    site.get("/e/{token}/files/{digest}/{name}", advance_file)


_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
"""Of what is one person's: nobody keeps it, and nobody finds it."""


class _Reader:
    """Who asks for an advance copy. `sheet` is None for whoever may not have it: a link that is no
    good, somebody who has left or is not trusted any more, an edition that was stopped."""

    def __init__(self, site: Site, request: Request, token: str, asked: str) -> None:
        self.sheet: Sheet | None = None
        self.edition: Edition | None = None
        self._taken_back = False
        self._site = site
        try:
            link = links.member(site.mailer.store.key, Purpose.ADVANCE, token)
        except TokenError:
            site.log.warning("refused", route="/e/{token}", why="a link that is no good")
            return
        agent = "".join(one for one in request.headers.get("user-agent", "") if one.isprintable())
        agent = agent[:LONGEST_AGENT].strip()
        with site.mailer.store.begin() as tx:
            self._look(tx, link, f"{asked}, with {agent or 'no name of a browser'}")

    def _look(self, tx: Transaction, link: MemberLink, asked: str) -> None:
        edition = tx.editions.find(link.edition_id)
        known = tx.subscribers.by_id(link.subscriber_id)
        if edition is None or known is None or edition.role not in STATES_EMBARGO:
            return
        now = self._site.mailer.clock()
        held = leaving.held(tx, edition, now)
        # Whoever has an earlier version is shown the newest: what it corrects is marked on it.
        course = tx.editions.of_release(edition.stories[0], edition.list)
        begun = [one for one in course if one.planned_at and one.state not in _STOPPED]
        shown = [one for one in begun if one.role is not Role.KILL]
        edition = shown[-1] if shown else edition
        sheet = tx.sheets.of_edition(edition.id)
        why = _why_not(tx, edition, known, held.values())
        self._taken_back = why == _TAKEN_BACK
        if sheet is not None and not why:
            self.edition, self.sheet = edition, sheet
        for slug in edition.stories:
            what, said = (What.REFUSED, f"{asked}: {why}") if why else (What.LOOKED, asked)
            tx.embargoes.note(Happening(slug, now, what, known.address, said))

    def refusal(self, request: Request) -> Response:
        """What somebody is told who may not have it: if it was taken back, that it was."""
        if self._taken_back:
            raise HTTPException(410)
        return self._site.refusal(request)

    def embargo(self, language: str) -> Any:
        """Until when it is embargoed, as the page shows it; None where it is not any more."""
        assert self.edition is not None
        with self._site.mailer.store.read() as tx:
            found = tx.embargoes.find(self.edition.stories[0])
        if found is None or not found.holds(self._site.mailer.clock()):
            return None
        gettext = _mail_words(self._site, language)
        places = self._site.settings.press.times
        return embargo_view(found.terms, places, language, {one: gettext(one) for one in places})


_STOPPED = (EditionState.CANCELLED,)
_TAKEN_BACK = "the release was taken back"


def _why_not(
    tx: Transaction, edition: Edition, known: Subscriber, held: Collection[Embargo]
) -> str:
    """Why somebody may not see an advance copy; empty where they may."""
    on_list = membership_of(tx.subscribers, known, edition.list)
    if on_list is None or on_list.state is not MembershipState.ACTIVE:
        return "they have left the list"
    if not tx.editions.known_stories(edition.stories):
        return _TAKEN_BACK
    contact = tx.contacts.find(known)
    if held and (contact is None or contact.standing.trust is not Trust.TRUSTED):
        return "they are not trusted with embargoes any more"
    if held and not may_leave_embargoed(edition, held):
        return "the embargo has moved since"
    if edition.state in _STOPPED:
        return "it was stopped"
    if edition.planned_at is None:
        return "it has not begun"
    return ""


def _story(site: Site, slug: str) -> Sheet | None:
    """The pages of a story that was sent, but not as a release."""
    if not (slug.isascii() and slug.isprintable()):
        return None
    with site.mailer.store.read() as tx:
        return stories.sheet_of(tx, slug)


def _sheet(site: Site, slug: str) -> Sheet:
    if not (slug.isascii() and slug.isprintable()):
        raise HTTPException(404)
    with site.mailer.store.read() as tx:
        try:
            return press.get(tx.sheets, slug, site.mailer.clock())
        except NotFound as error:
            raise HTTPException(410 if tx.sheets.was_open(slug) else 404) from error


def _context(site: Site, request: Request, sheet: Sheet, page: Page, here: str) -> dict[str, Any]:
    """What a release's page shows. `here` is its own address: the kit and files are below it."""
    reading = site.language(request)
    return {
        "page": page,
        "sheet": sheet,
        "here": here,
        "dir_of": languages.direction(page.language),
        "others_in": [tag for tag in sheet.languages if tag != page.language],
        "day": site.day(sheet.opened_at),
        "corrections": [
            (
                site.day(one.at),
                languages.told(one.what, page.language),
                languages.told(one.why, page.language),
            )
            for one in reversed(sheet.corrections)
        ],
        "quoted": _marks(site, page),
        "kinds": {one.value: _mail_words(site, reading)(one.value) for one in AssetKind},
    }


def _mail_words(site: Site, language: str) -> Callable[[str], str]:
    """Words that mails have as well: kinds of assets, names of places."""
    return translations.translations(language, site.settings.template_path).gettext


def _marks(site: Site, page: Page) -> str:
    """How the release's language marks what somebody says, as far as we know."""
    tag = languages.choose(page.language, LANGUAGES, "en")
    return site.words(tag).gettext("“%(text)s”")


def _line(site: Site, request: Request, sheet: Sheet) -> dict[str, Any]:
    page = sheet.page(_reading(request, sheet))
    return {
        "path": f"/press/{sheet.slug}",
        "page": page,
        "day": site.day(sheet.opened_at),
        "others": [tag for tag in sheet.languages if tag != page.language],
    }


def _reading(request: Request, sheet: Sheet) -> str:
    """The language to read a release in: what is asked for, what the browser likes best, or the
    release's own."""
    for tag in (request.query_params.get("lang", "")[:36], *accepted(request)):
        try:
            found = languages.choose(languages.normalise(tag), sheet.languages, "") if tag else ""
        except InputError:
            continue
        if found:
            return found
    return sheet.language


def _kit(
    site: Site, tx: Transaction, sheet: Sheet, headers: dict[str, str] | None = None
) -> Response:
    held = embargoes.held(tx.embargoes, site.mailer.clock()).get(sheet.slug)
    embargo: list[str] = []
    if held is not None:
        shown = embargo_view(held.terms, site.settings.press.times, "en", {})
        embargo = ["EMBARGOED UNTIL"]
        embargo += [f"{one.moment:%A %d %B %Y, %H:%M} {one.place}" for one in shown.times]
    made = kit(sheet, site.settings, tx.files.content, embargo)
    return Response(
        made,
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{sheet.slug}.zip"',
            "Cache-Control": "public, no-cache",
        }
        | (headers or {}),
    )


def _file(
    tx: Transaction, sheet: Sheet, sha256: str, name: str, headers: dict[str, str] | None = None
) -> Response:
    """A file of a release: saved, never shown, whatever it is."""
    found = next((one for page in sheet.pages if (one := page.asset(sha256, name))), None)
    content = tx.files.content(found.file) if found else None
    if found is None or content is None:
        raise HTTPException(404)
    return Response(
        content,
        media_type=found.media_type or "application/octet-stream",
        headers={
            "Content-Disposition": message.disposition(found.name),
            "Cache-Control": "public, no-cache",
        }
        | (headers or {}),
    )
