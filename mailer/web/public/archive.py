"""The archive: a mail in the browser, and the public editions, with feeds and a sitemap.

A page shows an edition's frozen body without personal values. For an edition that is not in the
archive, the answer is the same as if it never existed (``mailer/archive.py``). Caches revalidate
answers each time (``no-cache`` with an ETag, RFC 9111 §5.2.2.4), and our own cache stores them for
one second (``response_cache.py``). So an edition that is taken out disappears after a second.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import HTTPException, Request, Response

from mailer import archive, languages, message
from mailer.audience import links
from mailer.errors import NotFound, TokenError
from mailer.model.archive import ArchiveEntry
from mailer.model.editions import EditionBody, SendDay
from mailer.model.lists import MailingList
from mailer.render import story_parts
from mailer.store import SqlTransaction
from mailer.web.public import feeds
from mailer.web.public.feeds import ArchiveAddresses
from mailer.web.public.middleware import build_page_policy
from mailer.web.public.page_languages import choose_reading_language
from mailer.web.public.public_site import get_site

ENTRIES_PER_PAGE = 20
"""Number of editions on one page of a list, and in a feed."""
LATEST_COUNT = 3
"""Number of editions of each list on the archive's first page."""
SHOWN_TITLES = 3
"""Number of further stories that an edition's card names."""
MAX_PAGE_NUMBER = 1000
MAX_QUERY_LENGTH = 200
"""Maximum length of a search in characters; the rest is ignored."""
MAX_SITEMAP_ENTRIES = 45_000
"""Maximum number of editions in the sitemap, which may have 50,000 pages in all."""

MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a mail's body shown as a page. It allows inline styles, since mail
programs need them in that place, and pictures, but no scripts and no forms."""


# ---- one edition --------------------------------------------------------------------------------


def show_mail(request: Request, token: str) -> Response:
    """Show a mail in the browser, with its reader's stories, but without personal values."""
    site = get_site(request)
    try:
        link = site.mailer.link_keys.read_link(lambda keys: links.verify_view_link(keys, token))
    except TokenError:
        return site.refuse_link(request)
    with site.mailer.store.read() as tx:
        body = tx.editions.find_body(link.edition_id, link.language)
        edition = tx.editions.find_edition(link.edition_id) if body else None
        if body is None and tx.editions.was_taken_back(link.edition_id):
            raise HTTPException(410)
    if body is None or edition is None:
        return site.refuse_link(request)
    send_day = edition.get_send_day(site.mailer.clock())
    headers = {"X-Robots-Tag": "noindex"}
    return _render_body(request, body, body.stories & link.stories, send_day, headers)


def show_edition(request: Request, list_slug: str, uid: str) -> Response:
    addresses = _build_addresses(request)
    with get_site(request).mailer.store.read() as tx:
        mailing_list = _get_list(tx, list_slug)
        entry = tx.editions.find_entry(mailing_list.slug, uid) if _is_valid_uid(uid) else None
        if entry is None:
            raise HTTPException(404)
        body = tx.editions.find_body(entry.edition_id, _choose_entry_language(request, entry))
    if body is None:
        raise HTTPException(404)
    link_values = [f'<{addresses.build_entry_url(entry)}>; rel="canonical"']
    link_values += [
        f'<{addresses.build_entry_url(entry, tag)}>; rel="alternate"; hreflang="{tag}"'
        for tag in entry.languages
    ]
    headers = {"Link": ", ".join(link_values)}
    return _render_body(request, body, body.stories, entry.send_day, headers)


def _render_body(
    request: Request,
    body: EditionBody,
    stories: int,
    send_day: SendDay | None,
    headers: dict[str, str],
) -> Response:
    text = message.render_page(body, stories, get_site(request).settings.web.base_url, send_day)
    headers |= {"Content-Security-Policy": MAIL_POLICY, "Content-Language": body.language}
    return respond_unless_cached(request, text.encode(), "text/html; charset=utf-8", headers)


