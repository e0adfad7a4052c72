"""The archive: a mail in the browser, and what everybody may read again, with feeds and a sitemap.

What is shown is an edition's frozen body as anybody may read it. Editions that don't stand in the
archive are as if they weren't there (``mailer/archive.py``). Answers that a cache may keep are
asked about again each time (``no-cache`` with an ETag, RFC 9111 §5.2.2.4), and we keep them for a
second ourselves (``kept.py``): then an edition that is taken out is gone.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from fastapi import HTTPException, Request, Response

from mailer import archive, languages, message
from mailer.archive import ArchiveEntry
from mailer.audience import links
from mailer.audience.lists import MailingList
from mailer.editions import EditionBody
from mailer.errors import InputError, NotFound, TokenError
from mailer.store import Transaction
from mailer.web.public import feeds
from mailer.web.public.feeds import ArchiveAddresses
from mailer.web.public.public_site import PublicSite, list_accepted_languages
from mailer.web.public.response_cache import ResponseCache

ENTRIES_PER_PAGE = 20
"""Editions on one page of a list, and in a feed."""
LATEST_COUNT = 3
"""Editions of each list on the archive's first page."""
MAX_PAGE_NUMBER = 1000
MAX_QUERY_LENGTH = 200
"""Characters of a search that are looked at."""
MAX_SITEMAP_ENTRIES = 45_000
"""Editions in the sitemap, which may name 50,000 pages."""

MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a mail's body as a page. Its style stands in its elements, as mail
programs need it; nothing in it is run, loaded but pictures, or sent anywhere."""


def add_routes(site: PublicSite) -> None:
    addresses = ArchiveAddresses(site.settings.web.base_url)

    # ---- one edition ----------------------------------------------------------------------------

    def show_mail(request: Request, token: str) -> Response:
        """A mail in the browser: with its reader's stories, and nothing else of theirs."""
        try:
            link = links.verify_view_link(site.mailer.store.key, token)
        except TokenError:
            return site.refuse_link(request)
        with site.mailer.store.read() as tx:
            body = tx.archive.find_body(link.edition_id, link.language)
            if body is None and tx.archive.was_taken_back(link.edition_id):
                raise HTTPException(410)
        if body is None:
            return site.refuse_link(request)
        return render_body(request, body, body.stories & link.stories, {"X-Robots-Tag": "noindex"})

    def show_edition(request: Request, of: str, uid: str) -> Response:
        with site.mailer.store.read() as tx:
            entry = (
                tx.archive.find_entry(_get_list(tx, of).slug, uid) if _is_valid_uid(uid) else None
            )
            if entry is None:
                raise HTTPException(404)
            body = tx.archive.find_body(entry.edition_id, _choose_reading_language(request, entry))
        if body is None:
            raise HTTPException(404)
        link_values = [f'<{addresses.build_entry_url(entry)}>; rel="canonical"']
        link_values += [
            f'<{addresses.build_entry_url(entry, tag)}>; rel="alternate"; hreflang="{tag}"'
            for tag in entry.languages
        ]
        return render_body(request, body, body.stories, {"Link": ", ".join(link_values)})

    def render_body(
        request: Request, body: EditionBody, stories: int, headers: dict[str, str]
    ) -> Response:
        text = message.render_page(body, stories, site.settings.web.base_url)
        headers |= {"Content-Security-Policy": MAIL_POLICY, "Content-Language": body.language}
        return respond_unless_cached(request, text.encode(), "text/html; charset=utf-8", headers)

    # ---- lists of editions ----------------------------------------------------------------------

    def show_archive(request: Request) -> Response:
        with site.mailer.store.read() as tx:
            lists_with_entries = [
                (mailing_list, archive.search_editions(tx.archive, mailing_list, "", LATEST_COUNT))
                for mailing_list in archive.list_archived_lists(tx.lists)
            ]
        return site.render_page(
            request,
            "archive.html",
            lists=[
                (mailing_list, _describe_entries(site, request, entries))
                for mailing_list, entries in lists_with_entries
            ],
        )

    def show_list_archive(request: Request, of: str) -> Response:
        query = request.query_params.get("q", "")[:MAX_QUERY_LENGTH].strip()
        number = parse_page_number(request.query_params.get("page", ""))
        with site.mailer.store.read() as tx:
            mailing_list = _get_list(tx, of)
            offset = (number - 1) * ENTRIES_PER_PAGE
            entries = archive.search_editions(
                tx.archive, mailing_list, query, ENTRIES_PER_PAGE + 1, offset
            )
        return site.render_page(
            request, "archive-list.html", list=mailing_list, query=query, number=number,
            entries=_describe_entries(site, request, entries[:ENTRIES_PER_PAGE]), older=len(entries) > ENTRIES_PER_PAGE,
        )  # fmt: skip

    # ---- for machines ---------------------------------------------------------------------------

    def render_feed(request: Request, list_slug: str, kind: str) -> Response:
        language = site.choose_language(request)
        with site.mailer.store.read() as tx:
            mailing_list = _get_list(tx, list_slug)
            entries = archive.search_editions(tx.archive, mailing_list, "", ENTRIES_PER_PAGE)
        feed_options: dict[str, Any] = {
            "language": language, "addresses": addresses,
            "corrected": site.get_catalogue(language).gettext("Corrected: %(what)s"),
        }  # fmt: skip
        if kind == feeds.ATOM_TYPE:
            author = site.settings.organisation.name
            text = feeds.build_atom_feed(mailing_list, entries, author=author, **feed_options)
        else:
            text = feeds.build_rss_feed(mailing_list, entries, **feed_options)
        headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Language": language}
        return respond_unless_cached(request, text, f"{kind}; charset=utf-8", headers)

    def show_atom_feed(request: Request, of: str) -> Response:
        return render_feed(request, of, feeds.ATOM_TYPE)

    def show_rss_feed(request: Request, of: str) -> Response:
        return render_feed(request, of, feeds.RSS_TYPE)

    def show_sitemap(request: Request) -> Response:
        with site.mailer.store.read() as tx:
            slugs = [mailing_list.slug for mailing_list in archive.list_archived_lists(tx.lists)]
            entries = tx.archive.list_all_entries(MAX_SITEMAP_ENTRIES)
        paths = ["/", "/archive", "/press"]
        paths += [f"/{page}/{slug}" for slug in slugs for page in ("subscribe", "archive")]
        text = feeds.build_sitemap(paths, entries, addresses)
        return respond_unless_cached(request, text, "application/xml; charset=utf-8", {})

    def show_robots(request: Request) -> Response:
        """What crawlers leave alone: pages that are somebody's own."""
        lines = ["User-agent: *", *(f"Disallow: /{page}/" for page in "cepuv")]
        lines += ["", f"Sitemap: {addresses.site}/sitemap.xml", ""]
        return respond_unless_cached(
            request, "\n".join(lines).encode(), "text/plain; charset=utf-8", {}
        )

    cache = ResponseCache()
    for path, handler in (
        ("/v/{token}", show_mail),
        ("/archive", show_archive),
        ("/archive/{of}", show_list_archive),
        ("/archive/{of}/atom.xml", show_atom_feed),
        ("/archive/{of}/rss.xml", show_rss_feed),
        ("/archive/{of}/{uid}", show_edition),
        ("/sitemap.xml", show_sitemap),
        ("/robots.txt", show_robots),
    ):
        site.add_get_route(path, cache.cache_page(handler))


