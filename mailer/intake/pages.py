"""A web page -> the draft of the article on it, without what stands around it on every page.

trafilatura finds the article. It guesses, and well; what it can't find, staff paste.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from mailer.articles import Image
from mailer.errors import InputError, MailerError
from mailer.intake.characters import decode
from mailer.intake.drafts import Defaults, Draft, Said, draft
from mailer.intake.dropped import Report
from mailer.intake.extra import package
from mailer.intake.tidy import plain
from mailer.intake.tidy.element import opening
from mailer.intake.tidy.sweep import count_elements, host

SHORTEST = 20
"""Characters that an article must have beside its links."""

_SHOWN = frozenset({"frame", "sound", "video", "video frame"})


def read(data: bytes, defaults: Defaults, *, address: str, content_type: str = "") -> Draft:
    """The article of the page that was fetched from `address`. Raises InputError for a page that
    has none."""
    page, said_wrong = decode(data, content_type)
    found = _extracted(page, address)
    body = "".join(_html(found.body)) if found is not None and found.body is not None else ""
    # a page of links and nothing else is a contents list
    if len(plain(re.sub(r"<a\b.*?</a>", "", body, flags=re.DOTALL))) < SHORTEST:
        raise InputError(
            "no article was found on the page",
            where=address,
            hint="paste its text, or give the address of the article itself",
        )
    report = Report()
    if said_wrong:
        report.add("doubtful characters", said_wrong)
    around = Report()
    count_elements(page, around)
    report.extend(one for one in around.all() if one.what in _SHOWN)
    metas = _metas(page)
    link = found.url if host(found.url or "") else address
    alt = escape(metas.get("og:image:alt", ""), quote=False)
    picture = urljoin(address, found.image) if found.image else ""
    said = Said(
        origin=address,
        title=escape(found.title or metas.get("og:title", ""), quote=False),
        summary=escape(found.description or "", quote=False),
        body=body,
        base=urljoin(address, _base(page)),
        key=link,
        address=link,
        published=_moment(page, metas, found.date or "", defaults.time_zone),
        language=_language(page),
        authors=tuple(re.split(r"\s*;\s*", found.author or "")),
        categories=(*(found.categories or ()), *(found.tags or ())),
        picture=Image(picture, alt) if picture else None,
    )
    return draft(said, defaults, report)


def _extracted(page: str, address: str) -> Any:
    text = re.sub(r"^\s*<\?xml.*?\?>", "", page, count=1, flags=re.DOTALL)
    try:
        return package("trafilatura").bare_extraction(
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
            f"the page can't be read ({error})", where=address, hint="paste its text"
        ) from error


# ---- trafilatura's elements ---------------------------------------------------------------------

_ELEMENTS = {
    "cell": "td", "code": "code", "del": "del", "item": "li", "p": "p", "quote": "blockquote",
    "row": "tr", "table": "table",
}  # fmt: skip
_RENDERED = {"#b": "strong", "#i": "em", "#u": "u", "#t": "code", "#sub": "sub", "#sup": "sup"}


def _html(element: Any) -> Iterator[str]:
    """HTML of what trafilatura writes, which is TEI's elements."""
    if not isinstance(element.tag, str):
        return
    tag, given = _tag(element)
    if tag:
        yield opening(tag, tuple(given.items()))
    yield escape(element.text or "", quote=False)
    for child in element:
        yield from _html(child)
        yield escape(child.tail or "", quote=False)
    if tag and tag not in {"br", "img"}:
        yield f"</{tag}>"


def _tag(element: Any) -> tuple[str, dict[str, str]]:
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


def _metas(page: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in re.findall(r"<meta\b[^<>]{1,3000}>", page[:300_000], re.IGNORECASE):
        given = {
            name.lower(): unescape(one or other)
            for name, one, other in re.findall(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""", tag)
        }
        name = given.get("property") or given.get("name") or given.get("itemprop") or ""
        found.setdefault(name.lower(), given.get("content", ""))
    return found


def _base(page: str) -> str:
    found = re.search(
        r"""<base\b[^<>]{0,500}?href\s*=\s*["']?([^"'\s>]+)""", page[:50_000], re.IGNORECASE
    )
    return unescape(found[1]) if found else ""


def _language(page: str) -> str:
    found = re.search(
        r"""<html\b[^<>]{0,1000}?\blang\s*=\s*["']?([\w-]+)""", page[:50_000], re.IGNORECASE
    )
    return found[1] if found else ""


def _moment(page: str, metas: dict[str, str], day: str, time_zone: str) -> datetime | None:
    """When the page says that it was published: to the minute where it says so, else the day."""
    linked = re.search(r'"datePublished"\s*:\s*"([^"]{10,40})"', page)
    for written in (
        metas.get("article:published_time", ""),
        linked[1] if linked else "",
        metas.get("datepublished", ""),
        day,
    ):
        try:
            moment = datetime.fromisoformat(written.strip())
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))
    return None
