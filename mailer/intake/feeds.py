"""Read feeds as drafts: RSS 0.91, 0.92, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed, and faulty ones.

feedparser parses the feed, and this module chooses the values that make an article. Half of all
feeds are broken in some way, so a feed is read as far as possible, and its faults are reported
together with the drafts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape, unescape
from io import BytesIO
from typing import Any
from urllib.parse import urljoin

from mailer.errors import InputError, MailerError
from mailer.intake import json_feeds
from mailer.intake.attachments import report_attachment
from mailer.intake.characters import decode_text
from mailer.intake.clipboard import convert_plain_text, is_html
from mailer.intake.dates import find_date_order, is_order_needed, parse_date
from mailer.intake.drafts import (
    Draft,
    DraftBatch,
    DraftDefaults,
    DraftProblem,
    SourceArticle,
    build_draft,
    separate_slugs,
    to_beginning,
    to_one_line,
)
from mailer.intake.extra import import_package
from mailer.intake.feed_repair import close_truncated_feed, repair_xml
from mailer.intake.omissions import OmissionReport
from mailer.model.articles import Image

MAX_ENTRIES = 100
"""Maximum number of entries that are read from one feed."""


def read_feed(
    data: bytes,
    defaults: DraftDefaults,
    *,
    address: str = "",
    content_type: str = "",
    max_entries: int = MAX_ENTRIES,
) -> DraftBatch:
    """Read the entries of a feed, each as a draft or a problem. A bad entry does not exclude the
    others.

    `address` is the feed's address, `content_type` the header field that the server sent with it.
    Raises InputError if `data` is not a feed."""
    if json_feeds.is_json_feed(data):
        return json_feeds.read_json_feed(data, defaults, address=address, max_entries=max_entries)
    origin = address or "feed"
    text, encoding_problem = decode_text(data, content_type)
    text, truncation_problem = close_truncated_feed(repair_xml(text))
    parsed = _parse_feed(text, origin)
    problems = [
        DraftProblem(
            origin, InputError(message, where=origin, hint="the readable entries were imported")
        )
        for message in (encoding_problem, truncation_problem, _describe_malformed(parsed))
        if message
    ]
    if not parsed["entries"] and not parsed.get("version"):
        raise _create_no_feed_error(text, address, origin)
    if len(parsed["entries"]) > max_entries:
        problems.append(_create_limit_problem(len(parsed["entries"]), max_entries, origin))
    day_first = find_date_order(_get_written_date(entry) for entry in parsed["entries"])
    drafts: dict[str, Draft] = {}
    for entry in parsed["entries"][:max_entries]:
        report = _report_attachments(entry)
        published = _find_publication_time(entry, defaults.time_zone, day_first, report)
        article = _build_source_article(entry, parsed["feed"], address, origin, published)
        try:
            entry_draft = build_draft(article, defaults, report)
        except MailerError as error:
            problems.append(DraftProblem(article.origin, error, article.key))
            continue
        if entry_draft.key in drafts and not entry.get("id") and not article.address:
            # The title and date of two stories may be the same; then their text tells them apart.
            entry_draft = replace(entry_draft, key=f"{article.key} {_shorten(article.body)}")
        if entry_draft.key not in drafts:
            drafts[entry_draft.key] = entry_draft
        elif drafts[entry_draft.key].fingerprint != entry_draft.fingerprint:
            problems.append(_create_duplicate_problem(entry_draft))
    return DraftBatch(separate_slugs(drafts.values()), tuple(problems))


def _shorten(html: str) -> str:
    return to_beginning(html, 200)[:200]


def find_feed_addresses(page: str, base: str) -> list[str]:
    """Return the addresses of the feeds that a web page names in its head."""
    feed_addresses = []
    for link in re.findall(r"<link\b[^>]{0,1000}>", page[:200_000], re.IGNORECASE):
        type_match = re.search(r"application/(?:rss|atom|rdf)\+xml", link, re.IGNORECASE)
        href_match = re.search(r"""href\s*=\s*["']?([^"'\s>]+)""", link, re.IGNORECASE)
        if type_match and href_match:
            feed_addresses.append(urljoin(base, href_match[1].replace("&amp;", "&")))
    return list(dict.fromkeys(feed_addresses))


# ---- the file ---------------------------------------------------------------------------------


def _parse_feed(text: str, origin: str) -> Any:
    """Parse the feed with feedparser. Raises InputError if feedparser fails.

    feedparser gets text that is declared as UTF-8, since it would guess the charset by rules that
    RFC 7303 has replaced."""
    plain = re.sub(r"^<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)
    # feedparser must not know the feed's address, or it would make a link of every id.
    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        # feedparser gets a file object, since it would open a string as an address or a path.
        return import_package("feedparser").parse(
            BytesIO(plain.encode("utf-8", "replace")),
            response_headers=headers,
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except MailerError:
        raise
    except Exception as error:
        raise InputError(
            f"the feed can't be read ({error})", where=origin, hint="check it with a feed validator"
        ) from error


def _describe_malformed(parsed: Mapping[str, Any]) -> str:
    error: Any = parsed.get("bozo_exception")
    if not parsed.get("bozo") or not hasattr(error, "getLineNumber"):
        return ""
    return f"the feed is not well-formed XML (line {error.getLineNumber()}: {error.getMessage()})"


def _create_no_feed_error(text: str, address: str, origin: str) -> InputError:
    if re.search(r"<(?:!doctype\s+html|html|head|body)\b", text[:5000], re.IGNORECASE):
        feed_addresses = find_feed_addresses(text, address)
        return InputError(
            "the address leads to a web page, not to a feed",
            where=origin,
            hint=f"the page names its feed: {feed_addresses[0]}"
            if feed_addresses
            else "use the address of the page's feed",
        )
    return InputError(
        "the file is not a feed", where=origin, hint="use the address of an RSS or Atom feed"
    )


def _create_limit_problem(count: int, max_entries: int, origin: str) -> DraftProblem:
    error = InputError(
        f"the feed has {count} entries, of which the first {max_entries} were read",
        where=origin,
        hint="add older ones by hand",
    )
    return DraftProblem(origin, error)


def _create_duplicate_problem(duplicate: Draft) -> DraftProblem:
    error = InputError(
        f"two entries have the id {duplicate.key}",
        where=duplicate.origin,
        hint="the first was imported; ask the feed's owner to give each entry its own id",
    )
    return DraftProblem(duplicate.origin, error, duplicate.key)


# ---- an entry ---------------------------------------------------------------------------------


def _build_source_article(
    entry: dict[str, Any],
    feed: Mapping[str, Any],
    address: str,
    origin: str,
    published: datetime | None,
) -> SourceArticle:
    body, detail = _choose_body(entry)
    summary = _convert_to_html(entry.get("summary_detail"))
    title = _convert_to_html(entry.get("title_detail"))
    site = _join_address(address, str(feed.get("link", ""))) or address
    link = _find_link(entry, site)
    headline = to_one_line(title)
    key = str(entry.get("id") or link or "")
    if not key:
        beginning = "" if title else _shorten(body)
        key = f"{headline} {published or ''} {beginning}".strip()
    return SourceArticle(
        origin=f"{origin}, {headline or link or key}",
        title=title,
        body=body,
        summary=summary,
        base=_join_address(site, str(detail.get("base") or "")) or link or site,
        key=key,
        address=link,
        published=published,
        language=str(
            dict.get(entry, "language") or detail.get("language") or feed.get("language") or ""
        ),
        authors=_list_authors(entry, feed),
        categories=tuple(
            str(tag.get("label") or tag.get("term") or "") for tag in entry.get("tags", ())
        ),
        picture=_find_picture(entry, link),
    )


def _choose_body(entry: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return (html, construct) of the entry's body. The body is the longest of the entry's
    contents, since the longest is the whole text. If the entry has no contents, the body is its
    summary."""
    contents = [
        content for content in entry.get("content", ()) if str(content.get("value", "")).strip()
    ]
    texts = [content for content in contents if _is_text_type(content)]
    if texts:
        longest = max(texts, key=lambda content: len(str(content["value"])))
        return _convert_to_html(longest), longest
    detail = entry.get("summary_detail") or {}
    if _is_film_description(entry):
        # YouTube describes its films in media:description alone.
        text = str(entry.get("media_alt") or "")
        return convert_plain_text(text), {"type": "text/plain", "value": text}
    return _convert_to_html(detail), detail


def _is_film_description(entry: dict[str, Any]) -> bool:
    """Check that the entry is about a film and has no text of its own."""
    details = (*entry.get("content", ()), entry.get("summary_detail") or {})
    if any(str(detail.get("value", "")).strip() for detail in details):
        return False
    kinds = [
        f"{media.get('medium', '')} {media.get('type', '')}"
        for media in entry.get("media_content", ())
    ]
    return "yt_videoid" in entry or any("video" in kind or "flash" in kind for kind in kinds)


def _is_text_type(detail: Mapping[str, Any]) -> bool:
    kind = str(detail.get("type") or "text/html").lower()
    return kind.startswith("text/") or "html" in kind


_ESCAPED = re.compile(r"&lt;/?(?:a|b|br|div|em|h\d|i|img|li|ol|p|span|strong|ul)\b[^<]*?&gt;")


def _convert_to_html(detail: Mapping[str, Any] | None) -> str:
    """Return the construct's value as HTML.

    Plain text is escaped and its empty lines separate paragraphs. HTML that was escaped twice is
    unescaped once more."""
    value = str((detail or {}).get("value", ""))
    if detail and detail.get("type") == "text/plain":
        return "".join(f"<p>{escape(part)}</p>" for part in re.split(r"\n\s*\n", value))
    if detail and detail.get("type") == "application/xhtml+xml":
        # feedparser writes <br></br>, which HTML parsers read as two line breaks.
        return re.sub(r"</(?:br|hr|img)>", "", value)
    if re.search(r"\S\n[ \t]*\n", value) and not is_html(value) and not _ESCAPED.search(value):
        # Plain text in place of HTML: its empty lines separate paragraphs.
        return "".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", value))
    if _ESCAPED.search(value) and not re.search("<[a-zA-Z]", value):
        return unescape(value)
    return value


def _find_link(entry: dict[str, Any], base: str) -> str:
    links: Sequence[Mapping[str, Any]] = entry.get("links", ())
    pages = [
        str(candidate.get("href", ""))
        for candidate in links
        if candidate.get("rel", "alternate") == "alternate"
        and "html" in str(candidate.get("type") or "text/html")
    ]
    link = next(filter(None, pages), "") or str(entry.get("link") or "")
    # In RSS 2.0 an id is a link unless the feed says otherwise, which most feeds forget.
    if link == entry.get("id") and not re.match("https?:", link):
        return ""
    return _join_address(base, link)


def _join_address(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip()) if address.strip() else ""
    except ValueError:
        return ""


def _get_written_date(entry: dict[str, Any]) -> str:
    """Return the first date that the entry states, in the order publication, creation, change."""
    # dict.get, because entry[name] warns if it falls back to another date.
    dates = (str(dict.get(entry, name) or "") for name in ("published", "created", "updated"))
    return next(filter(None, dates), "").strip()


def _find_publication_time(
    entry: dict[str, Any], time_zone: str, day_first: bool | None, report: OmissionReport
) -> datetime | None:
    """Return the entry's publication time in UTC, or None if it states none that can be read.

    feedparser's own dates are not used: it completes dates that it can't read from today's date."""
    written = _get_written_date(entry)
    moment = parse_date(written, time_zone, day_first=day_first)
    if moment is None:
        if written:
            report.add_omission("date that can't be read", written)
        return None
    if is_order_needed(written):
        order = "day before month" if day_first else "month before day"
        report.add_omission(
            f"nothing, but the date was read as {order}, as in other entries", written
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        report.add_omission("impossible date", written)
        return None


def _list_authors(entry: dict[str, Any], feed: Mapping[str, Any]) -> tuple[str, ...]:
    names = [str(author.get("name") or "") for author in entry.get("authors", ()) if author]
    return tuple(filter(None, names)) or (str(entry.get("author") or ""),)


def _iterate_pictures(entry: dict[str, Any]) -> Iterator[str]:
    for media in entry.get("media_content", ()):
        kind = f"{media.get('medium', '')} {media.get('type', '')}"
        if "image" in kind or re.search(r"\.(?:jpe?g|png|gif|webp)$", str(media.get("url", ""))):
            yield str(media.get("url", ""))
    for media in entry.get("enclosures", ()):
        if str(media.get("type", "")).startswith("image/"):
            yield str(media.get("href", ""))
    for media in entry.get("media_thumbnail", ()):
        yield str(media.get("url", ""))
    yield str((entry.get("image") or {}).get("href") or "")


def _find_picture(entry: dict[str, Any], base: str) -> Image | None:
    url = next(filter(None, _iterate_pictures(entry)), "")
    if not url:
        return None
    credit = next(
        (str(media_credit.get("content", "")) for media_credit in entry.get("media_credit", ())), ""
    )
    description = "" if _is_film_description(entry) else entry.get("media_alt")
    alt = str(description or entry.get("media_name") or "")
    return Image(_join_address(base, url), alt, credit)


def _report_attachments(entry: dict[str, Any]) -> OmissionReport:
    """Report the entry's attachments, except pictures, as omissions."""
    report = OmissionReport()
    for attachment in (*entry.get("enclosures", ()), *entry.get("media_content", ())):
        address = str(attachment.get("href") or attachment.get("url") or "")
        written = str(attachment.get("type") or attachment.get("medium") or "")
        report_attachment(address, written, report)
    if any(content.get("src") and not content.get("value") for content in entry.get("content", ())):
        report.add_omission("whole text, which stands at another address")
    return report
