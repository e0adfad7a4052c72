"""A mail's HTML -> the copy that the inbox shows in a frame, and what the mail links to.

The copy is not cleaned: the frame's sandbox and its Content-Security-Policy keep scripts, forms
and the network out, and what is shown should be what was sent. Three things are changed: pictures
that lie in the media folder are taken from there, links open nowhere, and `<link>` is dropped
(no directive of a Content-Security-Policy covers a preconnect)."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; sandbox"
)
"""The framed copy's Content-Security-Policy. `sandbox` holds too when it is opened by itself."""

PICTURES = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}

_INSIDE_TAG = r"""(?:"[^"]*"|'[^']*'|[^'">])*"""
_REMOTE_URL = re.compile(
    r"""(?P<before>\b(?:src|srcset|background|poster)\s*=\s*["']?"""
    r"""|url\(\s*(?:["']|&quot;|&\#39;)?)"""
    r"""(?P<url>https?://(?:(?!&quot;|&\#39;)[^\s"'<>)])+)""",
    re.IGNORECASE | re.VERBOSE,
)
_LINK_TAG = re.compile(rf"<link\b{_INSIDE_TAG}>", re.IGNORECASE)
_ANCHOR = re.compile(rf"<a\b(?={_INSIDE_TAG}\bhref\s*=\s*[\"']?#)", re.IGNORECASE)
_HEAD = re.compile(rf"<head\b{_INSIDE_TAG}>", re.IGNORECASE)
_DOCUMENT_START = re.compile(
    rf"\s*(?:<!doctype{_INSIDE_TAG}>)?\s*(?:<html\b{_INSIDE_TAG}>)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class FramedMail:
    """The copy, and the addresses of pictures that it will not show."""

    html: str
    blocked_urls: tuple[str, ...]


def list_pictures(media: Path | None) -> frozenset[str]:
    """Names of the pictures in the media folder: plain files only, no links, nothing hidden."""
    if media is None or not media.is_dir():
        return frozenset()
    return frozenset(
        file.name
        for file in media.iterdir()
        if file.suffix.lower() in PICTURES
        and not file.name.startswith(".")
        and file.is_file()
        and not file.is_symlink()
    )


def prepare_mail_frame(document: str, pictures: frozenset[str]) -> FramedMail:
    """`document` for the frame. A remote picture whose file name is in `pictures` becomes
    ``/media/NAME``; other ones stay as they are, and the policy keeps them out."""
    blocked_urls: dict[str, None] = {}

    def replace_url(match: re.Match[str]) -> str:
        url = html.unescape(match["url"])
        name = _extract_file_name(url)
        if name in pictures:
            return f"{match['before']}/media/{quote(name)}"
        blocked_urls[url] = None
        return match[0]

    framed_html = _REMOTE_URL.sub(replace_url, _LINK_TAG.sub("", document))
    framed_html = _ANCHOR.sub('<a target="_self"', framed_html)
    # A link that asks for a new window does nothing in a sandbox without allow-popups: a click
    # neither unsubscribes a reader nor replaces the message with an error.
    head = _HEAD.search(framed_html) or _DOCUMENT_START.match(framed_html)
    head_end = head.end() if head else 0
    return FramedMail(
        f'{framed_html[:head_end]}<base target="_blank">{framed_html[head_end:]}',
        tuple(blocked_urls),
    )


def _extract_file_name(url: str) -> str:
    try:
        return unquote(PurePosixPath(urlsplit(url).path).name)
    except ValueError:  # http://[
        return ""


@dataclass(frozen=True, slots=True)
class MailLink:
    """Where a link leads and the words that it stands on."""

    url: str
    words: str


def extract_links(document: str) -> tuple[MailLink, ...]:
    """The web and mail links of `document`, in order, each once."""
    parser = _LinkParser()
    parser.feed(document)
    parser.close()
    return tuple(dict.fromkeys(parser.links))


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[MailLink] = []
        self._url = ""
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._url = attributes.get("href", "").strip()
            self._words = []
        elif tag == "img" and self._url:
            self._words.append(attributes.get("alt", ""))

    def handle_data(self, data: str) -> None:
        if self._url:
            self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._url:
            if self._url.lower().startswith(("https://", "http://", "mailto:")):
                self.links.append(MailLink(self._url, " ".join("".join(self._words).split())))
            self._url = ""