# ---- lists of editions --------------------------------------------------------------------------


def show_archive(request: Request) -> Response:
    site = get_site(request)
    with site.mailer.store.read() as tx:
        lists_with_entries = [
            (mailing_list, archive.search_editions(tx, mailing_list, "", LATEST_COUNT))
            for mailing_list in archive.list_archived_lists(tx)
        ]
    described_lists = [
        (mailing_list, describe_entries(request, entries))
        for mailing_list, entries in lists_with_entries
    ]
    return site.render_page(
        request,
        "archive.html",
        headers=_build_headers(request, [one for _, entries in described_lists for one in entries]),
        lists=described_lists,
    )


def _build_headers(request: Request, descriptions: list[dict[str, Any]]) -> dict[str, str]:
    """Return the headers of a page of these editions, which let the page load their pictures."""
    policy = build_page_policy(
        get_site(request).settings, picture_urls=list_picture_urls(descriptions)
    )
    return {"Content-Security-Policy": policy}


def show_list_archive(request: Request, list_slug: str) -> Response:
    site = get_site(request)
    query = request.query_params.get("q", "")[:MAX_QUERY_LENGTH].strip()
    page_number = parse_page_number(request.query_params.get("page", ""))
    offset = (page_number - 1) * ENTRIES_PER_PAGE
    with site.mailer.store.read() as tx:
        mailing_list = _get_list(tx, list_slug)
        entries = archive.search_editions(tx, mailing_list, query, ENTRIES_PER_PAGE + 1, offset)
    descriptions = describe_entries(request, entries[:ENTRIES_PER_PAGE])
    return site.render_page(
        request,
        "archive-list.html",
        headers=_build_headers(request, descriptions),
        list=mailing_list,
        closing_reason=mailing_list.get_closing_reason(site.choose_language(request)),
        query=query,
        page_number=page_number,
        entries=descriptions,
        has_older=len(entries) > ENTRIES_PER_PAGE,
    )


# ---- for machines -------------------------------------------------------------------------------


def show_atom_feed(request: Request, list_slug: str) -> Response:
    return _render_feed(request, list_slug, feeds.ATOM_TYPE)


def show_rss_feed(request: Request, list_slug: str) -> Response:
    return _render_feed(request, list_slug, feeds.RSS_TYPE)


def _render_feed(request: Request, list_slug: str, media_type: str) -> Response:
    site = get_site(request)
    language = site.choose_language(request)
    with site.mailer.store.read() as tx:
        mailing_list = _get_list(tx, list_slug)
        entries = archive.search_editions(tx, mailing_list, "", ENTRIES_PER_PAGE)
    feed_options: dict[str, Any] = {
        "language": language,
        "addresses": _build_addresses(request),
        "correction_pattern": site.get_catalogue(language).gettext("Corrected: %(what)s"),
    }
    if media_type == feeds.ATOM_TYPE:
        author = site.settings.organisation.name
        text = feeds.build_atom_feed(mailing_list, entries, author=author, **feed_options)
    else:
        text = feeds.build_rss_feed(mailing_list, entries, **feed_options)
    headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Language": language}
    return respond_unless_cached(request, text, f"{media_type}; charset=utf-8", headers)


def show_sitemap(request: Request) -> Response:
    with get_site(request).mailer.store.read() as tx:
        public_lists = archive.list_archived_lists(tx)
        entries = tx.editions.list_all_entries(MAX_SITEMAP_ENTRIES)
    paths = ["/", "/archive", "/press"]
    paths += [f"/archive/{public_list.slug}" for public_list in public_lists]
    paths += [
        f"/subscribe/{public_list.slug}"
        for public_list in public_lists
        if not public_list.is_closed
    ]
    text = feeds.build_sitemap(paths, entries, _build_addresses(request))
    return respond_unless_cached(request, text, "application/xml; charset=utf-8", {})


