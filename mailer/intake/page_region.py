"""Find the region of a web page that holds its article, to check that an extraction loses no
text."""

import re
from collections.abc import Iterator
from copy import deepcopy
from itertools import islice
from typing import Any

from mailer.intake.extra import import_package
from mailer.intake.omissions import OmissionReport

_OTHER_TAGS = frozenset(
    {
        "aside", "button", "dialog", "footer", "form", "iframe", "input", "label", "nav",
        "noscript", "script", "select", "style", "svg", "template", "textarea", "time",
    }
)  # fmt: skip
"""Elements that are not part of an article's text."""

_OTHER_CLASS = re.compile(
    r"(?:^|[\s_-])(?:ad|advert\w*|author|authors|banner|breadcrumbs?|byline|comments?|cookies?"
    r"|date|dateline|follow|hidden|login|meta|menu|more|newsletter|pagination|popup|print|promo"
    r"|rating|recommended|related|screen-reader-text|share|sharing|sidebar|skip|social|sr-only"
    r"|subscribe|tags?|teaser|toolbar|visually-hidden|widget)(?:$|[\s_-])",
    re.IGNORECASE,
)
_BLOCKS = frozenset(
    {
        "address", "article", "blockquote", "caption", "dd", "details", "div", "dl", "dt",
        "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "li",
        "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th",
        "thead", "tr", "ul",
    }
)  # fmt: skip
_SENTENCES = frozenset(
    {"blockquote", "caption", "dd", "dt", "figcaption", "h2", "h3", "h4", "li", "p", "td", "th"}
)
_FEWEST_WORDS = 3
"""Minimum number of words of a text that counts as lost. A shorter text is a label."""

_MOST_BLOCKS = 5_000

LOST_TEXT = "text within the page's article"
"""The kind of omission that reports lost text."""


def find_region(root: Any) -> Any:
    """Return the element with the page's article, or None if the page does not mark it.

    It is the first of these that the page has: the element of microdata's articleBody, the only
    <article>, the only <article> with an <h1>, or the <main> of a page without any <article>."""
    if root is None:
        return None
    bodies = [
        element for element in _iterate_elements(root) if element.get("itemprop") == "articleBody"
    ]
    if len(bodies) == 1:
        return bodies[0]
    articles = [
        article
        for article in root.iter("article")
        if not any(parent.tag == "article" for parent in article.iterancestors())
    ]
    if len(articles) == 1:
        return articles[0]
    with_headline = [article for article in articles if article.find(".//h1") is not None]
    if len(with_headline) == 1:
        return with_headline[0]
    if articles:
        return None
    return next(
        (
            element
            for element in _iterate_elements(root)
            if element.tag == "main" or element.get("role") == "main"
        ),
        None,
    )


def prepare_page(root: Any, report: OmissionReport) -> Any:
    """Return a copy of the page's tree, without text that its visitors don't see, and with the
    dates in sentences as plain words: extractors take each date for a part of the page's frame."""
    copied = deepcopy(root)
    for element in list(_iterate_elements(copied)):
        if element.tag == "template" or element.get("hidden") is not None:
            if element.tag != "template" and (text := " ".join(element.itertext()).strip()):
                report.add_omission("hidden text", " ".join(text.split()))
            _remove_element(element)
        elif element.tag == "time" and _is_in_sentence(element):
            element.tag = "span"
            element.attrib.clear()
    return copied


def _is_in_sentence(time: Any) -> bool:
    for parent in time.iterancestors():
        if _is_other(parent):
            return False
        if parent.tag in _BLOCKS:
            own = "".join(time.itertext())
            rest = _get_inline_text(parent) if parent.tag in _SENTENCES else ""
            return bool(_get_words(rest.replace(own, "")))
    return False


def render_region(region: Any) -> str:
    """Return the region's HTML without its headline and elements that are not part of its text."""
    copied = deepcopy(region)
    copied.tail = None
    for element in list(_iterate_elements(copied)):
        if element is not copied and (element.tag == "h1" or _is_other(element)):
            _remove_element(element)
    return str(import_package("lxml.html").tostring(copied, encoding="unicode"))


def count_paragraphs(region: Any) -> int:
    """Return the number of the region's paragraphs with text."""
    return sum(
        1
        for paragraph in region.iter("p")
        if _get_words("".join(paragraph.itertext())) and not _is_in_other(paragraph, region)
    )


def report_lost_text(region: Any, text: str, title: str, report: OmissionReport) -> None:
    """Report the texts of the region that are not in `text`, the text of the article."""
    kept_words = f" {' '.join(_get_words(f'{title} {text}'))} "
    for block in islice(_iterate_texts(region), _MOST_BLOCKS):
        words = _get_words(block)
        if len(words) >= _FEWEST_WORDS and f" {' '.join(words)} " not in kept_words:
            report.add_omission(LOST_TEXT, " ".join(block.split()))
    for aside in islice(region.iter("aside"), _MOST_BLOCKS):
        text = " ".join(" ".join(_iterate_unlinked_text(aside)).split())
        words = _get_words(text)
        is_frame = any(
            parent is not region and _is_other(parent) for parent in aside.iterancestors()
        )
        if (
            len(words) >= _FEWEST_WORDS
            and not is_frame
            and not _OTHER_CLASS.search(f"{aside.get('class') or ''} {aside.get('id') or ''}")
            and f" {' '.join(words)} " not in kept_words
        ):
            report.add_omission("side note within the page's article", text)


def _iterate_unlinked_text(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str) and child.tag != "a" and not _is_other(child):
            yield from _iterate_unlinked_text(child)
        yield child.tail or ""


def _iterate_texts(element: Any) -> Iterator[str]:
    """Yield the text of each innermost block of `element`."""
    run = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and not _is_other(child):
            if child.tag in _BLOCKS:
                yield "".join(run)
                run = []
                yield from _iterate_texts(child)
            elif child.tag == "br":
                yield "".join(run)
                run = []
            elif any(inner.tag in _BLOCKS for inner in child.iter()):
                yield "".join(run)
                run = []
                yield from _iterate_texts(child)
            else:
                run.append(_get_inline_text(child))
        run.append(child.tail or "")
    yield "".join(run)


def _get_inline_text(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and not _is_other(child):
            parts.append(_get_inline_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _is_other(element: Any) -> bool:
    if element.tag in _OTHER_TAGS or element.get("hidden") is not None:
        return True
    if element.get("aria-hidden") == "true" or element.get("rel") == "author":
        return True
    if element.get("itemprop") in {"author", "datePublished", "dateModified", "publisher"}:
        return True
    if re.search(r"display\s*:\s*none|visibility\s*:\s*hidden", element.get("style") or ""):
        return True
    marks = f"{element.get('class') or ''} {element.get('id') or ''}"
    return _OTHER_CLASS.search(marks) is not None


def _is_in_other(element: Any, region: Any) -> bool:
    for parent in (element, *element.iterancestors()):
        if parent is region:
            return False
        if _is_other(parent):
            return True
    return False


def _iterate_elements(root: Any) -> Iterator[Any]:
    return (element for element in root.iter() if isinstance(element.tag, str))


def _remove_element(element: Any) -> None:
    """Remove an element, but not the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        previous = element.getprevious()
        if previous is not None:
            previous.tail = (previous.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _get_words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
