"""Code that a release's public page and the pages of advance copies share: the page, the press kit
and the files."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import HTTPException, Request, Response
from lxml import html as lxml_html

from mailer import embargoes, languages, message, text_breaks
from mailer.assets import resolve_html, resolve_url
from mailer.model.articles import ArticleKind, Image
from mailer.model.press_release import AssetKind
from mailer.model.releases import PageTranslation, ReleasePage
from mailer.render import prose, story_parts, text_part, translations, views
from mailer.render.releases import build_embargo_view, name_place
from mailer.store import SqlTransaction
from mailer.web.public.middleware import build_page_policy
from mailer.web.public.page_languages import LANGUAGES, choose_reading_language
from mailer.web.public.public_site import get_site
from mailer.web.public.releases.media_kit import build_kit

DESCRIPTION_LENGTH = 300
"""Characters of a description for search engines and previews of links."""


def choose_translation(request: Request, release: ReleasePage) -> PageTranslation:
    """Return the translation of a release that suits the reader best."""
    language = choose_reading_language(request, release.languages, release.language)
    return release.choose_translation(language)


def build_release_context(
    request: Request, release: ReleasePage, page: PageTranslation, page_path: str
) -> dict[str, Any]:
    """Return the variables of ``release.html``. The addresses of the kit and the files begin with
    `page_path`."""
    site = get_site(request)
    return build_text_context(request, release, page) | {
        "release": release,
        "page_path": page_path,
        "other_languages": [tag for tag in release.languages if tag != page.language],
        "corrections": [
            (
                site.to_office_date(correction.at),
                languages.choose_text(correction.descriptions, page.language),
                languages.choose_text(correction.reasons, page.language),
            )
            for correction in reversed(release.corrections)
        ],
    }


def build_text_context(
    request: Request, release: ReleasePage, page: PageTranslation
) -> dict[str, Any]:
    """Return the variables of a page that shows an article: its text, kind, date and picture. The
    page loads the pictures of assets from its own site; other sites get their full addresses."""
    site = get_site(request)
    page, own_page = _resolve_pictures(page, ""), page
    direction = languages.get_direction(page.language)
    translate = load_mail_gettext(request, site.choose_language(request))
    own_language = languages.choose_language(page.language, LANGUAGES, "en")
    changed_at = release.changes.get(page.language)
    return {
        "page": page,
        "picture_url": resolve_url(own_page.image.url, site.settings.web.base_url)
        if own_page.image
        else "",
        "text_direction": direction,
        "kind_name": translate(views.KIND_NAMES[ArticleKind(page.kind)]),
        "day": site.to_office_date(page.published),
        "changed_day": site.to_office_date(changed_at) if changed_at else None,
        "description": text_breaks.shorten_text(
            page.summary or text_part.extract_first_paragraph(page.html), DESCRIPTION_LENGTH
        ),
        "has_standfirst": views.has_own_summary(page.summary, page.html),
        "prose": prose.prepare_prose(
            page.html,
            direction=direction,
            run_in=prose.build_run_in(page.dateline, load_mail_gettext(request, own_language)),
        ),
        "quote_pattern": _get_quote_pattern(request, page),
        "role_pattern": load_mail_gettext(request, own_language)("%(name)s, %(role)s"),
        "asset_kinds": {asset_kind.value: translate(asset_kind.value) for asset_kind in AssetKind},
        **_build_event_context(request, release, page),
        "notes": prose.prepare_prose(page.notes, direction=direction) if page.notes else "",
    }


def _resolve_pictures(page: PageTranslation, base_url: str) -> PageTranslation:
    """Return the page with the addresses of its assets."""

    def resolve_image(image: Image) -> Image:
        return replace(image, url=resolve_url(image.url, base_url))

    return replace(
        page,
        html=resolve_html(page.html, base_url),
        notes=resolve_html(page.notes, base_url),
        image=resolve_image(page.image) if page.image else None,
        pictures=tuple(map(resolve_image, page.pictures)),
    )


def _build_event_context(
    request: Request, release: ReleasePage, page: PageTranslation
) -> dict[str, Any]:
    """Return the variables about an event: its times, and the path of its iCalendar file. An
    advance copy has no such file, as it would be public."""
    event = page.event
    is_public = not request.url.path.startswith("/e/")
    return {
        "event": event,
        "event_end": (event.last_day if event.is_whole_day else event.end) if event else None,
        "event_city": name_place(event.zone, get_site(request).choose_language(request))
        if event
        else "",
        "calendar_path": story_parts.build_calendar_path(release.slug, page.language)
        if event and is_public
        else "",
    }


def build_text_headers(request: Request, page: PageTranslation) -> dict[str, str]:
    """Return the headers of a page that shows an article. They let the page load the pictures in
    its text."""
    html = "".join([page.html, page.notes, *(partner.html for partner in page.about)])
    picture_urls = [image.url for image in (page.image, *page.pictures) if image]
    if "<img" in html:
        picture_urls += lxml_html.fragment_fromstring(html, create_parent="div").xpath("//img/@src")
    policy = build_page_policy(get_site(request).settings, picture_urls=picture_urls)
    return {"Content-Security-Policy": policy}


def load_mail_gettext(request: Request, language: str) -> Callable[[str], str]:
    """Return the translations of mails, because the names of kinds of assets and of places are
    among them."""
    template_path = get_site(request).settings.template_path
    return translations.load_translations(language, template_path).gettext


def _get_quote_pattern(request: Request, page: PageTranslation) -> str:
    """Return the pattern of quotation marks in the release's language, otherwise the English
    one."""
    tag = languages.choose_language(page.language, LANGUAGES, "en")
    return get_site(request).get_catalogue(tag).gettext("“%(text)s”")


def build_kit_response(
    request: Request,
    tx: SqlTransaction,
    release: ReleasePage,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the press kit, with the embargo in its texts if one is active."""
    site = get_site(request)
    embargo = embargoes.find_embargoed(tx.embargoes, site.mailer.clock()).get(release.slug)
    embargo_lines: list[str] = []
    if embargo is not None:
        embargo_view = build_embargo_view(embargo.terms, site.settings.press.times, "en", {})
        embargo_lines = ["EMBARGOED UNTIL"]
        embargo_lines += [
            f"{time_view.moment:%A %d %B %Y, %H:%M} {time_view.place}"
            for time_view in embargo_view.times
        ]
    kit_bytes = build_kit(release, site.settings, tx.releases.read_content, embargo_lines)
    kit_headers = {
        "Content-Disposition": f'attachment; filename="{release.slug}.zip"',
        "Cache-Control": "public, no-cache",
    }
    return Response(kit_bytes, media_type="application/zip", headers=kit_headers | (headers or {}))


def build_file_response(
    tx: SqlTransaction,
    release: ReleasePage,
    sha256: str,
    name: str,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a file of a release as a download, whatever its type is. Raises HTTPException if the
    release has no such file."""
    assets = (page.find_asset(sha256, name) for page in release.pages)
    asset = next((asset for asset in assets if asset), None)
    content = tx.releases.read_content(asset.file) if asset else None
    if asset is None or content is None:
        raise HTTPException(404)
    file_headers = {
        "Content-Disposition": message.format_disposition(asset.name),
        "Cache-Control": "public, no-cache",
    }
    return Response(
        content,
        media_type=asset.media_type or "application/octet-stream",
        headers=file_headers | (headers or {}),
    )