def show_robots(request: Request) -> Response:
    """Keep crawlers away from pages that belong to one person."""
    lines = ["User-agent: *", *(f"Disallow: /{page}/" for page in "cdekpruv")]
    lines += ["", f"Sitemap: {_build_addresses(request).site}/sitemap.xml", ""]
    content = "\n".join(lines).encode()
    return respond_unless_cached(request, content, "text/plain; charset=utf-8", {})


# ---- helpers ------------------------------------------------------------------------------------


def _build_addresses(request: Request) -> ArchiveAddresses:
    return ArchiveAddresses(get_site(request).settings.web.base_url)


def _get_list(tx: SqlTransaction, slug: str) -> MailingList:
    try:
        return archive.get_list(tx, slug)
    except NotFound as error:
        raise HTTPException(404) from error


def _is_valid_uid(uid: str) -> bool:
    """Check that `uid` may name an edition: PostgreSQL refuses a NUL in a query."""
    return uid.isascii() and uid.isprintable()


def parse_page_number(raw_number: str) -> int:
    """Return the number of a page of a list, or 1 if `raw_number` is not a valid number."""
    if raw_number.isascii() and raw_number.isdigit() and len(raw_number) <= 4:
        return min(max(int(raw_number), 1), MAX_PAGE_NUMBER)
    return 1


def _choose_entry_language(request: Request, entry: ArchiveEntry) -> str:
    default_language = entry.choose_version(entry.language).language
    return choose_reading_language(request, entry.languages, default_language)


def describe_entries(request: Request, entries: Sequence[ArchiveEntry]) -> list[dict[str, Any]]:
    """Return the data about each edition that the templates show, in the best language for the
    reader."""
    site = get_site(request)
    descriptions = []
    for entry in entries:
        version = entry.choose_version(_choose_entry_language(request, entry))
        descriptions.append(
            {
                "path": f"/archive/{entry.list}/{entry.uid}",
                "version": version,
                "day": site.to_office_date(entry.sent_at),
                "corrections": [
                    (
                        site.to_office_date(correction.at),
                        correction.slug,
                        *languages.choose_text(correction.descriptions, version.language),
                    )
                    for correction in entry.corrections
                ],
                "other_titles": [
                    story_parts.shorten_title(title, version.language)
                    for title in version.titles[1 : SHOWN_TITLES + 1]
                ],
                "other_languages": [tag for tag in entry.languages if tag != version.language],
            }
        )
    return descriptions


def find_latest_entries(
    tx: SqlTransaction, mailing_lists: Sequence[MailingList], limit: int
) -> list[ArchiveEntry]:
    """Return the newest editions of these lists, the newest first."""
    entries = [
        entry
        for mailing_list in mailing_lists
        for entry in archive.search_editions(tx, mailing_list, "", limit)
    ]
    return sorted(entries, key=lambda entry: entry.sent_at, reverse=True)[:limit]


def list_picture_urls(descriptions: Iterable[dict[str, Any]]) -> list[str]:
    """Return the addresses of the pictures that a page of these editions shows."""
    pictures = (description["version"].picture for description in descriptions)
    return [picture.url for picture in pictures if picture]


def respond_unless_cached(
    request: Request, content: bytes, content_type: str, headers: dict[str, str]
) -> Response:
    """Return the content, or 304 if the client's cached copy is current (RFC 9110 §13.1.2)."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    cache_headers = {
        "ETag": etag,
        "Cache-Control": "public, no-cache",
        "Vary": "Accept-Language",
    }
    if_none_match = request.headers.get("if-none-match", "")
    if if_none_match.strip() == "*" or etag in (
        tag.strip().removeprefix("W/") for tag in if_none_match.split(",")
    ):
        return Response(status_code=304, headers=cache_headers | headers)
    return Response(content, headers=cache_headers | headers | {"Content-Type": content_type})
