"""Feeds -> drafts: RSS 0.91, 0.92, 1.0 and 2.0, Atom 0.3 and 1.0, as they are in the wild.

feedparser reads them; here is decided what of it an article is. Half of all feeds are broken in
some way, so nothing is refused that can be understood: what was wrong is said beside the drafts.
"""

import re
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import escape, unescape
from html.entities import html5
from io import BytesIO
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from mailer.articles import Image
from mailer.errors import InputError, MailerError
from mailer.intake.characters import decode
from mailer.intake.drafts import Batch, Defaults, Draft, Problem, Said, apart, draft, one_line
from mailer.intake.dropped import Report
from mailer.intake.extra import package

MOST = 100
"""Entries that are taken of one feed."""


def read(
    data: bytes, defaults: Defaults, *, address: str = "", content_type: str = "", most: int = MOST
) -> Batch:
    """The entries of a feed, each a draft or a problem: one bad entry keeps no other out.

    `address` is where it was fetched, `content_type` what the server said of it. Raises InputError
    for what is no feed."""
    origin = address or "feed"
    text, said_wrong = decode(data, content_type)
    text, cut_off = _whole(_mended(text))
    found = _parsed(text, origin)
    problems = [
        Problem(origin, InputError(what, where=origin, hint="what could be read was taken"))
        for what in (said_wrong, cut_off, _malformed(found))
        if what
    ]
    if not found["entries"] and not found.get("version"):
        raise _no_feed(text, address, origin)
    if len(found["entries"]) > most:
        problems.append(_too_many(len(found["entries"]), most, origin))
    drafts: dict[str, Draft] = {}
    for entry in found["entries"][:most]:
        said = _said(entry, found["feed"], address, defaults, origin)
        try:
            one = draft(said, defaults, _report(entry))
        except MailerError as error:
            problems.append(Problem(said.origin, error, said.key))
            continue
        if one.key not in drafts:
            drafts[one.key] = one
        elif drafts[one.key].fingerprint != one.fingerprint:
            problems.append(_twice(one))
    return Batch(apart(drafts.values()), tuple(problems))


def addresses(page: str, base: str) -> list[str]:
    """The addresses of the feeds that a web page names in its head."""
    found = []
    for link in re.findall(r"<link\b[^>]{0,1000}>", page[:200_000], re.IGNORECASE):
        kind = re.search(r"application/(?:rss|atom|rdf)\+xml", link, re.IGNORECASE)
        href = re.search(r"""href\s*=\s*["']?([^"'\s>]+)""", link, re.IGNORECASE)
        if kind and href:
            found.append(urljoin(base, href[1].replace("&amp;", "&")))
    return list(dict.fromkeys(found))


# ---- the file ---------------------------------------------------------------------------------

_NO_CHARACTER = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_NO_NUMBER = re.compile(
    r"&#(?:0*(?:[0-8]|1[1-24-9]|2\d|3[01])|x0*(?:[0-8bce-f]|1[0-9a-f]));", re.IGNORECASE
)
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def _mended(text: str) -> str:
    """XML without the characters that XML may not hold, and with HTML's entities spelt out: few
    feeds declare them."""
    text = _NO_CHARACTER.sub("", text).lstrip()
    first, *parts = text.split("<![CDATA[")
    mended = [_mended_markup(first)]
    for part in parts:
        inside, end, behind = part.partition("]]>")
        mended.append(f"<![CDATA[{inside}{end}{_mended_markup(behind)}")
    return "".join(mended)


def _mended_markup(text: str) -> str:
    return _OF_PICTURES.sub(_renamed, _NAMED.sub(_spelt, _NO_NUMBER.sub("", text)))


_OF_PICTURES = re.compile(r"<(/?)media:(description|title)\b[^>]{0,500}?(/?)>")


def _renamed(found: re.Match[str]) -> str:
    """feedparser (6.0) takes a picture's own title and description for its entry's."""
    name = {"description": "alt", "title": "name"}[found[2]]
    return f"<{found[1]}media:{name}{found[3]}>"


def _spelt(found: re.Match[str]) -> str:
    if found[1] in _XML_NAMES:
        return found[0]
    # what no one knows is text, as browsers have it
    return html5.get(f"{found[1]};", f"&amp;{found[1]};")


