"""Find the publication date that a web page states about its own article.

Only the article's metadata counts: meta elements, linked data (JSON-LD), microdata, and the <time>
of the article's header. A date in the text, or the date of another story on the page, does not
count.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urldefrag, urljoin

from mailer.intake.dates import find_day_first, parse_date
from mailer.intake.omissions import OmissionReport

_META_NAMES = (
    "article:published_time",
    "og:article:published_time",
    "datepublished",
    "citation_publication_date",
    "parsely-pub-date",
    "dcterms.issued",
    "dc.date.issued",
    "dcterms.created",
    "dcterms.date",
    "dc.date",
    "publishdate",
    "publish-date",
    "pubdate",
    "date",
)
_ARTICLE_TYPES = re.compile(r"(?:Article|BlogPosting|PressRelease|Report|SocialMediaPosting)$")
_LONGEST_LINKED_DATA = 500_000
_DEEPEST_LINKED_DATA = 6


def find_publication_time(
    root: Any,
    metas: Mapping[str, str],
    address: str,
    language: str,
    time_zone: str,
    report: OmissionReport,
) -> datetime | None:
    """Return the article's publication time, or None if the page states none for certain.

    `root` is the page's tree (lxml), None for a page that can't be parsed; `language` decides
    the order of dates such as 05/01/2026. Dates that can't be read are added to `report`."""
    day_first = find_day_first(language)
    candidates = (
        *([metas[name]] for name in _META_NAMES if metas.get(name)),
        _find_linked_dates(root, address),
        _find_head_dates(root),
        _find_header_dates(root),
    )
    unreadable = ""
    for dates in candidates:
        moments = {
            moment.date(): moment
            for written in reversed(dates)
            if (moment := parse_date(written, time_zone, day_first=day_first))
        }
        if len(moments) == 1:
            return moments.popitem()[1]
        if moments:
            report.add_omission("date, as the page states several", ", ".join(dates))
            return None
        unreadable = unreadable or next(iter(dates), "")
    if unreadable:
        report.add_omission("date that can't be read", unreadable)
    return None


def _find_linked_dates(root: Any, address: str) -> list[str]:
    """Return the publication dates of the article in the page's linked data.

    If the linked data has articles with different dates, only those with the page's own address
    count."""
    if root is None:
        return []
    records = [
        record
        for script in root.iter("script")
        if script.get("type", "").strip().lower() == "application/ld+json"
        for record in _iterate_records(_parse_linked_data(script.text or ""), 0)
    ]
    articles = [record for record in records if _is_of_type(record, _ARTICLE_TYPES)]
    dated = [record for record in articles if isinstance(record.get("datePublished"), str)]
    if len({record["datePublished"] for record in dated}) > 1:
        dated = [record for record in dated if _states_address(record, address)]
    if not articles:
        page = re.compile("(?:WebPage|ItemPage)$")
        dated = [
            record
            for record in records
            if _is_of_type(record, page) and isinstance(record.get("datePublished"), str)
        ]
    return list(dict.fromkeys(record["datePublished"].strip() for record in dated))


def _parse_linked_data(text: str) -> Any:
    if len(text) > _LONGEST_LINKED_DATA:
        return None
    text = re.sub(r"^\s*(?:<!--|//\s*<!\[CDATA\[)|(?:-->|//\s*\]\]>)\s*$", "", text)
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _iterate_records(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yield the records about the page itself. Records that other properties hold, such as a list
    of stories, are left out."""
    if depth > _DEEPEST_LINKED_DATA:
        return
    if isinstance(value, list):
        for item in value:
            yield from _iterate_records(item, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in ("@graph", "mainEntity"):
            yield from _iterate_records(value.get(name), depth + 1)


def _is_of_type(record: Mapping[str, Any], pattern: re.Pattern[str]) -> bool:
    types = record.get("@type")
    return any(
        isinstance(name, str) and pattern.search(name)
        for name in (types if isinstance(types, list) else [types])
    )


def _states_address(record: Mapping[str, Any], address: str) -> bool:
    page = record.get("mainEntityOfPage")
    places = [record.get("url"), record.get("@id"), page]
    if isinstance(page, dict):
        places += [page.get("@id"), page.get("url")]
    return any(
        _strip_address(urljoin(address, place)) == _strip_address(address)
        for place in places
        if isinstance(place, str) and place
    )


def _strip_address(address: str) -> str:
    return re.sub(r"^https?://(?:www\.)?", "", urldefrag(address)[0].partition("?")[0]).rstrip("/")


# ---- the article's header -----------------------------------------------------------------------

_PUBLISHED = re.compile(
    r"(?:^|[\s_-])(?:published|publish|pubdate|entry-date|post-date)(?:$|[\s_-])"
)
_OTHER_DATE = re.compile(r"updated|modified|event|deadline|duration|expire")


def _find_head_dates(root: Any) -> list[str]:
    head = None if root is None else root.find("head")
    return [
        meta.get("content").strip()
        for meta in (() if head is None else head.iter("meta"))
        if meta.get("itemprop", "").lower() == "datepublished" and meta.get("content")
    ]


def _find_header_dates(root: Any) -> list[str]:
    """Return the publication dates that the article's elements state.

    If elements are marked as the publication date, only their dates are returned. Otherwise the
    dates of the <time> elements above the article's first paragraph are returned."""
    article = _find_article(root)
    if article is None:
        return []
    marked: list[str] = []
    plain: list[str] = []
    has_text_begun = False
    for element in article.iter():
        if not isinstance(element.tag, str):
            continue
        marks = " ".join(
            element.get(name) or "" for name in ("class", "itemprop", "property")
        ).lower()
        is_published = "datepublished" in marks or element.get("pubdate") is not None
        if "datepublished" in marks and _is_in_inner_article(element, article):
            continue
        if element.tag == "p" and len(" ".join(element.itertext()).split()) > 12:
            has_text_begun = True
        if element.tag != "time" and not is_published:
            continue
        written = (
            element.get("datetime") or element.get("content") or " ".join(element.itertext())
        ).strip()
        if not written or _is_in_inner_article(element, article):
            continue
        if is_published or (_PUBLISHED.search(marks) and not _OTHER_DATE.search(marks)):
            marked.append(written)
        elif element.tag == "time" and not has_text_begun and not _OTHER_DATE.search(marks):
            plain.append(written)
    return list(dict.fromkeys(marked or plain))


def _find_article(root: Any) -> Any:
    """Return the page's only <article>, otherwise its only record of an article in microdata,
    otherwise its <main>, or None."""
    if root is None:
        return None
    outer_articles = [
        article
        for article in root.iter("article")
        if not any(parent.tag == "article" for parent in article.iterancestors())
    ]
    if len(outer_articles) == 1:
        return outer_articles[0]
    with_heading = [article for article in outer_articles if article.find(".//h1") is not None]
    if len(with_heading) == 1:
        return with_heading[0]
    if outer_articles:
        return None
    records = [
        element
        for element in root.iter()
        if isinstance(element.tag, str) and _ARTICLE_TYPES.search(element.get("itemtype") or "")
    ]
    return records[0] if len(records) == 1 else next(root.iter("main"), None)


def _is_in_inner_article(element: Any, article: Any) -> bool:
    for parent in element.iterancestors():
        if parent is article:
            return False
        if parent.tag in {"article", "aside", "nav", "footer"}:
            return True
    return False