def _get_list(tx: Transaction, slug: str) -> MailingList:
    try:
        return archive.get_list(tx.lists, slug)
    except NotFound as error:
        raise HTTPException(404) from error


def _is_valid_uid(uid: str) -> bool:
    """Whether it may name an edition: a database may take no NUL."""
    return uid.isascii() and uid.isprintable()


def parse_page_number(raw_number: str) -> int:
    if raw_number.isascii() and raw_number.isdigit() and len(raw_number) <= 4:
        return min(max(int(raw_number), 1), MAX_PAGE_NUMBER)
    return 1


def _choose_reading_language(request: Request, entry: ArchiveEntry) -> str:
    """The language to read an edition in: what is asked for, what the browser likes best, or the
    edition's own. An edition may be in languages that our pages are not in."""
    preferred_tags = (request.query_params.get("lang", ""), *list_accepted_languages(request))
    for tag in preferred_tags:
        try:
            reading_language = (
                languages.choose_language(languages.normalise_tag(tag), entry.languages, "")
                if tag
                else ""
            )
        except InputError:
            continue
        if reading_language:
            return reading_language
    return entry.choose_version(entry.language).language


def _describe_entries(
    site: PublicSite, request: Request, entries: Sequence[ArchiveEntry]
) -> list[dict[str, Any]]:
    """Editions as the templates show them, each in the best language for the reader."""
    descriptions = []
    for entry in entries:
        version = entry.choose_version(_choose_reading_language(request, entry))
        descriptions.append(
            {
                "path": f"/archive/{entry.list}/{entry.uid}",
                "version": version,
                "day": site.to_office_date(entry.sent_at),
                "corrections": [
                    (
                        site.to_office_date(correction.at),
                        correction.slug,
                        *languages.choose_text(correction.what, version.language),
                    )
                    for correction in entry.corrections
                ],
                "others": [tag for tag in entry.languages if tag != version.language],
            }
        )
    return descriptions


def respond_unless_cached(
    request: Request, content: bytes, kind: str, headers: dict[str, str]
) -> Response:
    """The content, or 304 for whoever holds it already (RFC 9110 §13.1.2)."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    cache_headers = {
        "ETag": etag, "Cache-Control": "public, no-cache", "Vary": "Accept-Language",
    }  # fmt: skip
    if_none_match = request.headers.get("if-none-match", "")
    if if_none_match.strip() == "*" or etag in (
        tag.strip().removeprefix("W/") for tag in if_none_match.split(",")
    ):
        return Response(status_code=304, headers=cache_headers | headers)
    return Response(content, headers=cache_headers | headers | {"Content-Type": kind})
