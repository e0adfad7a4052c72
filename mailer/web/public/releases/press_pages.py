"""Press pages: the public pages of releases, with the press kit, the files and a feed.

For an embargoed release, the answer is the same as if it never existed, and is made in the same
way. Its page opens when the embargo ends (``mailer/releases/pages.py``).
"""

from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse

from mailer import message
from mailer.errors import NotFound
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.releases import pages
from mailer.render.calendar_file import build_calendar_file
from mailer.web.public import feeds, stories
from mailer.web.public.archive import parse_page_number, respond_unless_cached
from mailer.web.public.public_site import get_site
from mailer.web.public.releases import structured_data
from mailer.web.public.releases.rendering import (
    build_file_response,
    build_kit_response,
    build_release_context,
    build_text_headers,
    choose_translation,
)

RELEASES_PER_PAGE = 20


def show_releases(request: Request) -> Response:
    site = get_site(request)
    page_number = parse_page_number(request.query_params.get("page", ""))
    with site.mailer.store.read() as tx:
        releases = tx.releases.list_newest_pages(
            site.mailer.clock(), RELEASES_PER_PAGE + 1, (page_number - 1) * RELEASES_PER_PAGE
        )
    return site.render_page(
        request,
        "press-list.html",
        page_number=page_number,
        has_older=len(releases) > RELEASES_PER_PAGE,
        releases=[_describe_release(request, release) for release in releases[:RELEASES_PER_PAGE]],
    )


def show_release(request: Request, slug: str) -> Response:
    try:
        release = _get_release(request, slug)
    except HTTPException:
        # The story may have been sent only in a newsletter and not as a release.
        story = _find_story(request, slug)
        if story is None:
            raise
        return stories.render_story(request, story, choose_translation(request, story))
    return _render_release(request, release, choose_translation(request, release))


def show_story(request: Request, slug: str, language: str) -> Response:
    story = _get_story(request, slug, language)
    page = story.choose_translation(language)
    if story.edition_id:
        return _render_release(request, story, page)
    return stories.render_story(request, story, page)


def download_event(request: Request, slug: str, language: str) -> Response:
    """Return the iCalendar file of an event."""
    story = _get_story(request, slug, language)
    page = story.choose_translation(language)
    if page.event is None:
        raise HTTPException(404)
    settings = get_site(request).settings
    content = build_calendar_file(
        page.event,
        slug=slug,
        title=page.title,
        summary=page.summary,
        address=page.canonical_url or structured_data.build_story_url(settings, slug, language),
        changed_at=story.updated_at,
    )
    headers = {
        "Content-Disposition": message.format_disposition(f"{slug}.ics"),
        "Content-Language": page.language,
    }
    return respond_unless_cached(request, content, "text/calendar; charset=utf-8", headers)


def _get_story(request: Request, slug: str, language: str) -> ReleasePage:
    """Return the pages of a release or of another story that was sent. Raises HTTPException if the
    story is not public in this language."""
    site = get_site(request)
    with site.mailer.store.read() as tx:
        release = tx.releases.find_page(slug, site.mailer.clock()) if _is_valid_slug(slug) else None
    story = release or _find_story(request, slug)
    if story is None or language not in story.languages:
        raise HTTPException(404)
    return story


def show_ninjs(request: Request, slug: str) -> Response:
    release = _get_release(request, slug)
    page = choose_translation(request, release)
    return JSONResponse(
        structured_data.build_ninjs(release, page, get_site(request).settings),
        headers={"Content-Language": page.language, "Cache-Control": "public, no-cache"},
    )


def download_kit(request: Request, slug: str) -> Response:
    release = _get_release(request, slug)
    with get_site(request).mailer.store.read() as tx:
        return build_kit_response(request, tx, release)


def download_file(request: Request, slug: str, digest: str, name: str) -> Response:
    try:
        story = _get_release(request, slug)
    except HTTPException:
        # A report that was sent in a newsletter has its documents here, too.
        found_story = _find_story(request, slug)
        if found_story is None:
            raise
        story = found_story
    with get_site(request).mailer.store.read() as tx:
        return build_file_response(tx, story, digest, name)


def show_atom_feed(request: Request) -> Response:
    site = get_site(request)
    language = site.choose_language(request)
    with site.mailer.store.read() as tx:
        releases = tx.releases.list_newest_pages(site.mailer.clock(), RELEASES_PER_PAGE)
    text = feeds.build_press_atom_feed(
        releases,
        language=language,
        settings=site.settings,
        correction_pattern=site.get_catalogue(language).gettext("Corrected: %(what)s"),
    )
    headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Language": language}
    return respond_unless_cached(request, text, f"{feeds.ATOM_TYPE}; charset=utf-8", headers)


def _render_release(request: Request, release: ReleasePage, page: PageTranslation) -> Response:
    site = get_site(request)
    return site.render_page(
        request,
        "release.html",
        headers=build_text_headers(request, page),
        **build_release_context(request, release, page, f"/press/{release.slug}"),
        json_ld=structured_data.build_json_ld(release, page, site.settings),
        canonical=structured_data.build_page_url(site.settings, release.slug, page.language),
        embargo=None,
    )


def _describe_release(request: Request, release: ReleasePage) -> dict[str, Any]:
    page = choose_translation(request, release)
    return {
        "path": f"/press/{release.slug}",
        "page": page,
        "day": get_site(request).to_office_date(page.published),
        "other_languages": [tag for tag in release.languages if tag != page.language],
    }


def _get_release(request: Request, slug: str) -> ReleasePage:
    """Return a public release. Raises HTTPException, with 410 if the release was withdrawn, and 404
    if it is embargoed or never existed."""
    if not _is_valid_slug(slug):
        raise HTTPException(404)
    site = get_site(request)
    with site.mailer.store.read() as tx:
        try:
            return pages.get_page(tx, slug, site.mailer.clock())
        except NotFound as error:
            raise HTTPException(410 if tx.releases.was_open(slug) else 404) from error


def _find_story(request: Request, slug: str) -> ReleasePage | None:
    """Return the pages of a story that was sent, but not as a release."""
    if not _is_valid_slug(slug):
        return None
    with get_site(request).mailer.store.read() as tx:
        return pages.find_story_pages(tx, slug)


def _is_valid_slug(slug: str) -> bool:
    """Check that `slug` may name a release: PostgreSQL refuses a NUL in a query."""
    return slug.isascii() and slug.isprintable()