def _whole(text: str) -> tuple[str, str]:
    """The feed up to its last whole entry, where it breaks off, and a word about that."""
    root = re.search(
        r"<([A-Za-z][\w:.-]*)", re.sub(r"<\?.*?\?>|<!--.*?-->", "", text[:5000], flags=re.DOTALL)
    )
    if root is None or root[1].rpartition(":")[2].lower() not in {"rss", "feed", "rdf"}:
        return text, ""
    if re.search(rf"</{re.escape(root[1])}\s*>", text[-2000:]):
        return text, ""
    ends = list(re.finditer(r"</(?:\w+:)?(?:item|entry)\s*>", text))
    channel = "</channel>" if "<channel" in text and "</channel" not in text else ""
    kept = text[: ends[-1].end()] if ends else re.split(r"<(?:\w+:)?(?:item|entry)\b", text)[0]
    return f"{kept}{channel}</{root[1]}>", "it breaks off in the middle"


def _parsed(text: str, origin: str) -> Any:
    """What feedparser makes of it. It is given UTF-8 and told so: its own guesses go by rules that
    RFC 7303 has replaced."""
    plain = re.sub(r"^<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL)
    # not told of the address: it would make a link of every id
    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        # a file and never a string, which it would take for an address or a path and open
        return package("feedparser").parse(
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


def _malformed(found: Mapping[str, Any]) -> str:
    error: Any = found.get("bozo_exception")
    if not found.get("bozo") or not hasattr(error, "getLineNumber"):
        return ""
    return f"it is not well-formed XML (line {error.getLineNumber()}: {error.getMessage()})"


def _no_feed(text: str, address: str, origin: str) -> InputError:
    if re.search(r"<(?:!doctype\s+html|html|head|body)\b", text[:5000], re.IGNORECASE):
        named = addresses(text, address)
        return InputError(
            "this is a web page and no feed",
            where=origin,
            hint=f"it names its feed: {named[0]}" if named else "give the address of its feed",
        )
    return InputError(
        "this is no feed", where=origin, hint="give the address of an RSS or Atom feed"
    )


def _too_many(number: int, most: int, origin: str) -> Problem:
    error = InputError(
        f"it has {number} entries, of which the first {most} were read",
        where=origin,
        hint="add older ones by hand",
    )
    return Problem(origin, error)


def _twice(one: Draft) -> Problem:
    error = InputError(
        f"two entries say that they are {one.key}",
        where=one.origin,
        hint="the first was taken; ask the feed's owner to give each entry an id of its own",
    )
    return Problem(one.origin, error, one.key)


# ---- an entry ---------------------------------------------------------------------------------


def _said(
    entry: dict[str, Any],
    feed: Mapping[str, Any],
    address: str,
    defaults: Defaults,
    origin: str,
) -> Said:
    body, detail = _body(entry)
    summary = _html(entry.get("summary_detail"))
    title = _html(entry.get("title_detail"))
    site = _joined(address, str(feed.get("link", ""))) or address
    link = _link(entry, site)
    published = _moment(entry, defaults.time_zone)
    key = str(entry.get("id") or link or "")
    if not key:
        key = f"{one_line(title)} {published or ''} {'' if title else one_line(body)[:200]}".strip()
    return Said(
        origin=f"{origin}, {one_line(title) or link or key}",
        title=title,
        body=body,
        summary=summary,
        base=_joined(site, str(detail.get("base") or "")) or link or site,
        key=key,
        address=link,
        published=published,
        language=str(
            dict.get(entry, "language") or detail.get("language") or feed.get("language") or ""
        ),
        authors=_authors(entry, feed),
        categories=tuple(
            str(tag.get("label") or tag.get("term") or "") for tag in entry.get("tags", ())
        ),
        picture=_picture(entry, link),
    )


def _body(entry: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The longest of the contents, which is the whole of it; else the summary."""
    contents = [one for one in entry.get("content", ()) if str(one.get("value", "")).strip()]
    texts = [one for one in contents if _is_text(one)]
    if texts:
        longest = max(texts, key=lambda one: len(str(one["value"])))
        return _html(longest), longest
    detail = entry.get("summary_detail") or {}
    return _html(detail), detail


def _is_text(detail: Mapping[str, Any]) -> bool:
    kind = str(detail.get("type") or "text/html").lower()
    return kind.startswith("text/") or "html" in kind


_ESCAPED = re.compile(r"&lt;/?(?:a|b|br|div|em|h\d|i|img|li|ol|p|span|strong|ul)\b[^<]*?&gt;")


def _html(detail: Mapping[str, Any] | None) -> str:
    """A construct's value as HTML: plain text is escaped, its empty lines
    become paragraphs; HTML that was escaped twice is read once more."""
    value = str((detail or {}).get("value", ""))
    if detail and detail.get("type") == "text/plain":
        return "".join(f"<p>{escape(part)}</p>" for part in re.split(r"\n\s*\n", value))
    if detail and detail.get("type") == "application/xhtml+xml":
        # feedparser writes <br></br>, which to HTML's parsers are two
        return re.sub(r"</(?:br|hr|img)>", "", value)
    if _ESCAPED.search(value) and not re.search("<[a-zA-Z]", value):
        return unescape(value)
    return value


def _link(entry: dict[str, Any], base: str) -> str:
    links: Sequence[Mapping[str, Any]] = entry.get("links", ())
    pages = [
        str(one.get("href", ""))
        for one in links
        if one.get("rel", "alternate") == "alternate"
        and "html" in str(one.get("type") or "text/html")
    ]
    link = next(filter(None, pages), "") or str(entry.get("link") or "")
    # RSS 2.0 takes an id for a link, unless it says that it is none; most forget to
    if link == entry.get("id") and not re.match("https?:", link):
        return ""
    return _joined(base, link)


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address.strip()) if address.strip() else ""
    except ValueError:
        return ""


_ZONED = re.compile(r"(?:Z|[A-Za-z]{1,5}|[+-]\d\d:?\d\d|[+-]\d{1,2}|\([\w ]+\))\s*$")


def _moment(entry: dict[str, Any], time_zone: str) -> datetime | None:
    """When it came out. A date in words or an order that feedparser doesn't know is none."""
    for name in ("published", "created", "updated"):
        # not by entry[name], which warns when it falls back to another date
        parsed, said = dict.get(entry, f"{name}_parsed"), str(dict.get(entry, name) or "")
        try:
            if parsed:
                moment = datetime.fromtimestamp(timegm(parsed), UTC)
                if not _ZONED.search(said):
                    moment = moment.replace(tzinfo=ZoneInfo(time_zone))
                return moment.astimezone(UTC)
            if said:
                return parsedate_to_datetime(_OFFSET.sub(_offset, said)).astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


_OFFSET = re.compile(r"(?:GMT|UTC)\s*([+-])(\d{1,2}):?(\d\d)?$")


def _offset(found: re.Match[str]) -> str:
    return f"{found[1]}{int(found[2]):02}{found[3] or '00'}"


def _authors(entry: dict[str, Any], feed: Mapping[str, Any]) -> tuple[str, ...]:
    named = [str(one.get("name") or "") for one in entry.get("authors", ()) if one]
    return tuple(filter(None, named)) or (str(entry.get("author") or ""),)


def _pictures(entry: dict[str, Any]) -> Iterator[str]:
    for one in entry.get("media_content", ()):
        kind = f"{one.get('medium', '')} {one.get('type', '')}"
        if "image" in kind or re.search(r"\.(?:jpe?g|png|gif|webp)$", str(one.get("url", ""))):
            yield str(one.get("url", ""))
    for one in entry.get("enclosures", ()):
        if str(one.get("type", "")).startswith("image/"):
            yield str(one.get("href", ""))
    for one in entry.get("media_thumbnail", ()):
        yield str(one.get("url", ""))
    yield str((entry.get("image") or {}).get("href") or "")


def _picture(entry: dict[str, Any], base: str) -> Image | None:
    url = next(filter(None, _pictures(entry)), "")
    if not url:
        return None
    credit = next((str(one.get("content", "")) for one in entry.get("media_credit", ())), "")
    alt = str(entry.get("media_alt") or entry.get("media_name") or "")
    return Image(_joined(base, url), alt, credit)


def _report(entry: dict[str, Any]) -> Report:
    """What an entry carries beside its text that no article has."""
    report = Report()
    for one in (*entry.get("enclosures", ()), *entry.get("media_content", ())):
        kind = str(one.get("type") or one.get("medium") or "image").partition("/")[0]
        if kind != "image":
            what = {"audio": "sound file", "video": "video file"}.get(kind, "attached file")
            report.add(what, str(one.get("href") or one.get("url") or ""))
    return report
