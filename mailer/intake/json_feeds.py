"""Read JSON Feed 1.0 and 1.1 (jsonfeed.org) as drafts."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urljoin

from mailer.errors import InputError, MailerError
from mailer.intake.attachments import report_attachment
from mailer.intake.characters import decode_text
from mailer.intake.clipboard import convert_plain_text
from mailer.intake.dates import parse_date
from mailer.intake.drafts import (
    Draft,
    DraftBatch,
    DraftDefaults,
    DraftProblem,
    SourceArticle,
    build_draft,
    separate_slugs,
)
from mailer.intake.omissions import OmissionReport
from mailer.model.articles import Image

LARGEST = 20_000_000
"""Maximum size of a feed in bytes."""

_VERSION = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*\{")


def is_json_feed(data: bytes) -> bool:
    """Check whether `data` is an object of JSON. Its version is checked when it is read."""
    return _VERSION.match(data) is not None


def read_json_feed(
    data: bytes, defaults: DraftDefaults, *, address: str, max_entries: int
) -> DraftBatch:
    """Read the items of a feed, each as a draft or a problem.

    Raises InputError if `data` is not a JSON Feed, or breaks off."""
    origin = address or "feed"
    feed, encoding_problem = _parse_feed(data, origin)
    items = feed["items"]
    drafts: dict[str, Draft] = {}
    problems = [DraftProblem(origin, error) for error in _describe_faults(encoding_problem, origin)]
    if len(items) > max_entries:
        message = f"the feed has {len(items)} entries, of which the first {max_entries} were read"
        error = InputError(message, where=origin, hint="add older ones by hand")
        problems.append(DraftProblem(origin, error))
    for number, item in enumerate(items[:max_entries], 1):
        where, key = f"{origin}, item {number}", ""
        try:
            if not isinstance(item, dict):
                raise InputError("the item is not an object", where=where)
            report = OmissionReport()
            article = _build_article(item, feed, address, where, defaults, report)
            key = article.key
            draft = build_draft(article, defaults, report)
            if key in drafts:
                raise InputError(f"two items have the id {key}", where=where)
            drafts[key] = draft
        except MailerError as error:
            problems.append(DraftProblem(where, error, key))
    return DraftBatch(separate_slugs(drafts.values()), tuple(problems))


def _parse_feed(data: bytes, origin: str) -> tuple[dict[str, Any], str]:
    if len(data) > LARGEST:
        raise InputError(f"the feed is larger than {LARGEST // 1_000_000} MB", where=origin)
    text, problem = decode_text(data)
    try:
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the feed is not JSON ({error})", where=origin, hint="check it with a feed validator"
        ) from error
    version = feed.get("version") if isinstance(feed, dict) else None
    if not re.match(r"https?://jsonfeed\.org/version/1", str(version)):
        raise InputError(
            "the file is not a feed: it is JSON of another kind",
            where=origin,
            hint="use the address of an RSS or Atom feed, or of a JSON Feed",
        )
    if not isinstance(feed.get("items"), list):
        raise InputError(
            "the file is not a feed: it has no items",
            where=origin,
            hint="use the address of an RSS or Atom feed, or of a JSON Feed",
        )
    return feed, problem


def _describe_faults(encoding_problem: str, origin: str) -> Iterator[InputError]:
    if encoding_problem:
        yield InputError(encoding_problem, where=origin, hint="the readable items were imported")


def _build_article(
    item: Mapping[str, Any],
    feed: Mapping[str, Any],
    address: str,
    origin: str,
    defaults: DraftDefaults,
    report: OmissionReport,
) -> SourceArticle:
    site = urljoin(address, _get_text(feed, "home_page_url")) or address
    link = _join(site, _get_text(item, "url") or _get_text(item, "external_url"))
    published = _find_publication_time(item, defaults.time_zone, report)
    body = _get_text(item, "content_html") or convert_plain_text(_get_text(item, "content_text"))
    summary = _get_text(item, "summary")
    for attachment in _list_objects(item, "attachments"):
        url = _join(site, _get_text(attachment, "url"))
        report_attachment(url, _get_text(attachment, "mime_type"), report)
    title = _get_text(item, "title")
    return SourceArticle(
        origin=origin,
        title=escape(title, quote=False),
        body=body or convert_plain_text(summary),
        summary=escape(summary, quote=False) if body else "",
        base=link or site,
        key=_get_text(item, "id") or link or f"{title} {published or ''}".strip() or body[:200],
        address=link,
        published=published,
        language=_get_text(item, "language") or _get_text(feed, "language"),
        authors=tuple(_list_authors(item) or _list_authors(feed)),
        categories=tuple(tag for tag in _list_values(item, "tags") if isinstance(tag, str)),
        picture=_find_picture(item, site),
    )


def _get_text(record: Mapping[str, Any], name: str) -> str:
    """Return a text. Version 1.0 let publishers write numbers as ids."""
    value = record.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _list_values(record: Mapping[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    return value if isinstance(value, list) else []


def _list_objects(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [value for value in _list_values(record, name) if isinstance(value, dict)]


def _list_authors(record: Mapping[str, Any]) -> list[str]:
    old_author = record.get("author")
    authors = [
        *_list_objects(record, "authors"),
        *([old_author] if isinstance(old_author, dict) else []),
    ]
    return list(dict.fromkeys(filter(None, (_get_text(author, "name") for author in authors))))


def _find_picture(item: Mapping[str, Any], site: str) -> Image | None:
    url = _get_text(item, "image") or _get_text(item, "banner_image")
    return Image(_join(site, url), "", "") if url else None


def _find_publication_time(
    item: Mapping[str, Any], time_zone: str, report: OmissionReport
) -> datetime | None:
    written = _get_text(item, "date_published") or _get_text(item, "date_modified")
    moment = parse_date(written, time_zone) if written else None
    try:
        if moment is not None:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    if written:
        report.add_omission("date that can't be read", written)
    return None


def _join(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip()) if address.strip() else ""
    except ValueError:
        return ""
