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
from mailer.archive import Entry
from mailer.audience import links
from mailer.audience.lists import MailingList
from mailer.editions import Body
from mailer.errors import InputError, NotFound, TokenError
from mailer.store import Transaction
from mailer.web.public import feeds
from mailer.web.public.feeds import Addresses
from mailer.web.public.kept import Kept
from mailer.web.public.site import Site, accepted

ON_A_PAGE = 20
"""Editions on one page of a list, and in a feed."""
LATEST = 3
"""Editions of each list on the archive's first page."""
LAST_PAGE = 1000
LONGEST_QUERY = 200
"""Characters of a search that are looked at."""
SITEMAP_MOST = 45_000
"""Editions in the sitemap, which may name 50,000 pages."""

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy of a mail's body as a page. Its style stands in its elements, as mail
programs need it; nothing in it is run, loaded but pictures, or sent anywhere."""


def add(site: Site) -> None:
    addresses = Addresses(site.settings.web.base_url)

    # ---- one edition ----------------------------------------------------------------------------

    def view(request: Request, token: str) -> Response:
        """A mail in the browser: with its reader's stories, and nothing else of theirs."""
        try:
            link = links.view(site.mailer.store.key, token)
        except TokenError:
            return site.refusal(request)
        with site.mailer.store.read() as tx:
            body = tx.archive.body(link.edition_id, link.language)
            if body is None and tx.archive.was_taken_back(link.edition_id):
                raise HTTPException(410)
        if body is None:
            return site.refusal(request)
        return _body(request, body, body.stories & link.stories, {"X-Robots-Tag": "noindex"})

    def edition(request: Request, of: str, uid: str) -> Response:
        with site.mailer.store.read() as tx:
            entry = tx.archive.entry(_list(tx, of).slug, uid) if _is_uid(uid) else None
            if entry is None:
                raise HTTPException(404)
            body = tx.archive.body(entry.edition_id, _reading(request, entry))
        if body is None:
            raise HTTPException(404)
        also = [f'<{addresses.of_entry(entry)}>; rel="canonical"']
        also += [
            f'<{addresses.of_entry(entry, tag)}>; rel="alternate"; hreflang="{tag}"'
            for tag in entry.languages
        ]
        return _body(request, body, body.stories, {"Link": ", ".join(also)})

    def _body(request: Request, body: Body, stories: int, headers: dict[str, str]) -> Response:
        text = message.page(body, stories, site.settings.web.base_url)
        headers |= {"Content-Security-Policy": POLICY, "Content-Language": body.language}
        return unless_held(request, text.encode(), "text/html; charset=utf-8", headers)

    # ---- lists of editions ----------------------------------------------------------------------

    def everything(request: Request) -> Response:
        with site.mailer.store.read() as tx:
            shown = [
                (one, archive.search(tx.archive, one, "", LATEST))
                for one in archive.lists(tx.lists)
            ]
        return site.page(
            request,
            "archive.html",
            lists=[(one, _lines(site, request, entries)) for one, entries in shown],
        )

    def of_list(request: Request, of: str) -> Response:
        query = request.query_params.get("q", "")[:LONGEST_QUERY].strip()
        number = page_number(request.query_params.get("page", ""))
        with site.mailer.store.read() as tx:
            list_ = _list(tx, of)
            first = (number - 1) * ON_A_PAGE
            found = archive.search(tx.archive, list_, query, ON_A_PAGE + 1, first)
        return site.page(
            request, "archive-list.html", list=list_, query=query, number=number,
            entries=_lines(site, request, found[:ON_A_PAGE]), older=len(found) > ON_A_PAGE,
        )  # fmt: skip

    # ---- for machines ---------------------------------------------------------------------------

    def feed(request: Request, of: str, kind: str) -> Response:
        language = site.language(request)
        with site.mailer.store.read() as tx:
            list_ = _list(tx, of)
            entries = archive.search(tx.archive, list_, "", ON_A_PAGE)
        given: dict[str, Any] = {
            "language": language, "addresses": addresses,
            "corrected": site.words(language).gettext("Corrected: %(what)s"),
        }  # fmt: skip
        if kind == feeds.ATOM_TYPE:
            author = site.settings.organisation.name
            text = feeds.atom(list_, entries, author=author, **given)
        else:
            text = feeds.rss(list_, entries, **given)
        headers = {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Language": language}
        return unless_held(request, text, f"{kind}; charset=utf-8", headers)

    def atom(request: Request, of: str) -> Response:
        return feed(request, of, feeds.ATOM_TYPE)

    def rss(request: Request, of: str) -> Response:
        return feed(request, of, feeds.RSS_TYPE)

    def sitemap(request: Request) -> Response:
        with site.mailer.store.read() as tx:
            slugs = [one.slug for one in archive.lists(tx.lists)]
            entries = tx.archive.everything(SITEMAP_MOST)
        paths = ["/", "/archive", "/press"]
        paths += [f"/{page}/{slug}" for slug in slugs for page in ("subscribe", "archive")]
        text = feeds.sitemap(paths, entries, addresses)
        return unless_held(request, text, "application/xml; charset=utf-8", {})

    def robots(request: Request) -> Response:
        """What crawlers leave alone: pages that are somebody's own."""
        lines = ["User-agent: *", *(f"Disallow: /{page}/" for page in "cepuv")]
        lines += ["", f"Sitemap: {addresses.site}/sitemap.xml", ""]
        return unless_held(request, "\n".join(lines).encode(), "text/plain; charset=utf-8", {})

    kept = Kept()
    for path, page in (
        ("/v/{token}", view),
        ("/archive", everything),
        ("/archive/{of}", of_list),
        ("/archive/{of}/atom.xml", atom),
        ("/archive/{of}/rss.xml", rss),
        ("/archive/{of}/{uid}", edition),
        ("/sitemap.xml", sitemap),
        ("/robots.txt", robots),
    ):
        site.get(path, kept.page(page))


def _list(tx: Transaction, slug: str) -> MailingList:
    try:
        return archive.get_list(tx.lists, slug)
    except NotFound as error:
        raise HTTPException(404) from error


def _is_uid(uid: str) -> bool:
    """Whether it may name an edition: a database may take no NUL."""
    return uid.isascii() and uid.isprintable()


def page_number(written: str) -> int:
    if written.isascii() and written.isdigit() and len(written) <= 4:
        return min(max(int(written), 1), LAST_PAGE)
    return 1


def _reading(request: Request, entry: Entry) -> str:
    """The language to read an edition in: what is asked for, what the browser likes best, or the
    edition's own. An edition may be in languages that our pages are not in."""
    wanted = (request.query_params.get("lang", ""), *accepted(request))
    for tag in wanted:
        try:
            found = languages.choose(languages.normalise(tag), entry.languages, "") if tag else ""
        except InputError:
            continue
        if found:
            return found
    return entry.version(entry.language).language


def _lines(site: Site, request: Request, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Editions as the templates show them, each in the best language for the reader."""
    made = []
    for one in entries:
        version = one.version(_reading(request, one))
        made.append(
            {
                "path": f"/archive/{one.list}/{one.uid}",
                "version": version,
                "day": site.day(one.sent_at),
                "corrections": [
                    (site.day(each.at), each.slug, *languages.told(each.what, version.language))
                    for each in one.corrections
                ],
                "others": [tag for tag in one.languages if tag != version.language],
            }
        )
    return made


def unless_held(request: Request, content: bytes, kind: str, headers: dict[str, str]) -> Response:
    """The content, or 304 for whoever holds it already (RFC 9110 §13.1.2)."""
    mark = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    kept = {
        "ETag": mark, "Cache-Control": "public, no-cache", "Vary": "Accept-Language",
    }  # fmt: skip
    held = request.headers.get("if-none-match", "")
    if held.strip() == "*" or mark in (one.strip().removeprefix("W/") for one in held.split(",")):
        return Response(status_code=304, headers=kept | headers)
    return Response(content, headers=kept | headers | {"Content-Type": kind})
