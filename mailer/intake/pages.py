"""Extract the article from a web page as a draft, without the site's navigation and frame.

trafilatura finds the article by heuristics that work well. Staff paste articles that it misses.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from mailer.errors import InputError, MailerError
from mailer.intake.characters import decode_text
from mailer.intake.drafts import Draft, DraftDefaults, SourceArticle, build_draft
from mailer.intake.extra import import_package
from mailer.intake.normalise import to_plain_text
from mailer.intake.normalise.clean import count_elements, get_host
from mailer.intake.normalise.html import render_start_tag
from mailer.intake.omissions import OmissionReport
from mailer.model.articles import Image

SHORTEST = 20
"""Minimum length of an article in characters, not counting its links."""

_REPORTED_KINDS = frozenset({"frame", "sound", "video", "video frame"})


def read_page(
    data: bytes, defaults: DraftDefaults, *, address: str, content_type: str = ""
) -> Draft:
    """Read the article on the page that was fetched from `address`.

    Raises InputError for a page without an article."""
    page, encoding_problem = decode_text(data, content_type)
    extracted = _extract_article(page, address)
    body = (
        "".join(_convert_to_html(extracted.body))
        if extracted is not None and extracted.body is not None
        else ""
    )
    # A page with only links is a table of contents.
    if len(to_plain_text(re.sub(r"<a\b.*?</a>", "", body, flags=re.DOTALL))) < SHORTEST:
        raise InputError(
            "no article was found on the page",
            where=address,
            hint="paste the article's text, or use the address of the article itself",
        )
    report = OmissionReport()
    if encoding_problem:
        report.add_omission("doubtful characters", encoding_problem)
    page_report = OmissionReport()
    count_elements(page, page_report)
    report.add_omissions(
        omission for omission in page_report.list_omissions() if omission.kind in _REPORTED_KINDS
    )
    metas = _find_metas(page)
    link = extracted.url if get_host(extracted.url or "") else address
    alt = escape(metas.get("og:image:alt", ""), quote=False)
    picture = urljoin(address, extracted.image) if extracted.image else ""
    article = SourceArticle(
        origin=address,
        title=escape(extracted.title or metas.get("og:title", ""), quote=False),
        summary=escape(extracted.description or "", quote=False),
        body=body,
        base=urljoin(address, _find_base(page)),
        key=link,
        address=link,
        published=_find_publication_time(page, metas, extracted.date or "", defaults.time_zone),
        language=_find_language(page),
        authors=tuple(re.split(r"\s*;\s*", extracted.author or "")),
        categories=(*(extracted.categories or ()), *(extracted.tags or ())),
        picture=Image(picture, alt) if picture else None,
    )
    return build_draft(article, defaults, report)


def _extract_article(page: str, address: str) -> Any:
    text = re.sub(r"^\s*<\?xml.*?\?>", "", page, count=1, flags=re.DOTALL)
    try:
        return import_package("trafilatura").bare_extraction(
            text,
            url=address,
            include_comments=False,
            include_formatting=True,
            include_images=True,
            include_links=True,
            include_tables=True,
            with_metadata=True,
        )
    except MailerError:
        raise
    except Exception as error:
        raise InputError(
            f"the page can't be read ({error})", where=address, hint="paste the article's text"
        ) from error


# ---- trafilatura's elements ---------------------------------------------------------------------

_ELEMENTS = {
    "cell": "td",
    "code": "code",
    "del": "del",
    "item": "li",
    "p": "p",
    "quote": "blockquote",
    "row": "tr",
    "table": "table",
}
_RENDERED = {"#b": "strong", "#i": "em", "#u": "u", "#t": "code", "#sub": "sub", "#sup": "sup"}


def _convert_to_html(element: Any) -> Iterator[str]:
    """Yield the HTML of an element that trafilatura returns, which uses TEI's elements."""
    if not isinstance(element.tag, str):
        return
    tag, attributes = _map_tag(element)
    if tag:
        yield render_start_tag(tag, tuple(attributes.items()))
    yield escape(element.text or "", quote=False)
    for child in element:
        yield from _convert_to_html(child)
        yield escape(child.tail or "", quote=False)
    if tag and tag not in {"br", "img"}:
        yield f"</{tag}>"


def _map_tag(element: Any) -> tuple[str, dict[str, str]]:
    rendered = element.get("rend", "")
    if element.tag == "head":
        return (rendered if re.fullmatch("h[1-6]", rendered) else "h2"), {}
    if element.tag == "list":
        return ("ol" if rendered.startswith("ol") else "ul"), {}
    if element.tag == "hi":
        return _RENDERED.get(rendered, ""), {}
    if element.tag == "ref":
        return "a", {"href": element.get("target", "")}
    if element.tag == "graphic":
        return "img", {name: element.get(name, "") for name in ("src", "alt", "title")}
    if element.tag == "lb":
        return "br", {}
    if element.tag == "cell" and element.get("role") == "head":
        return "th", {}
    if element.tag == "code" and "\n" in (element.text or ""):
        return "pre", {}
    return _ELEMENTS.get(element.tag, ""), {}


# ---- the page's head ----------------------------------------------------------------------------


def _find_metas(page: str) -> dict[str, str]:
    metas: dict[str, str] = {}
    for tag in re.findall(r"<meta\b[^<>]{1,3000}>", page[:300_000], re.IGNORECASE):
        attributes = {
            name.lower(): unescape(double_quoted or single_quoted)
            for name, double_quoted, single_quoted in re.findall(
                r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag
            )
        }
        name = (
            attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
        )
        metas.setdefault(name.lower(), attributes.get("content", ""))
    return metas


def _find_base(page: str) -> str:
    match = re.search(
        r"""<base\b[^<>]{0,500}?href\s*=\s*["']?([^"'\s>]+)""", page[:50_000], re.IGNORECASE
    )
    return unescape(match[1]) if match else ""


def _find_language(page: str) -> str:
    match = re.search(
        r"""<html\b[^<>]{0,1000}?\blang\s*=\s*["']?([\w-]+)""", page[:50_000], re.IGNORECASE
    )
    return match[1] if match else ""


def _find_publication_time(
    page: str, metas: dict[str, str], day: str, time_zone: str
) -> datetime | None:
    """Return the page's publication time, to the minute if the page gives it, otherwise the day.
    Return None if the page has no date."""
    linked_data_match = re.search(r'"datePublished"\s*:\s*"([^"]{10,40})"', page)
    for written in (
        metas.get("article:published_time", ""),
        linked_data_match[1] if linked_data_match else "",
        metas.get("datepublished", ""),
        day,
    ):
        try:
            moment = datetime.fromisoformat(written.strip())
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))
    return None
