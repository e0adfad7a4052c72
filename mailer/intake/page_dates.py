"""Find the publication date that a web page states about its own article.

Only the article's metadata counts: meta elements, linked data (JSON-LD), microdata, and the <time>
of the article's header. A date in the text, or the date of another story on the page, does not
count.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import dropwhile
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

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
    own_addresses = [address, *_find_canonical_addresses(root, address)]
    dated = [
        record
        for record in dated
        if not _list_addresses(record)
        or any(_states_address(record, own) for own in own_addresses)
        or any(_is_other_site(place, address) for place in _list_addresses(record))
    ]
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


def _find_canonical_addresses(root: Any, address: str) -> list[str]:
    return [
        urljoin(address, link.get("href"))
        for link in root.iter("link")
        if (link.get("rel") or "").lower() == "canonical" and link.get("href")
    ]


def _list_addresses(record: Mapping[str, Any]) -> list[str]:
    """Return the addresses that a record states as its own. An "@id" may be any name."""
    page = record.get("mainEntityOfPage")
    places = [record.get("url"), page]
    if isinstance(page, dict):
        places += [page.get("@id"), page.get("url")]
    return [place for place in places if isinstance(place, str) and place]


def _is_other_site(place: str, address: str) -> bool:
    """Check whether a record names the page on another host, such as the one it was copied from."""
    return urlsplit(urljoin(address, place)).hostname != urlsplit(address).hostname


def _states_address(record: Mapping[str, Any], address: str) -> bool:
    identifier = record.get("@id")
    places = [*_list_addresses(record), *([identifier] if isinstance(identifier, str) else [])]
    return any(
        _strip_address(urljoin(address, place)) == _strip_address(address) for place in places
    )


def _strip_address(address: str) -> str:
    return re.sub(r"^https?://(?:www\.)?", "", urldefrag(address)[0].partition("?")[0]).rstrip("/")


# ---- the article's header -----------------------------------------------------------------------

_PUBLISHED = re.compile(
    r"(?:^|[\s_-])(?:published|publish|pubdate|entry-date|post-date)(?:$|[\s_-])"
)
_OTHER_DATE = re.compile(
    r"updated|modified|event|deadline|duration|expire|birth|death|founding|start|end-?date"
)
_BLOCKS = frozenset(
    {"address", "blockquote", "dd", "div", "dt", "figcaption", "header", "li", "p", "section", "td"}
)


def _split_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LABELS = _split_words(
    """
    first published posted released issued publication release press on at the date time in am pm
    min mins minute minutes read publié publiée publication le à de lecture veröffentlicht
    erschienen stand am um uhr vom datum lesezeit publicado publicada publicación fecha el a las em
    data pubblicato pubblicata il alle gepubliceerd op опубликовано опубликован дата в
    发布 发表 发布时间 时间 日期 نشر نشرت تاريخ النشر في
    """
)
_BEFORE_AUTHORS = frozenset(
    ("by", "written", "von", "par", "por", "di", "door", "автор", "автора", "от", "作者", "بقلم")
)
_MOST_AUTHOR_WORDS = 8
"""Words that may stand beside the date of publication: labels, and then the authors' names."""


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
        elif (
            element.tag == "time"
            and not has_text_begun
            and not _OTHER_DATE.search(marks)
            and _stands_alone(element)
        ):
            plain.append(written)
    return list(dict.fromkeys(marked or plain))


def _stands_alone(time: Any) -> bool:
    """Check that only a label or the author stands beside a date, and no sentence: the date of an
    event, of a birth or of a change is not that of the publication."""
    block = next(
        (parent for parent in time.iterancestors() if parent.tag in _BLOCKS), time.getparent()
    )
    if block is None:
        return True
    text = "".join(_iterate_own_text(block, time))[:500]
    words = list(dropwhile(_LABELS.__contains__, re.findall(r"[^\W\d_]+", text.casefold())))
    return not words or (words[0] in _BEFORE_AUTHORS and len(words) <= _MOST_AUTHOR_WORDS)


def _iterate_own_text(block: Any, time: Any) -> Iterator[str]:
    """Yield the text of `block` beside its dates, without that of blocks and headings in it."""
    yield block.text or ""
    for child in block:
        is_block = child.tag in _BLOCKS or child.tag in {"h1", "h2", "h3", "h4", "ul", "ol"}
        if isinstance(child.tag, str) and not is_block and child.tag != "time":
            yield from _iterate_own_text(child, time)
        yield child.tail or ""


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
