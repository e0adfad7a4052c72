"""Repair the XML of feeds before feedparser reads it.

Some feeds hold characters that XML forbids, HTML's entities or bare ampersands (AT&T, ?a=1&b=2),
and some end in the middle of an entry. feedparser reads such feeds with a lenient parser that
changes their text, so the text is repaired first.
"""

import re
from html.entities import html5

_FORBIDDEN_CHARACTER = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_FORBIDDEN_REFERENCE = re.compile(
    r"&#(?:0*(?:[0-8]|1[1-24-9]|2\d|3[01])|x0*(?:[0-8bce-f]|1[0-9a-f]));", re.IGNORECASE
)
_BARE_AMPERSAND = re.compile(r"&(?!#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)")
_NAMED_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def repair_xml(text: str) -> str:
    """Return the XML without forbidden characters, with HTML's entities expanded, and with bare
    ampersands as ``&amp;``.

    Feeds use these entities, and few feeds declare them."""
    text = _FORBIDDEN_CHARACTER.sub("", text).lstrip()
    first, *parts = text.split("<![CDATA[")
    repaired = [_repair_markup(first)]
    for part in parts:
        inside, end, behind = part.partition("]]>")
        repaired.append(f"<![CDATA[{inside}{end}{_repair_markup(behind)}")
    return "".join(repaired)


def _repair_markup(text: str) -> str:
    text = _BARE_AMPERSAND.sub("&amp;", _FORBIDDEN_REFERENCE.sub("", text))
    return _MEDIA_TEXT_ELEMENT.sub(_rename_media_element, _NAMED_ENTITY.sub(_expand_entity, text))


_MEDIA_TEXT_ELEMENT = re.compile(r"<(/?)media:(description|title)\b[^>]{0,500}?(/?)>")


def _rename_media_element(match: re.Match[str]) -> str:
    """Return the tag under another name, because feedparser (6.0) would take a picture's title and
    description for those of the entry."""
    name = {"description": "alt", "title": "name"}[match[2]]
    return f"<{match[1]}media:{name}{match[3]}>"


def _expand_entity(match: re.Match[str]) -> str:
    if match[1] in _XML_NAMES:
        return match[0]
    # An unknown entity stays as text, as in browsers.
    return html5.get(f"{match[1]};", f"&amp;{match[1]};")


def close_truncated_feed(text: str) -> tuple[str, str]:
    """Return (text, problem): a truncated feed is ended after its last whole entry, and `problem`
    reports this. Any other feed is unchanged, and `problem` is empty."""
    root = re.search(
        r"<([A-Za-z][\w:.-]*)", re.sub(r"<\?.*?\?>|<!--.*?-->", "", text[:5000], flags=re.DOTALL)
    )
    if root is None or root[1].rpartition(":")[2].lower() not in {"rss", "feed", "rdf"}:
        return text, ""
    if re.search(rf"</{re.escape(root[1])}\s*>", text[-2000:]):
        return text, ""
    ends = list(re.finditer(r"</(?:\w+:)?(?:item|entry)\s*>", text))
    channel = "</channel>" if "<channel" in text and "</channel" not in text else ""
    complete = text[: ends[-1].end()] if ends else re.split(r"<(?:\w+:)?(?:item|entry)\b", text)[0]
    return f"{complete}{channel}</{root[1]}>", "the feed breaks off in the middle"
