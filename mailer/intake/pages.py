"""Extract the article from a web page as a draft, without the site's navigation and frame.

trafilatura finds the article by heuristics that work well. Staff paste articles that it misses.
"""

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin

from mailer.errors import InputError, MailerError
from mailer.intake.characters import decode_text
from mailer.intake.drafts import (
    Draft,
    DraftDefaults,
    SourceArticle,
    build_draft,
    to_beginning,
)
from mailer.intake.extra import import_package
from mailer.intake.normalise import to_plain_text
from mailer.intake.normalise.clean import count_elements, get_host
from mailer.intake.normalise.html import render_start_tag
from mailer.intake.omissions import OmissionReport
from mailer.intake.page_dates import find_publication_time
from mailer.intake.page_region import (
    count_paragraphs,
    find_region,
    prepare_page,
    render_region,
    report_lost_text,
)
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
    report = OmissionReport()
    root = parse_tree(page)
    shown_page = page
    prepared_root = root
    if root is not None:
        prepared_root = prepare_page(root, report)
        shown_page = str(import_package("lxml.html").tostring(prepared_root, encoding="unicode"))
    extracted = _extract_article(shown_page, address)
    body = (
        "".join(_convert_to_html(extracted.body))
        if extracted is not None and extracted.body is not None
        else ""
    )
    region = find_region(prepared_root)
    if extracted is not None and region is not None and _is_run_together(extracted, region):
        body = render_region(region)
    # A page with only links is a table of contents.
    unlinked_body = re.sub(r"<a\b.*?</a>", "", body, flags=re.DOTALL)
    if len(to_beginning(unlinked_body, SHORTEST)) < SHORTEST:
        raise InputError(
            "no article was found on the page",
            where=address,
            hint="paste the article's text, or use the address of the article itself",
        )
    if encoding_problem:
        report.add_omission("doubtful characters", encoding_problem)
    page_report = OmissionReport()
    count_elements(page, page_report)
    report.add_omissions(
        omission for omission in page_report.list_omissions() if omission.kind in _REPORTED_KINDS
    )
    if region is not None:
        title = extracted.title if extracted is not None else ""
        report_lost_text(region, to_plain_text(body), title or "", report)
    metas = _find_metas(page)
    language = _find_language(page)
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
        published=find_publication_time(
            root,
            metas,
            address,
            language or defaults.language,
            defaults.time_zone,
            report,
        ),
        language=language,
        authors=tuple(re.split(r"\s*;\s*", extracted.author or "")),
        categories=(*(extracted.categories or ()), *(extracted.tags or ())),
        picture=Image(picture, alt) if picture else None,
    )
    return build_draft(article, defaults, report)


def _is_run_together(extracted: Any, region: Any) -> bool:
    """Check that trafilatura gave up on a short page, and returned its text as one paragraph."""
    blocks = 0 if extracted.body is None else len(extracted.body)
    return blocks <= 1 and count_paragraphs(region) > 0


def parse_tree(page: str) -> Any:
    """Return the page's tree, or None if it can't be parsed."""
    html = import_package("lxml.html")
    text = re.sub(r"^\s*<\?xml.*?\?>", "", page, count=1, flags=re.DOTALL)
    try:
        return html.document_fromstring(text)
    except Exception:  # lxml raises several kinds of errors for a page without elements
        return None


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
        name = attributes.get("property") or attributes.get("name") or ""
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
